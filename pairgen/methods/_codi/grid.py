"""The times on which CoDi learns."""

import torch
from torch import Tensor

from pairgen.draws import Draws
from pairgen.errors import ConfigError
from pairgen.sampling.parameterization import Schedule


def learning_grid(schedule: Schedule, num: int) -> Tensor:
    """Return the times on which CoDi learns, and the end after them, [num + 1] float64, descending.

    Args:
        schedule: The model's schedule, whose first time is the first of the grid.
        num: K.

    Raises:
        ConfigError: K does not divide the number of times.
    """
    total = schedule.num_train_steps
    if total % num:
        fitting = [each for each in range(1, total + 1) if not total % each]
        raise ConfigError(
            f"learning_steps must divide the {total} times of the model, one of "
            f"{', '.join(map(str, fitting))}, got {num}."
        )
    return schedule.first_time - torch.arange(num + 1, dtype=torch.float64) * (total // num)


def draw_times(grid: Tensor, num: int, draws: Draws, same: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Draw times t; return t and s, the time after it, [B] float64, and whether s is one, [B] bool.

    Args:
        grid: From `learning_grid`; at its end there is no state to look at.
        num: B.
        draws: The draws of the step.
        same: One time for the whole global batch; else one for each sample.
    """
    size = len(grid) - 1
    if same:
        place = torch.full((num,), draws.one_integer(0, size), device=draws.device)
    else:
        place = draws.integers(0, size)
    grid = grid.to(draws.device)
    return grid[place], grid[place + 1], place < size - 1
