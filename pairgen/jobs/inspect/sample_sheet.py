"""Draw a sheet of samples: decoded latents, their trajectories, or images and their levels."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from pairgen.errors import ConfigError, CorruptShardError
from pairgen.jobs.inspect.sample_facts import NOISE, planned_noise
from pairgen.kinds.decode import decode_picture
from pairgen.report.grid import MAX_GRID_PIXELS, draw_grid, lay_out_grid
from pairgen.report.sample_grid import USUAL_COLUMNS
from pairgen.shards.format.codec import decode_member
from pairgen.shards.format.image_member import is_image
from pairgen.shards.loading.stored import Stored
from pairgen.sources.photographs import UnusableImageError, decode_rgb
from pairgen.teachers.base import Decoder
from pairgen.types import Plan

LATENT, PATH = "latent.npy", "path.npy"


@dataclass(frozen=True)
class Cell:
    """An image on a sheet.

    Attributes:
        picture: [H, W, 3] uint8.
        caption: Text below it.
    """

    picture: np.ndarray
    caption: str


def picture_members(plan: Plan) -> list[str]:
    """Return the image members of a dataset, the largest first."""
    found = [name for name in plan.members if is_image(name)]
    return sorted(found, key=lambda name: (-plan.members[name]["shape"][0], name))


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


def is_latent(plan: Plan) -> bool:
    """Whether a teacher's decoder is needed to show the samples."""
    return LATENT in plan.members and bool(plan.teacher)


def latent_cells(decoder: Decoder, sample: Stored) -> list[Cell]:
    """Return the decoded latent of a sample."""
    facts, text = _facts(sample), _text(sample)
    scale = f", guidance {facts['guidance_scale']:g}" if "guidance_scale" in facts else ""
    picture = decode_picture(decoder, _array(sample, LATENT))
    return [Cell(picture, _joined(f"{sample.key}{scale}", text))]


def trajectory_cells(plan: Plan, decoder: Decoder, sample: Stored) -> list[Cell]:
    """Return the decoded states of a sample, from its noise to its end point."""
    facts, text = _facts(sample), _text(sample)
    times, first = list(plan.recipe["trajectory"]), plan.resolved["times"][0]
    states = list(_array(sample, PATH))
    if times[0] != first:
        stored = NOISE in sample.members
        states.insert(0, _array(sample, NOISE) if stored else planned_noise(plan, facts))
        times.insert(0, first)
    captions = [f"t = {time:g}" for time in times]
    captions[0] = f"{sample.key}: {captions[0]}"
    states.append(_array(sample, LATENT))
    captions.append(f"end point, guidance {facts['guidance_scale']:g}: {text}")
    pictures = (decode_picture(decoder, state) for state in states)
    return [Cell(*pair) for pair in zip(pictures, captions, strict=True)]


def level_cells(plan: Plan, sample: Stored) -> list[Cell]:
    """Return the images of a sample in RGB, all enlarged to the size of the largest."""
    names = picture_members(plan)
    try:
        pictures = [decode_rgb(bytes(sample.members[name])) for name in names]
    except (UnusableImageError, KeyError) as error:
        raise CorruptShardError(f"An image of {sample.key} cannot be read: {error}.") from None
    height, width, _ = pictures[0].shape
    cells = []
    for name, picture in zip(names, pictures, strict=True):
        high, wide, _ = picture.shape
        label = f"{name}, {wide} px" if high == wide else f"{name}, {wide} x {high} px"
        if picture.shape != pictures[0].shape:
            enlarged = Image.fromarray(picture).resize((width, height), Image.Resampling.NEAREST)
            picture = np.asarray(enlarged)
        cells.append(Cell(picture, label))
    cells[0] = Cell(cells[0].picture, _joined(f"{sample.key}: {cells[0].caption}", _text(sample)))
    return cells


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


def _facts(sample: Stored) -> Mapping[str, Any]:
    found: Mapping[str, Any] = _decoded(sample, "json")
    return found


def _text(sample: Stored) -> str:
    return str(_decoded(sample, "txt")) if "txt" in sample.members else ""


def _joined(label: str, text: str) -> str:
    return f"{label}: {text}" if text else label


def _array(sample: Stored, name: str) -> np.ndarray:
    found: np.ndarray = _decoded(sample, name)
    return found


def _decoded(sample: Stored, name: str) -> Any:
    try:
        return decode_member(name, sample.members[name])
    except (KeyError, ValueError) as error:
        raise CorruptShardError(f"{name} of {sample.key} cannot be read: {error}.") from None
