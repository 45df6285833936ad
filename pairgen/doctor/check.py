"""A check of this machine, and scripts that are tried in a process of their own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OK, MISSING, BROKEN = "ok", "missing", "broken"


@dataclass(frozen=True)
class Check:
    """What was found of one thing.

    Attributes:
        name: Of the thing.
        status: `ok`, `missing` (works without, with less) or `broken`.
        found: In words.
        remedy: What to do; empty when there is nothing to do.
        is_core: Whether pairgen does not work when it is not ok.
    """

    name: str
    status: str
    found: str
    remedy: str = ""
    is_core: bool = False


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
    code: str, seconds: float, *arguments: str, env: Mapping[str, str] | None = None
) -> Outcome:
    """Run Python code in a process of its own; whatever it does, this process goes on.

    Args:
        code: Prints JSON, a line each, and flushes.
        seconds: After which it is killed, and all that it started.
        *arguments: Its `sys.argv[1:]`.
        env: Added to the environment.
    """
    # -P: what lies in the working directory must not pass for a package.
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-P", "-c", code, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
        env={**os.environ, **(env or {})},
    )
    failure = ""
    try:
        out, errors = process.communicate(timeout=seconds)
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
    """Return the line of a traceback that names the error, shortened."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""
