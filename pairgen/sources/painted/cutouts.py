"""The cut-outs of the painter: 155 things in two styles, in their own colours or repainted.

They are Microsoft's Fluent Emoji (MIT, see NOTICE), packed by `pipelines/tiny_teacher` in sheets of
square cells, in the order of `concepts.yaml`; `hues.yaml` has the main hue of what can be painted.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pairgen.config import packaged_assets, read_yaml
from pairgen.sources.painted.compositions import Composition, load_concepts

FOLDER = packaged_assets() / "painted"
# Side of a cell in pixels, the longest side of a cut-out; and cells in a row.
CELL, COLUMNS = 120, 13
SHEETS = ("3d", "flat")
# What a paint does: hue in [0, 1), factor of the saturation, exponent of the value.
PAINT = {
    "red": (0.995, 1.1, 1.0),
    "orange": (0.075, 1.1, 0.8),
    "yellow": (0.145, 1.0, 0.5),
    "green": (0.36, 1.0, 1.0),
    "blue": (0.61, 1.1, 1.0),
    "purple": (0.76, 0.9, 1.0),
    "pink": (0.92, 0.6, 0.5),
}


def cutout_of(composition: Composition, longest: int) -> NDArray[np.float32]:
    """Return the cut-out of a composition, premultiplied RGBA [H, W, 4] in [0, 1].

    Args:
        composition: The composition; a silhouette is cut out of the flat drawing, whose outline is
            cleaner, and has that drawing's colours.
        longest: Its longest side in pixels.
    """
    is_solid = composition.style == "silhouette"
    style = "flat" if is_solid else composition.style
    picture = _piece(style, composition.concept, None if is_solid else composition.colour)
    scale = longest / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    small = picture.resize((width, height), Image.Resampling.HAMMING)
    levels = np.frombuffer(small.tobytes(), np.uint8).reshape(height, width, 4)
    return levels.astype(np.float32) / np.float32(255)


@cache
def _piece(style: str, concept: str, colour: str | None) -> Image.Image:
    """Return a piece in its packed size, premultiplied."""
    place = list({**load_concepts()[0], **load_concepts()[1]}).index(concept)
    row, column = divmod(place, COLUMNS)
    left, top = column * CELL, row * CELL
    cell = _sheet(style).crop((left, top, left + CELL, top + CELL))
    piece = cell.crop(cell.getchannel("A").getbbox())
    if colour:
        piece = repainted(piece, colour, _hues()[style][concept])
    return piece.convert("RGBa")


@cache
def _sheet(style: str) -> Image.Image:
    with Image.open(FOLDER / f"{style}.webp") as image:
        return image.convert("RGBA")


@cache
def nearest_paint(style: str, concept: str) -> str:
    """Return the paint that changes a paintable thing least: the one most like its own colour."""
    own = np.asarray(_piece(style, concept, None), np.float64)
    return min(PAINT, key=lambda name: np.abs(own - np.asarray(_piece(style, concept, name))).sum())


@cache
def _hues() -> dict[str, dict[str, float]]:
    """Return {style: {concept: main hue}} of what can be painted."""
    return read_yaml(FOLDER / "hues.yaml")


def repainted(picture: Image.Image, name: str, main: float) -> Image.Image:
    """Give the pixels near the main hue of an RGBA picture the hue of a paint.

    Args:
        picture: The picture.
        name: Name of the paint.
        main: Main hue of the picture, in [0, 1).
    """
    hue, saturation, value = (
        np.asarray(band, np.float64) / 255 for band in picture.convert("RGB").convert("HSV").split()
    )
    offset = (hue - main + 0.5) % 1 - 0.5
    near = (np.abs(offset) < 0.13) & (saturation > 0.15)
    new_hue, factor, exponent = PAINT[name]
    painted = (
        np.where(near, (new_hue + 0.3 * offset) % 1, hue),
        np.where(near, np.clip(saturation * factor, 0, 1), saturation),
        np.where(near, value**exponent, value),
    )
    bands = [Image.fromarray(np.uint8(np.round(band * 255))) for band in painted]
    rgb = Image.merge("HSV", bands).convert("RGB")
    rgb.putalpha(picture.getchannel("A"))
    return rgb
