"""What a call takes of memory at most, in a process of its own."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

CODE = """
import importlib
import sys
from pathlib import Path
module = importlib.import_module(sys.argv[1])
def peak():
    return 1024 * int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
before = peak()
getattr(module, sys.argv[2])(Path(sys.argv[3]), *sys.argv[4:])
print(peak() - before)
"""
ROOT = Path(__file__).parents[2]


def most_bytes_of(call: Callable, path: Path, *words: str) -> int:
    """Return the memory that a function of a test's module takes at most for a file."""
    command = [sys.executable, "-c", CODE, call.__module__, call.__name__, str(path), *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)
