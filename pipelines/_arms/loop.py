"""The loop over the runs that are left, each in a folder of its own."""

import hashlib
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from _arms.lines import append, make_line, read, select
from _arms.session import session, taking_turns
from _arms.study import Run, Study
from pairgen.errors import PairgenError
from pairgen.kinds.machine import device_name, versions
from pairgen.types import canonical_json


def run_left(study: Study, runs: Sequence[Run], root: Path, results: Path, end: float) -> list[Run]:
    """Run what is not done, one after the other, and append a line for each.

    Args:
        study: The study.
        runs: Its runs, in order.
        root: The study's folder of runs.
        results: The file of results.
        end: No run begins later, in seconds of `time.monotonic`.

    Returns:
        The runs that failed with an error that pairgen knows; the others went on.
    """
    if not runs_to_do(study, runs, results):
        return []
    root.mkdir(parents=True, exist_ok=True)
    if study.prepare:
        with taking_turns(root / "prepare.lock"):
            study.prepare(root)
    failed = []
    seen: set[Run] = set()
    while left := [run for run in runs_to_do(study, runs, results) if run not in seen]:
        if time.monotonic() >= end:
            break
        seen.add(left[0])
        try:
            run_one(study, left[0], root, results)
        except PairgenError as error:
            failed.append(left[0])
            say(f"{left[0]} failed: {error}")
    return failed


def runs_to_do(study: Study, runs: Sequence[Run], results: Path) -> list[Run]:
    """Return those of the runs that have no line yet."""
    done = select(study, read(results))
    return [run for run in runs if run not in done]


def run_one(study: Study, run: Run, root: Path, results: Path) -> None:
    """Run one arm and append its line; nothing where another process is at it or has done it."""
    folder = root / folder_name(study, run)
    with session(folder) as seconds_before:
        if seconds_before is None:
            say(f"{run}: another process is at it.")
            return
        if not runs_to_do(study, [run], results):
            return
        say(f"{run}: begins." if not seconds_before else f"{run}: goes on.")
        began = time.monotonic()
        figures = study.run(run.arm, run.seed, run.steps, folder)
        facts = {
            "seconds": seconds_before + time.monotonic() - began,
            "device": device_name(torch.device("cuda" if torch.cuda.is_available() else "cpu")),
            "versions": versions(("torch",)),
        }
        append(results, make_line(study, run, figures, facts))


def folder_name(study: Study, run: Run) -> str:
    """Return the name of a run's folder; other settings have another one."""
    slug = re.sub(r"[^a-z0-9]+", "-", run.arm.lower().replace("+", "with ")).strip("-")
    known = canonical_json([run, study.settings, study.arms[run.arm]])
    return f"{slug}-{run.steps}-{run.seed}-{hashlib.sha256(known.encode()).hexdigest()[:8]}"


def say(text: str) -> None:
    """Print a line beside the tables."""
    print(text, file=sys.stderr, flush=True)
