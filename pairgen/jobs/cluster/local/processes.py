"""The processes of a local cluster, told by a mark in their environment.

Ray's processes leave their parents, sessions and groups, and process ids are used again. All that
a node starts inherits its environment, though, so the mark proves whose a process is.
"""

import os
import time
from collections.abc import Iterator

import psutil

from pairgen.errors import PairgenError

MARK, NODE = "PAIRGEN_CLUSTER_MARK", "PAIRGEN_CLUSTER_NODE"
SECONDS_TO_DIE = 30.0


def marked(mark: str) -> Iterator[tuple[psutil.Process, str]]:
    """Yield the living processes with a mark, and the number of the node that each belongs to.

    This process is none of them, though it may run in a job.
    """
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        try:
            environment = process.environ()
            if environment.get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                yield process, environment.get(NODE, "")
        except (psutil.Error, OSError):
            # Ended meanwhile, or another user's.
            continue


def living_nodes(mark: str) -> set[int]:
    """Return the numbers of the nodes whose raylet lives, and of the head only with its GCS."""
    programs: dict[int, set[str]] = {}
    for process, node in marked(mark):
        if node.isdigit():
            programs.setdefault(int(node), set()).add(_program(process))
    needed = {0: {"raylet", "gcs_server"}}
    return {node for node, names in programs.items() if needed.get(node, {"raylet"}) <= names}


def end_all(mark: str, node: int | None = None) -> None:
    """End every process with a mark, of one node or of all; return when none is left.

    Raises:
        PairgenError: One cannot be ended.
    """
    deadline = time.monotonic() + SECONDS_TO_DIE
    while True:
        # Again and again: one may have forked another in between.
        left = [each for each, of in marked(mark) if node is None or of == str(node)]
        if not left:
            return
        if time.monotonic() > deadline:
            raise PairgenError(f"Process {left[0].pid} of the cluster cannot be ended.")
        for process in left:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(left, timeout=0.2)


def _program(process: psutil.Process) -> str:
    try:
        return str(process.cmdline()[0]).rpartition("/")[2]
    except (psutil.Error, IndexError):
        return ""
