"""How close sampler settings come to the converged ODE, and the cheapest one within a tolerance.

This module knows no teacher: `pairgen.jobs.calibrate.measure` does the measuring.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A sampler setting: the options of `pairgen ode` of the same names."""

    solver: str
    spacing: str
    steps: int
    end: str
    dtype: str

    def __str__(self) -> str:
        return f"{self.solver}, {self.spacing}, {self.steps} steps, end {self.end}, {self.dtype}"


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Errors of many samples, as shares: 0.02 is 2 %."""

    median: float
    p90: float


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One setting, measured over all samples.

    Attributes:
        setting: The setting.
        num_transitions: Actual number of steps of the grid.
        start_time: Time at which the grid starts.
        evaluations: Network evaluations per sample; guidance counts double.
        errors: |latent - reference| / |reference| by guidance scale; None if a latent was not
            finite.
        num_not_finite: Number of samples without a finite latent.
        samples_per_second: Median over full batches, for network and solver only.
        num_timed: Number of timed batches.
        asked: Whether it may be chosen; False for the settings of the reference.
    """

    setting: Setting
    num_transitions: int
    start_time: float
    evaluations: int
    errors: Mapping[float, Spread] | None
    num_not_finite: int
    samples_per_second: float
    num_timed: int
    asked: bool = True

    @property
    def error(self) -> Spread | None:
        """The largest median and 90th percentile over all guidance scales."""
        if self.errors is None:
            return None
        spreads = self.errors.values()
        return Spread(
            median=max(each.median for each in spreads), p90=max(each.p90 for each in spreads)
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the measurement as plain data."""
        errors = None
        if self.errors is not None:
            errors = [
                {"guidance_scale": scale, **asdict(each)} for scale, each in self.errors.items()
            ]
        error = None if self.error is None else asdict(self.error)
        return {**asdict(self), "error": error, "errors": errors}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Measured":
        """Rebuild a measurement from the data of `to_dict`."""
        errors = None
        if data["errors"] is not None:
            errors = {
                each["guidance_scale"]: Spread(median=each["median"], p90=each["p90"])
                for each in data["errors"]
            }
        known = {name: data[name] for name in cls.__dataclass_fields__}
        return cls(**{**known, "setting": Setting(**data["setting"]), "errors": errors})


def ranked(rows: Sequence[Measured]) -> list[Measured]:
    """Return the rows sorted by median error, then by cost; rows without an error last."""
    return sorted(
        rows,
        key=lambda row: (
            row.error is None,
            row.error.median if row.error else 0.0,
            row.evaluations,
            str(row.setting),
        ),
    )


def cheapest(rows: Sequence[Measured], tolerance: float) -> Measured | None:
    """Return the cheapest row whose median error is at most `tolerance`; None if there is none.

    The cost is the number of evaluations times the seconds per evaluation, which are the median
    over all rows of a dtype. So measured times only decide between dtypes; at equal cost, the row
    with the smaller error is taken.

    Args:
        rows: Comparable measurements; rows that were not asked for cannot be chosen.
        tolerance: Largest median error, as a share.
    """
    laps: dict[str, list[float]] = {}
    for row in rows:
        seconds = 1 / (row.samples_per_second * row.evaluations)
        laps.setdefault(row.setting.dtype, []).append(seconds)
    within = [
        (row.evaluations * median(laps[row.setting.dtype]), row.error.median, row)
        for row in rows
        if row.asked and row.error is not None and row.error.median <= tolerance
    ]
    return min(within, key=lambda entry: entry[:2], default=(0.0, 0.0, None))[2]
