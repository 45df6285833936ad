"""The times of a solver's steps: spacing rules, the end point, inserted times.

A transition always goes to the next time of the grid. (diffusers' DDIM steps to t - T // n
instead, which is another time whenever n does not divide T.)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pairgen.config import choice, integer
from pairgen.errors import ConfigError
from pairgen.option_names import option_text
from pairgen.sampling.names import ENDS, check_spacing, named_times
from pairgen.sampling.parameterization import Schedule


@dataclass(frozen=True)
class Grid:
    """The points that a solver visits.

    Attributes:
        times: Times at which the teacher can be evaluated, strictly decreasing, [N + 1] for end
            `t0` (the last is the schedule's last time), [N] for end `clean`.
        alphas: alpha at every point, [N + 1]; 1 at a clean end.
        sigmas: sigma at every point, [N + 1]; 0 at a clean end.
    """

    times: tuple[float, ...]
    alphas: tuple[float, ...]
    sigmas: tuple[float, ...]

    @property
    def num_steps(self) -> int:
        """Number of transitions."""
        return len(self.alphas) - 1

    def index_of(self, time: float) -> int:
        """Return the position of `time` in the grid."""
        return self.times.index(time)


def make_grid(
    schedule: Schedule,
    spacing: str,
    steps: int,
    end: str,
    insert: Sequence[float] = (),
    steps_offset: int | None = None,
) -> Grid:
    """Build the grid of a run.

    Args:
        schedule: The teacher's schedule.
        spacing: `leading` or `trailing`: integer times as diffusers' DDIMScheduler lays them out;
            `linspace`: as its DPMSolverMultistepScheduler does; `logsnr`: real-valued times,
            uniform in log(alpha / sigma); `uniform`: real-valued times in equal steps from the
            first time to the last; or the times themselves, `999,749,499,249`.
        steps: Number of transitions before `insert`; one less for `trailing` beyond two thirds of
            the training steps, where the last time is the end itself.
        end: `t0`: the schedule's last time, as Stable Diffusion's `set_alpha_to_one=false`;
            `clean`: sigma = 0.
        insert: Times that the grid must contain; missing ones are added.
        steps_offset: What `leading` adds to its times; None for the schedule's own. With 0 and end
            `t0` there is one transition less, because the last time is the end itself.

    Raises:
        ConfigError: A name is unknown, `steps` is out of range, or an inserted time is outside.

    Reference:
        Lin et al. 2023, arXiv:2305.08891, Table 2 (leading, trailing, linspace); Lu et al. 2022,
        arXiv:2206.00927, Section 3.3 (uniform in log(alpha / sigma)).
    """
    choice("end", end, ENDS)
    integer("steps", steps, 1, schedule.num_train_steps)
    named = named_times(check_spacing(spacing))
    offset = schedule.steps_offset if steps_offset is None else steps_offset
    times = named or _spaced_times(schedule, spacing, steps, end, offset)
    if named and (len(named) != steps or not _inside(schedule, named)):
        raise ConfigError(
            f"{option_text('spacing')} {spacing} must name as many times as there are steps, "
            f"{steps}, in ({schedule.last_time:g}, {schedule.first_time:g}]."
        )
    for time in insert:
        if not schedule.last_time < time <= times[0]:
            raise ConfigError(
                f"trajectory time {time:g} must lie in ({schedule.last_time:g}, {times[0]:g}]: "
                f"the {spacing} grid starts at {times[0]:g}."
            )
    times = sorted({*times, *(float(time) for time in insert)}, reverse=True)
    if end == "t0":
        times = [time for time in times if time > schedule.last_time] + [schedule.last_time]
    alpha, sigma = schedule.alpha_sigma(torch.tensor(times, dtype=torch.float64))
    alphas, sigmas = tuple(alpha.tolist()), tuple(sigma.tolist())
    if end == "clean":
        alphas, sigmas = (*alphas, 1.0), (*sigmas, 0.0)
    return Grid(tuple(times), alphas, sigmas)


def _inside(schedule: Schedule, times: Sequence[float]) -> bool:
    return all(schedule.last_time < time <= schedule.first_time for time in times)


def _spaced_times(
    schedule: Schedule, spacing: str, steps: int, end: str, offset: int
) -> list[float]:
    """Return the evaluation times of a grid without its end point, decreasing."""
    num = schedule.num_train_steps
    if spacing == "leading":
        times = np.arange(steps)[::-1] * (num // steps) + float(offset)
    elif spacing == "trailing":
        # Use arange, whose rounding decides the halves (48 steps); for some steps, such as 61, it
        # returns one number too many, which diffusers turns into the time -1.
        times = np.round(np.arange(num, 0, -num / steps))[:steps] - 1.0
    elif spacing == "uniform":
        times = schedule.last_time + (schedule.first_time - schedule.last_time) * (
            1 - np.arange(steps) / steps
        )
    elif spacing == "linspace":
        times = np.linspace(0, num - 1, steps + 1).round()[::-1][:-1]
    else:
        # With end t0, the grid's last point is the end itself; with end clean, it is evaluated too.
        num_points = steps + 1 if end == "t0" else steps
        ends = torch.tensor([schedule.first_time, schedule.last_time], dtype=torch.float64)
        alpha, sigma = schedule.alpha_sigma(ends)
        low, high = torch.log(alpha / sigma).tolist()
        if math.isinf(low):
            raise ConfigError(
                f"{option_text('spacing')} must not be logsnr for this model, whose alpha is 0 at "
                "its first time: log(alpha / sigma) is infinite there; take trailing or uniform."
            )
        half_log_snrs = torch.linspace(low, high, num_points, dtype=torch.float64)
        times = schedule.time_of(half_log_snrs).numpy()
        times[0] = schedule.first_time
        if end == "t0":
            times = times[:-1]
    # Two integer times can coincide when steps is close to the number of training steps.
    return sorted({min(float(time), schedule.first_time) for time in times}, reverse=True)
