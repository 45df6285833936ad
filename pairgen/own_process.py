"""Python in a process of its own: it can be stopped, and cannot harm this one."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Characters of why a process failed.
MAX_REASON = 300


@dataclass(frozen=True)
class Outcome:
    """How a script ended.

    Attributes:
        lines: What it printed, each line read as JSON.
        failure: Why it did not come to its end; empty when it did.
    """

    lines: tuple[Any, ...]
    failure: str


def run_script(
    code: str,
    seconds: float,
    *arguments: str,
    stdin: str = "",
    env: Mapping[str, str] | None = None,
) -> Outcome:
    """Run Python code in a process of its own; whatever it does, this process goes on.

    Args:
        code: Prints JSON, a line each, and flushes.
        seconds: After which it is killed, and all that it started.
        *arguments: Its `sys.argv[1:]`.
        stdin: What it reads.
        env: Added to the environment.
    """
    # -P: what lies in the working directory must not pass for a package.
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-P", "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
        env={**os.environ, **(env or {})},
    )
    failure = ""
    try:
        out, errors = process.communicate(stdin, timeout=seconds)
        if process.returncode:
            failure = _last_line(errors) or f"the process died with exit code {process.returncode}"
    except subprocess.TimeoutExpired:
        _kill(process.pid)
        out, _ = process.communicate()
        failure = f"not finished after {seconds:.0f} s"
    except BaseException:
        _kill(process.pid)
        process.communicate()
        raise
    return Outcome(tuple(_json_lines(out)), failure)


def _kill(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _json_lines(text: str) -> list[Any]:
    found = []
    for line in text.splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            # What a library says while it is imported.
            continue
    return found


def _last_line(text: str) -> str:
    """Return what a process said last that names an error, or else said last; shortened."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    named = [line for line in lines if "Error" in line.partition(":")[0]] or lines
    return named[-1][:MAX_REASON] if named else ""
