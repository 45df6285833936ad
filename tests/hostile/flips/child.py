"""Run `pairgen` in a forked child of this process, which has imported it; measure what it takes."""

import gc
import importlib
import os
import pkgutil
import resource
import select
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.warm import IMPORTED, NOT_IMPORTED

# Far above what any case may take: it ends a bomb before it ends the machine.
ADDRESS_SPACE = 6 * 2**30


@dataclass(frozen=True)
class Outcome:
    """How a command ended.

    Attributes:
        code: Its exit code; the negative number of a signal; None if it had to be stopped.
        text: What it said.
        seconds: How long it took.
        num_bytes: How much more memory it took than the process it was forked from.
    """

    code: int | None
    text: str
    seconds: float
    num_bytes: int


def import_all() -> None:
    """Import what commands need, once for all of them."""
    package = importlib.import_module("pairgen")
    for each in pkgutil.walk_packages(package.__path__, "pairgen."):
        if each.name not in NOT_IMPORTED:
            importlib.import_module(each.name)
    for name in IMPORTED:
        importlib.import_module(name)
    # What does not change stays shared with the children.
    gc.collect()
    gc.freeze()


def run(words: Sequence[str], folder: Path, timeout: float) -> Outcome:
    """Run a command in a folder; end it after `timeout` seconds."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as nothing:
        start = time.monotonic()
        pid = os.fork()
        if pid == 0:
            _become(words, folder, said.fileno(), nothing.fileno())
        watched = os.pidfd_open(pid)
        has_ended = bool(select.select([watched], [], [], timeout)[0])
        os.close(watched)
        if not has_ended:
            os.kill(pid, signal.SIGKILL)
        _, status, used = os.wait4(pid, 0)
        seconds = time.monotonic() - start
        said.seek(0)
        text = said.read().decode("utf-8", "backslashreplace")
    code = os.waitstatus_to_exitcode(status) if has_ended else None
    return Outcome(code, text, seconds, used.ru_maxrss * 1024 - _own_bytes())


def _own_bytes() -> int:
    """Return the memory that this process has, and so a child at its begin."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def _become(words: Sequence[str], folder: Path, said: int, nothing: int) -> None:
    """Be the command."""
    from pairgen.cli import main

    os.dup2(nothing, 0)
    os.dup2(said, 1)
    os.dup2(said, 2)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.chdir(folder)
    sys.argv = ["pairgen", *words]
    code = 1
    try:
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
