"""The grid of `pairgen sample` for images that were made from pictures."""

from collections.abc import Sequence

import numpy as np

from pairgen.drawing.grid import GridLayout
from pairgen.drawing.sample_grid import lay_out_pictures, rows_with_conditions
from pairgen.drawing.samples import Target
from pairgen.jobs.sample.from_images.conditions import Condition, Conditions
from pairgen.kinds.image_pictures import enlarged_pictures
from pairgen.kinds.ode.sample_options import SampleConfig


def lay_out(config: SampleConfig, conditions: Conditions, scale: int, target: Target) -> GridLayout:
    """Return the layout of the grid: of all images, or for a folder, of the first that fit.

    Args:
        config: The options.
        conditions: The conditions.
        scale: How many times as large as its condition an image is.
        target: Where the images go.

    Raises:
        ConfigError: A grid of all of them would be too large.
    """
    num, scales = len(conditions.given), config.cfg
    rows = rows_with_conditions(num, config.num_per_prompt, len(scales), config.columns)
    num_images = num * config.num_per_prompt * len(scales)
    captions = [""] * (num_images + num)
    if config.captions:
        prompts = [each.prompt for each in conditions.given] * config.num_per_prompt
        captions = [
            f"guidance {guidance:g}: " * (len(scales) > 1) + prompt
            for prompt in prompts
            for guidance in scales
        ]
        captions += [each.name for each in conditions.given]
    height, width = (scale * side for side in conditions.size_px)
    return lay_out_pictures(rows, (width, height), captions, target)


def shown_conditions(conditions: Sequence[Condition], scale: int) -> list[np.ndarray]:
    """Return conditions as large as the images, each pixel `scale` times as large.

    Of a picture with a mask, the known part.
    """
    return [
        enlarged_pictures(each.picture[None], 1)[0].repeat(scale, axis=0).repeat(scale, axis=1)
        for each in conditions
    ]
