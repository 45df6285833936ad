"""What a study is: arms, seeds, step counts, and which arm should be better than which."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pairgen.config import did_you_mean
from pairgen.errors import ConfigError

Figures = Mapping[str, float | None]


class Run(NamedTuple):
    """One arm at one seed and step count; of an arm that is not trained both are 0."""

    arm: str
    seed: int
    steps: int

    def __str__(self) -> str:
        return f"`{self.arm}`, seed {self.seed}, {self.steps} steps"


@dataclass(frozen=True)
class Comparison:
    """One arm should have a better figure than another, in each seed.

    Attributes:
        better: The arm that should be better.
        worse: The arm that it is compared with.
        figure: Header of the figure in the table.
        lower: Whether lower is better; higher otherwise.
        must_hold: Whether `--check` asks for it.
        steps: The step counts of both; those of the study if empty.
        times: How many times better: this often the better arm's figure is still the better one.
    """

    better: str
    worse: str
    figure: str
    lower: bool = True
    must_hold: bool = False
    steps: tuple[int, ...] = ()
    times: float = 1


@dataclass(frozen=True, kw_only=True)
class Study:
    """Arms that are trained alike and judged alike.

    An arm with more steps for as many seconds is an arm of its own, whose options say so.

    Attributes:
        name: Name of its folder of runs.
        arms: Name to options. A line of results holds them and counts only where they are equal.
        settings: What all arms share, and their figures depend on; held by the lines too.
        steps: Step counts.
        seeds: Number of seeds, from 0.
        figures: Header in the table to name of the figure; `seconds` is one too.
        run: Trains and judges an arm: (arm, seed, steps, folder) to figures by name, None for what
            cannot be told. Called again with the same folder it goes on there. `seconds` among
            the figures are its own count, such as those of the training alone.
        prepare: Makes in the study's folder what the arms share; nothing where that stands.
        untrained: Arms with the same figures for every seed and step count: they run once.
        comparisons: What is told below the table.

    Raises:
        ConfigError: a comparison or `untrained` names no arm of the study, or no figure.
    """

    name: str
    arms: Mapping[str, Mapping[str, Any]]
    settings: Mapping[str, Any]
    steps: tuple[int, ...]
    seeds: int
    figures: Mapping[str, str]
    run: Callable[[str, int, int, Path], Figures]
    prepare: Callable[[Path], None] | None = None
    untrained: tuple[str, ...] = ()
    comparisons: tuple[Comparison, ...] = ()

    def __post_init__(self) -> None:
        sides = [arm for each in self.comparisons for arm in (each.better, each.worse)]
        for arm in (*self.untrained, *sides):
            require_known("arm", arm, self.arms)
        for each in self.comparisons:
            require_known("figure", each.figure, self.figures)

    def run_of(self, arm: str, seed: int, steps: int) -> Run:
        """Return the run that gives an arm's figures at a seed and step count."""
        return Run(arm, 0, 0) if arm in self.untrained else Run(arm, seed, steps)


def require_known(what: str, name: str, known: Collection[str]) -> None:
    """Raise a ConfigError if a study does not have an arm or figure."""
    if name not in known:
        raise ConfigError(
            f"Unknown {what} {name!r}{did_you_mean(name, known)}; "
            f"allowed: {', '.join(repr(each) for each in known)}."
        )
