"""From a composition to a picture: everything a caption leaves open is drawn here."""

from pathlib import Path

import numpy as np
from compositions import Composition, load_concepts
from numpy.typing import NDArray
from sprites import load_art, paint, sized

SIZE = 64
COLOURS = {
    "white": (0.98, 0.98, 0.98),
    "gray": (0.58, 0.58, 0.58),
    "black": (0.06, 0.06, 0.06),
    "red": (0.88, 0.12, 0.14),
    "orange": (0.98, 0.55, 0.12),
    "yellow": (0.99, 0.89, 0.18),
    "green": (0.16, 0.68, 0.26),
    "blue": (0.14, 0.36, 0.90),
    "purple": (0.52, 0.20, 0.76),
    "pink": (0.99, 0.66, 0.80),
}


class Painter:
    """Makes pictures of compositions; holds every cut-out in every colour and size."""

    def __init__(self, folder: Path) -> None:
        plain, paintable = load_concepts()
        self.concepts = (plain, paintable)
        self.art = load_art(folder, {**plain, **paintable})
        self.cutouts: dict[tuple[str, str | None, str], list[NDArray[np.float32]]] = {}

    def paint(
        self, composition: Composition, generator: np.random.Generator
    ) -> NDArray[np.float32]:
        """Return a picture [64, 64, 3] in [0, 1]."""
        picture = draw_background(composition.background, generator)
        cutouts = self.find_cutouts(composition)
        cutout = cutouts[generator.integers(len(cutouts))]
        if generator.random() < 0.5:
            cutout = cutout[:, ::-1]
        height, width = cutout.shape[:2]
        # Mostly near the middle: triangular between the borders.
        top, left = (
            round(float(generator.triangular(0, (SIZE - side) / 2, SIZE - side + 1e-6)))
            for side in (height, width)
        )
        rgb, alpha = cutout[..., :3], cutout[..., 3:]
        if composition.style == "silhouette":
            assert composition.colour is not None
            rgb = alpha * shade(composition.colour, generator)
        area = picture[top : top + height, left : left + width]
        area *= 1 - alpha
        area += rgb
        return picture.clip(0, 1)

    def find_cutouts(self, composition: Composition) -> list[NDArray[np.float32]]:
        """Return the cut-out in every size; made when first asked for."""
        solid = composition.style == "silhouette"
        # The flat drawing has the cleaner outline.
        style = "flat" if solid else composition.style
        colour = None if solid else composition.colour
        key = (style, colour, composition.concept)
        if key not in self.cutouts:
            art = self.art[style, composition.concept]
            self.cutouts[key] = sized(paint(art, colour) if colour else art)
        return self.cutouts[key]


def shade(name: str, generator: np.random.Generator) -> NDArray[np.float32]:
    """Return a shade of a colour [3], in [0, 1]."""
    jitter = generator.uniform(-0.05, 0.05) + generator.uniform(-0.03, 0.03, 3)
    return np.clip(np.asarray(COLOURS[name]) + jitter, 0, 1).astype(np.float32)


def draw_background(name: str, generator: np.random.Generator) -> NDArray[np.float32]:
    """Return a flat or, every other time, a linear or radial gradient [64, 64, 3]."""
    first = shade(name, generator)
    picture = np.broadcast_to(first, (SIZE, SIZE, 3)).copy()
    if generator.random() < 0.5:
        return picture
    change = np.float32(generator.uniform(0.08, 0.25) * generator.choice((-1, 1)))
    across = np.linspace(-1, 1, SIZE, dtype=np.float32)
    if generator.random() < 0.5:
        angle = generator.uniform(0, 2 * np.pi)
        ramp = 0.5 * (np.cos(angle) * across[:, None] + np.sin(angle) * across[None, :])
    else:
        ramp = 1 - np.hypot(across[:, None], across[None, :])
    return picture + np.float32(change) * ramp[..., None].astype(np.float32)
