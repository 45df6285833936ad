"""A study whose arms add numbers: its figures are known, and a killed arm goes on where it was."""

import argparse
import time
from functools import partial
from pathlib import Path

from _arms import Comparison, Study, run_study, study_parser

from pairgen.errors import ConfigError, run_script

ARMS = {"small": {"factor": 1}, "two, large": {"factor": 2}, "floor": {"factor": 9}}


def study(options: argparse.Namespace) -> Study:
    """Return the study."""
    return Study(
        name="toy",
        arms=ARMS,
        settings={"offset": options.offset, "shape": (1, 2)},
        steps=options.steps,
        seeds=options.seeds,
        figures={"sum": "total", "never": "never"},
        run=partial(run_arm, options),
        prepare=lambda folder: (folder / "shared.txt").write_text("shared"),
        untrained=("floor",),
        comparisons=(
            Comparison("small", "floor", "sum"),
            Comparison("two, large", "small", "sum", lower=False, must_hold=True),
        ),
    )


def parser() -> argparse.ArgumentParser:
    """Return the parser, with a setting and how to hold the arms up."""
    found = study_parser("A toy.", results=Path("toy.jsonl"), steps=(3, 4))
    found.add_argument("--offset", type=float, default=0)
    found.add_argument("--seconds-per-step", type=float, default=0)
    found.add_argument("--broken", default="", help="the arm that fails")
    return found


def run_arm(
    options: argparse.Namespace, arm: str, seed: int, steps: int, folder: Path
) -> dict[str, float | None]:
    """Add up, and keep each sum: `sums.txt` has a line for every step that was made."""
    if arm == options.broken:
        raise ConfigError("broken on purpose")
    assert (folder.parent / "shared.txt").is_file()
    sums = folder / "sums.txt"
    made = sums.read_text().split() if sums.is_file() else []
    total = float(made[-1]) if made else options.offset
    for step in range(len(made), steps):
        time.sleep(options.seconds_per_step)
        total += ARMS[arm]["factor"] * (step + 1 + seed)
        with sums.open("a") as file:
            file.write(f"{total}\n")
    return {"total": total, "never": float("nan")}


if __name__ == "__main__":
    run_script(lambda: run_study(study(options := parser().parse_args()), options))
