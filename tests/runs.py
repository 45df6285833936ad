"""Real runs for tests: the command line in a process of its own, and the bytes it leaves."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests import warm

# The closed-form teacher: a real member of the family that starts in a second. 20 shards of 12.
SMALL_SET = {
    "model": "gaussian",
    "cfg": "3,8",
    "num-samples": 240,
    "samples-per-shard": 12,
    "steps": 20,
    "solver": "heun",
}

# A call that takes a second: 8 shards, the last of them short.
QUICK_ODE = {
    "model": "gaussian",
    "cfg": "4",
    "num_samples": 30,
    "samples_per_shard": 4,
    "steps": 4,
    "executor": "serial",
}


def command(name: str, *arguments: str, **options: object) -> list[str]:
    """Return a `pairgen` command line."""
    return [sys.executable, "-m", "pairgen", *words(name, *arguments, **options)]


def words(name: str, *arguments: str, **options: object) -> list[str]:
    """Return what stands behind `pairgen` on a command line."""
    flags = [f"--{key.replace('_', '-')}={value}" for key, value in options.items()]
    return [name, *arguments, *flags]


def run(name: str, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a `pairgen` command to its end, in a process of its own."""
    return warm.run(warm.AS_MODULE + words(name, *arguments, **options))


def run_many(folder: Path, *lines: Sequence[object], **environment: str) -> tuple[str, list[int]]:
    """Run `pairgen` commands in one process and folder; return what they said and exit codes."""
    result = warm.run(
        [],
        code="from tests.many_commands import run_all\nrun_all()",
        stdin=json.dumps([[str(word) for word in line] for line in lines]),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), **environment},
    )
    assert result.returncode == 0, result.stderr
    said, _, codes = result.stdout.rstrip().rpartition("\n")
    return said + result.stderr, json.loads(codes)


def start(log: Path, name: str, *arguments: str, **options: object) -> warm.Started:
    """Start a `pairgen` command in a process group of its own; stderr goes to `log`."""
    line = warm.AS_MODULE + words(name, *arguments, **options)
    with log.open("wb") as stream, open(os.devnull, "r+b") as nothing:
        streams = [nothing.fileno(), nothing.fileno(), stream.fileno()]
        return warm.start(line, streams, session=True)


def shas(out: Path) -> dict[str, str]:
    """Return the SHA-256 of every tar and index file of a dataset."""
    files = sorted([*out.glob("train/*"), *out.glob("__meta__/index/*")])
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def samples(out: Path) -> list[dict[str, bytes]]:
    """Return the members of every sample of a dataset, in order."""
    found: dict[str, dict[str, bytes]] = {}
    for path in sorted(out.glob("train/*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                key, _, extension = member.name.partition(".")
                found.setdefault(key, {})[extension] = tar.extractfile(member).read()
    return [found[key] for key in sorted(found)]


def receipts(out: Path) -> dict[str, int]:
    """Return the receipts that stand, with the time they were written (ns)."""
    return {path.name: path.stat().st_mtime_ns for path in out.glob("__meta__/shards/*.json")}


def undo_shards(out: Path) -> None:
    """Put a dataset back to where its plan stands and no shard was begun."""
    made = ("train/*", "__meta__/shards/*", "__meta__/index/*", "__meta__/manifest.json")
    for path in (each for pattern in made for each in out.glob(pattern)):
        path.unlink()
    (out / "README.md").unlink()


def leftovers(out: Path) -> list[str]:
    """Return the tars that killed workers left in the spool."""
    return [path.name for path in out.glob("__meta__/tmp/*.tar")]


def wait_until(condition, seconds: float = 60.0) -> None:
    """Wait until `condition()` holds; fail when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def worker_pids(log: Path) -> list[int]:
    """Return the process ids of the Ray workers that a run has announced."""
    return [int(pid) for pid in re.findall(r"worker \d+: pid (\d+) on", log.read_text())]


def kill_group(process: warm.Started) -> None:
    """SIGKILL a process and all it started in its group."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
