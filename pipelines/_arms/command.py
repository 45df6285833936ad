"""The command line of a study: what can be asked, and what is said."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from _arms.lines import Line, read, select
from _arms.loop import run_left, runs_to_do, say
from _arms.order import chosen_arms, ordered_runs
from _arms.study import Run, Study
from _arms.tables import check, compare, comparison_table, mean_table
from pairgen.errors import ConfigError

WORK_TREE = Path(__file__).resolve().parents[2]


def study_parser(
    description: str, *, results: Path, steps: Sequence[int], seeds: int = 3, minutes: float = 60
) -> argparse.ArgumentParser:
    """Return a parser with the options of every study; the pipeline adds its own."""
    parser = argparse.ArgumentParser(description=description)
    add = parser.add_argument
    add("--minutes", type=float, default=minutes, help="no run begins later; 0: tables only")
    add("--arms", default="", metavar="NAME[,NAME]", help="run these only; the tables show all")
    add("--seeds", type=_count, default=seeds, metavar="N", help="seeds 0 to N - 1")
    add("--steps", type=_counts, default=tuple(steps), metavar="N[,N]")
    add("--runs", type=Path, metavar="DIR", help="[pairgen/runs in your cache]")
    add("--results", type=Path, default=results, metavar="FILE")
    add("--check", action="store_true", help="exit with 1 unless all holds that must hold")
    return parser


def run_study(study: Study, options: argparse.Namespace) -> None:
    """Do what a command line asks of a study: run what is left, print the tables, check.

    Exits with 130 after Ctrl-C, and with 1 if a run failed, or if `--check` finds something that
    must hold and does not, or lacks seeds. Several such commands share the work.

    Raises:
        ConfigError: an arm is unknown, the folder of runs lies in the work tree, or the file of
            results has other lines.
    """
    end = time.monotonic() + 60 * options.minutes
    runs = ordered_runs(study, chosen_arms(options.arms, study.arms))
    root = runs_folder(options.runs) / study.name
    if read(options.results).damaged:
        say(f"The last line of {options.results} was not written to its end: it is left out.")
    failed: list[Run] = []
    if options.minutes > 0:
        try:
            failed = run_left(study, runs, root, options.results, end)
        except KeyboardInterrupt:
            say("Interrupted: the same command goes on.")
            sys.exit(130)
    holds = print_tables(study, options)
    say(what_is_left(runs, runs_to_do(study, runs, options.results)))
    if failed or (options.check and not holds):
        sys.exit(1)


def runs_folder(asked: Path | None) -> Path:
    """Return the folder of all runs: what was asked for, or `pairgen/runs` in the user's cache.

    Raises:
        ConfigError: it lies in the work tree.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    found = (asked or cache / "pairgen/runs").expanduser().resolve()
    if found.is_relative_to(WORK_TREE):
        raise ConfigError(
            f"The folder of runs, {found}, is in the work tree: give --runs a folder outside "
            f"{WORK_TREE}."
        )
    return found


def print_tables(study: Study, options: argparse.Namespace) -> bool:
    """Print the tables, and what they were made of; return whether all holds that must hold."""
    lines = read(options.results)
    done = select(study, lines)
    print("\n".join(mean_table(study, done)))
    found = compare(study, done)
    shown = [each for each in found if each.num_known or each.comparison.must_hold]
    if shown:
        print("\n" + "\n".join(comparison_table(shown)))
    if done:
        say(what_it_took(list(done.values())))
    num_others = len(lines.whole) - len(done)
    if num_others:
        say(
            f"{num_others} of {len(lines.whole)} lines of {options.results} are left out: "
            "of other settings, steps or seeds, or a second one of a run."
        )
    said, holds = check(found)
    if options.check:
        print(f"\n{said}")
    return holds


def what_it_took(lines: Sequence[Line]) -> str:
    """Return the hours of the runs of a table, their devices, and the versions that made them."""
    hours = sum(line["seconds"] for line in lines) / 3600
    devices = sorted({line["device"] for line in lines})
    versions = sorted({f"{name} {it}" for line in lines for name, it in line["versions"].items()})
    return f"These took {hours:.1f} h; {', '.join([*devices, *versions])}."


def what_is_left(runs: Sequence[Run], left: Sequence[Run]) -> str:
    """Return how many runs are done, and which comes next."""
    done = f"{len(runs) - len(left)} of {len(runs)} runs are done"
    return f"{done}; next: {left[0]}." if left else f"{done}."


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1")
    return int(text)


def _counts(text: str) -> tuple[int, ...]:
    return tuple(dict.fromkeys(_count(each.strip()) for each in text.split(",")))
