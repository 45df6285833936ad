"""Draw a sheet of samples: decoded latents, their trajectories, or images and their levels."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from PIL import Image

from pairgen.drawing.cells import PATH, Cell, is_latent, picture_members
from pairgen.drawing.grid import MAX_GRID_PIXELS, draw_grid, lay_out_grid
from pairgen.drawing.sample_grid import USUAL_COLUMNS
from pairgen.errors import ConfigError
from pairgen.shards.loading.stored import Stored
from pairgen.types import Plan


def check_sheet(plan: Plan, trajectory: bool) -> None:
    """Raise ConfigError unless the samples of a dataset can be shown."""
    if trajectory and PATH not in plan.members:
        raise ConfigError(
            f"The dataset keeps no trajectories (pairgen ode --trajectory): its members are "
            f"{', '.join(sorted(plan.members))}."
        )
    if not trajectory and not is_latent(plan) and not picture_members(plan):
        raise ConfigError(
            f"A dataset of kind {plan.kind!r} with {', '.join(sorted(plan.members))} has no images."
        )


def draw_sheet(
    samples: Iterator[Stored],
    num_samples: int,
    cells_of: Callable[[Stored], list[Cell]],
    on_progress: Callable[[int], None],
) -> Image.Image:
    """Draw samples on one sheet: one row each, or eight and more per row with one image each.

    Args:
        samples: The samples, at least one.
        num_samples: Number of samples.
        cells_of: Returns the images of a sample; the same number and size for each sample.
        on_progress: Called with the number of samples done.

    Raises:
        ConfigError: The sheet would be too large.
    """
    cells: list[Cell] = []
    for num_done, sample in enumerate(samples, start=1):
        found = cells_of(sample)
        if num_done == 1:
            _check_size(found, num_samples)
        cells += found
        on_progress(num_done)
    rows = _rows(len(cells), len(cells) // num_samples)
    height, width, _ = cells[0].picture.shape
    layout = lay_out_grid(rows, (width, height), [cell.caption for cell in cells])
    return draw_grid(np.stack([cell.picture for cell in cells]), layout)


def _check_size(cells: Sequence[Cell], num_samples: int) -> None:
    """Refuse a sheet that is too large, before spending time on it."""
    height, width, _ = cells[0].picture.shape
    captions = [cell.caption for cell in cells] * num_samples
    layout = lay_out_grid(_rows(len(captions), len(cells)), (width, height), captions)
    if not layout.fits:
        wide, high = layout.size_px
        raise ConfigError(
            f"A grid of {num_samples:,} samples would have {wide:,} x {high:,} px, more than "
            f"{MAX_GRID_PIXELS:,} in total: give a smaller --num."
        )


def _rows(num_cells: int, num_per_sample: int) -> list[list[int]]:
    length = num_per_sample
    if num_per_sample == 1:
        length = max(USUAL_COLUMNS, int(np.ceil(num_cells**0.5)))
    numbers = list(range(num_cells))
    return [numbers[first : first + length] for first in range(0, num_cells, length)]
