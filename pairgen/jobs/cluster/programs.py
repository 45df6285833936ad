"""Run the programs of others: Ray's launcher, kubectl, Slurm's commands."""

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from pairgen.errors import ConfigError, PairgenError

# Ray's own command line, whatever is on the path.
RAY = (sys.executable, "-m", "ray.scripts.scripts")


def check_ray() -> None:
    """Raise ConfigError if Ray or what its job server needs is not installed."""
    if importlib.util.find_spec("ray") is None or importlib.util.find_spec("aiohttp_cors") is None:
        raise ConfigError("Clusters need Ray with its job server: pip install 'pairgen[ray]'.")


def found(program: str) -> str:
    """Return the path of a program.

    Raises:
        ConfigError: It is not installed.
    """
    path = shutil.which(program)
    if path is None:
        raise ConfigError(f"There is no program {program!r} on the PATH of this machine.")
    return path


def output_of(line: Sequence[str], *, stdin: str = "", env: Mapping[str, str] | None = None) -> str:
    """Run a program and return what it printed.

    Raises:
        PairgenError: It failed; the message holds the last line of what it said.
    """
    done = subprocess.run(  # noqa: S603
        [found(line[0]), *line[1:]],
        input=stdin,
        capture_output=True,
        text=True,
        errors="replace",
        env=env,
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["it said nothing"]
        raise PairgenError(f"`{_name(line)}` failed with {done.returncode}: {said[-1]}")
    return done.stdout


def json_of(line: Sequence[str]) -> Any:
    """Run a program and read what it printed as JSON.

    Raises:
        PairgenError: It failed.
    """
    return json.loads(output_of(line))


def run(line: Sequence[str], env: Mapping[str, str] | None = None) -> None:
    """Run a program in the user's own terminal.

    Raises:
        PairgenError: It failed.
    """
    code = subprocess.run([found(line[0]), *line[1:]], env=env).returncode  # noqa: S603
    if code:
        raise PairgenError(f"`{_name(line)}` failed with exit code {code}.")


def _name(line: Sequence[str]) -> str:
    """Return the program and what it was asked to do, as a user would type it."""
    words = ["ray", *line[len(RAY) :]] if tuple(line[: len(RAY)]) == RAY else line
    return " ".join(words[:2])
