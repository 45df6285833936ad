"""The grid of `pairgen sample`: which images stand in which row, and whether it fits."""

from collections.abc import Sequence

import numpy as np

from pairgen.drawing.grid import MAX_GRID_PIXELS, GridLayout, lay_out_grid
from pairgen.drawing.samples import Target
from pairgen.errors import ConfigError

USUAL_COLUMNS = 8


def picture_rows(
    num_prompts: int, num_per_prompt: int, num_guidances: int, num_columns: int
) -> list[list[int]]:
    """Return the indices of the images, row by row, with images to compare side by side.

    Images are numbered like the samples of a dataset: guidance scales vary fastest, then prompts,
    then noises. The grid goes prompt by prompt. With several guidance scales, each prompt and noise
    has a row; with several noises alone, each prompt has a row; otherwise prompts follow one
    another, eight or more per row.

    Args:
        num_prompts: Number of prompts.
        num_per_prompt: Number of noises per prompt.
        num_guidances: Number of guidance scales.
        num_columns: Images per row, all in one sequence; 0 for the rows described.
    """
    numbers = np.arange(num_per_prompt * num_prompts * num_guidances)
    by_prompt = numbers.reshape(num_per_prompt, num_prompts, num_guidances).swapaxes(0, 1)
    if num_columns:
        groups = by_prompt.reshape(1, -1)
    elif num_guidances > 1:
        groups = by_prompt.reshape(-1, num_guidances)
    elif num_per_prompt > 1:
        groups = by_prompt.reshape(num_prompts, -1)
    else:
        groups = by_prompt.reshape(1, -1)
    # Make it square if eight columns would make a tower.
    return _cut(groups, num_columns or max(USUAL_COLUMNS, int(np.ceil(groups.shape[1] ** 0.5))))


def rows_with_conditions(
    num_conditions: int, num_per_condition: int, num_guidances: int, num_columns: int
) -> list[list[int]]:
    """Return the rows of a grid of conditions and the images that were made from them.

    Each condition stands before its images, in a row of its own; where it has one image only,
    conditions follow one another. The images are numbered as in `picture_rows`, the conditions
    behind all images.

    Args:
        num_conditions: Number of conditions.
        num_per_condition: Number of noises per condition.
        num_guidances: Number of guidance scales.
        num_columns: Cells per row, all in one sequence; 0 for the rows described.
    """
    num_images = num_per_condition * num_conditions * num_guidances
    numbers = np.arange(num_images).reshape(num_per_condition, num_conditions, num_guidances)
    images = numbers.swapaxes(0, 1).reshape(num_conditions, -1)
    groups = np.column_stack([num_images + np.arange(num_conditions), images])
    if num_columns or images.shape[1] == 1:
        groups = groups.reshape(1, -1)
    # As above; an even number keeps a condition beside its only image.
    side = int(np.ceil(groups.shape[1] ** 0.5))
    return _cut(groups, num_columns or max(USUAL_COLUMNS, side + side % 2))


def lay_out_pictures(
    rows: Sequence[Sequence[int]],
    size_px: tuple[int, int],
    captions: Sequence[str],
    target: Target,
) -> GridLayout:
    """Return the layout of the grid: of all images, or for a folder, of the first rows that fit.

    Args:
        rows: Indices of the images, row by row.
        size_px: Width and height of an image.
        captions: One caption per image; empty texts for no captions.
        target: Where the images go.

    Raises:
        ConfigError: The grid would be too large.
    """
    grid = lay_out_grid(rows, size_px, captions)
    shown = grid.first_rows() if target.takes_pictures else grid
    if not shown.fits:
        wide, high = shown.size_px
        advice = "fewer --columns" if target.takes_pictures else "a folder as --out, ending in /"
        raise ConfigError(
            f"A grid of {sum(map(len, shown.rows)):,} images would have {wide:,} x {high:,} px, "
            f"more than {MAX_GRID_PIXELS:,} in total: give {advice}."
        )
    return shown


def _cut(groups: np.ndarray, length: int) -> list[list[int]]:
    """Cut each group of images, [N, K], into rows of at most `length`."""
    return [
        group[first : first + length].tolist()
        for group in groups
        for first in range(0, len(group), length)
    ]
