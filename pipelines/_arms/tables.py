"""The tables of a study: means over seeds, and each seed's difference of two arms."""

import math
from collections.abc import Mapping, Sequence
from statistics import mean
from typing import NamedTuple

from _arms.lines import Line
from _arms.study import Comparison, Run, Study
from pairgen.drawing.table import markdown

Done = Mapping[Run, Line]


class Compared(NamedTuple):
    """A comparison at one step count.

    Attributes:
        comparison: What is compared.
        steps: The step count.
        differences: For each seed the better arm's figure (so many times it) minus the other's:
            None before both runs are done, NaN where one of them could not tell its figure.
    """

    comparison: Comparison
    steps: int
    differences: tuple[float | None, ...]

    @property
    def num_known(self) -> int:
        """Number of seeds whose runs are done."""
        return sum(each is not None for each in self.differences)

    @property
    def num_held(self) -> int:
        """Number of seeds in which it holds."""
        sign = -1 if self.comparison.lower else 1
        return sum(each is not None and sign * each > 0 for each in self.differences)


def mean_table(study: Study, done: Done) -> list[str]:
    """Return the Markdown table of each arm's mean over its seeds, and how many these are.

    The step counts have a column where there are several.
    """
    several = len(study.steps) > 1
    counts = {run.steps for arm in study.arms for run in _runs(study, arm)}
    lines = [["arm", *(["steps"] if several else []), *study.figures, "seeds"]]
    for steps in sorted(counts):
        for arm in study.arms:
            found = [done[run] for run in _runs(study, arm) if run.steps == steps and run in done]
            if found:
                figures = study.figures.values()
                cells = [_mean_cell([figure(line, name) for line in found]) for name in figures]
                shown = [str(steps or "-")] if several else []
                lines.append([arm, *shown, *cells, str(len(found))])
    return markdown(lines)


def compare(study: Study, done: Done) -> list[Compared]:
    """Return every comparison of a study, at each of its step counts."""
    return [
        Compared(each, steps, _differences(study, done, each, steps))
        for each in study.comparisons
        for steps in each.steps or study.steps
    ]


def comparison_table(found: Sequence[Compared]) -> list[str]:
    """Return the Markdown table of comparisons, with each seed's difference and its sign."""
    several = len({each.steps for each in found}) > 1
    lines = [["should be", *(["steps"] if several else []), "figure", "by seed", "verdict"]]
    for each in found:
        said = each.comparison
        sign = "<" if said.lower else ">"
        times = "" if said.times == 1 else f"{said.times:g} x "
        missing = len(each.differences) - each.num_known
        verdict = "must hold: " * said.must_hold + f"holds in {each.num_held} of {each.num_known}"
        verdict += f", {missing} missing" if missing else ""
        lines.append(
            [
                f"{times}{said.better} {sign} {said.worse}",
                *([str(each.steps)] if several else []),
                said.figure,
                " ".join(_signed(value) for value in each.differences),
                verdict,
            ]
        )
    return markdown(lines)


def check(found: Sequence[Compared]) -> tuple[str, bool]:
    """Return a sentence about the comparisons that must hold, and whether all do in all seeds."""
    asked = [each for each in found if each.comparison.must_hold]
    broken = sum(each.num_held < each.num_known for each in asked)
    held = sum(each.num_held == len(each.differences) for each in asked)
    lacking = len(asked) - broken - held
    said = f"Must hold: {held} hold in all seeds, {broken} do not, {lacking} lack seeds."
    return said, held == len(asked)


def figure(line: Line, name: str) -> float | None:
    """Return a figure of a line, None if it has none of this name; `seconds` is one too."""
    value: float | None = line["seconds"] if name == "seconds" else line["figures"].get(name)
    return value


def _runs(study: Study, arm: str) -> list[Run]:
    runs = [study.run_of(arm, seed, n) for n in study.steps for seed in range(study.seeds)]
    return list(dict.fromkeys(runs))


def _differences(
    study: Study, done: Done, said: Comparison, steps: int
) -> tuple[float | None, ...]:
    name = study.figures[said.figure]
    found = []
    for seed in range(study.seeds):
        sides = [done.get(study.run_of(arm, seed, steps)) for arm in (said.better, said.worse)]
        values = [figure(line, name) for line in sides if line is not None]
        found.append(_minus(said.times, *values) if len(values) == len(sides) else None)
    return tuple(found)


def _minus(times: float, better: float | None, worse: float | None) -> float:
    return math.nan if better is None or worse is None else times * better - worse


def _mean_cell(values: Sequence[float | None]) -> str:
    """Return the mean of a figure; a dash where a run could not tell it."""
    known = [value for value in values if value is not None]
    return f"{mean(known):.3f}" if len(known) == len(values) else "-"


def _signed(value: float | None) -> str:
    if value is None:
        return "?"
    return "-" if math.isnan(value) else f"{value:+.3g}"
