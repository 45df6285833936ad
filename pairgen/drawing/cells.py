"""The images of a sample: its decoded latent, its decoded trajectory, or its levels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from pairgen.errors import ConfigError, CorruptShardError
from pairgen.kinds.decode import decode_picture
from pairgen.seeding import NOISE_GENERATOR, noise_for
from pairgen.shards.format.codec import decode_member
from pairgen.shards.format.image_member import is_image
from pairgen.shards.loading.stored import Stored
from pairgen.sources.photographs import UnusableImageError, decode_rgb
from pairgen.teachers.base import Decoder
from pairgen.types import Plan

NOISE = "noise.npy"
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
    cells = state_cells(plan, decoder, sample)
    facts, text = _facts(sample), _text(sample)
    first, last = cells[0], cells[-1]
    cells[0] = Cell(first.picture, f"{sample.key}: {first.caption}")
    told = f"{last.caption}, guidance {facts['guidance_scale']:g}: {text}"
    return [*cells[:-1], Cell(last.picture, told)]


def state_cells(plan: Plan, decoder: Decoder, sample: Stored) -> list[Cell]:
    """Return the decoded states of a sample, each with its time alone below it."""
    times, first = list(plan.recipe["trajectory"]), plan.resolved["times"][0]
    states = list(_array(sample, PATH))
    if times[0] != first:
        stored = NOISE in sample.members
        noise = _array(sample, NOISE) if stored else planned_noise(plan, _facts(sample))
        states.insert(0, noise)
        times.insert(0, first)
    captions = [*(f"t = {time:g}" for time in times), "end point"]
    pictures = (decode_picture(decoder, state) for state in (*states, _array(sample, LATENT)))
    return [Cell(*pair) for pair in zip(pictures, captions, strict=True)]


def level_cells(plan: Plan, sample: Stored) -> list[Cell]:
    """Return the images of a sample in RGB, all enlarged to the size of the largest."""
    levels = stored_cells(plan, sample)
    height, width, _ = levels[0].picture.shape
    cells = []
    for level in levels:
        high, wide, _ = level.picture.shape
        label = f"{level.caption}, {wide} px"
        if high != wide:
            label = f"{level.caption}, {wide} x {high} px"
        picture = level.picture
        if picture.shape != levels[0].picture.shape:
            enlarged = Image.fromarray(picture).resize((width, height), Image.Resampling.NEAREST)
            picture = np.asarray(enlarged)
        cells.append(Cell(picture, label))
    cells[0] = Cell(cells[0].picture, _joined(f"{sample.key}: {cells[0].caption}", _text(sample)))
    return cells


def stored_cells(plan: Plan, sample: Stored) -> list[Cell]:
    """Return the images of a sample in RGB as large as they are stored, each with its member."""
    names = picture_members(plan)
    try:
        return [Cell(decode_rgb(bytes(sample.members[name])), name) for name in names]
    except (UnusableImageError, KeyError) as error:
        raise CorruptShardError(f"An image of {sample.key} cannot be read: {error}.") from None


def planned_noise(plan: Plan, facts: Mapping[str, Any]) -> np.ndarray:
    """Return the noise of a sample, drawn again as its json says.

    Raises:
        ConfigError: This version does not know how it was drawn.
    """
    if facts.get("noise_generator") != NOISE_GENERATOR:
        raise ConfigError(f"it is drawn by {facts.get('noise_generator')!r}, which is unknown here")
    shape = tuple(plan.members["latent.npy"]["shape"])
    return noise_for(facts["seed"], facts["pair_index"], shape, plan.recipe["stored_dtype"])


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
