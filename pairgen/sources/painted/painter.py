"""Paint a scene: a background, and a cut-out in front of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pairgen.sources.painted.cutouts import cutout_of
from pairgen.sources.painted.scene import Scene, Shift

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


@dataclass(frozen=True)
class Painted:
    """A painted scene.

    Attributes:
        picture: RGB values, [S, S, 3] uint8.
        mask: Where the thing is: its opacity, [S, S, 1] uint8, antialiased.
    """

    picture: NDArray[np.uint8]
    mask: NDArray[np.uint8]


def paint(scene: Scene, side: int) -> Painted:
    """Paint a scene.

    Args:
        scene: The scene.
        side: Side of the picture in pixels, from `MIN_SIDE` to `MAX_SIDE` (`names.py`).
    """
    thing = foreground(scene, side)
    alpha = thing[..., 3:]
    picture = background(scene, side) * (1 - alpha) + thing[..., :3]
    return Painted(_levels(picture), _levels(alpha))


def background(scene: Scene, side: int) -> NDArray[np.float32]:
    """Return the background alone, [S, S, 3]; a gradient may leave [0, 1]."""
    first = _shade(scene.composition.background, scene.ground_shift)
    picture = np.broadcast_to(first, (side, side, 3)).copy()
    if scene.gradient is None:
        return picture
    across = np.linspace(-1, 1, side)
    if scene.gradient.angle is None:
        ramp = 1 - np.hypot(across[:, None], across[None, :])
    else:
        down, right = np.cos(scene.gradient.angle), np.sin(scene.gradient.angle)
        ramp = 0.5 * (down * across[:, None] + right * across[None, :])
    return picture + (scene.gradient.change * ramp[..., None]).astype(np.float32)


def foreground(scene: Scene, side: int) -> NDArray[np.float32]:
    """Return the thing alone on nothing, premultiplied RGBA [S, S, 4] in [0, 1]."""
    cutout = cutout_of(scene.composition, round(scene.side * side / 64))
    if scene.flip:
        cutout = cutout[:, ::-1]
    if scene.composition.style == "silhouette":
        assert scene.composition.colour is not None
        solid = cutout[..., 3:] * _shade(scene.composition.colour, scene.thing_shift)
        cutout = np.concatenate([solid, cutout[..., 3:]], axis=2)
    height, width = cutout.shape[:2]
    top, left = (
        round(share * (side - length))
        for share, length in zip(scene.place, (height, width), strict=True)
    )
    picture = np.zeros((side, side, 4), np.float32)
    picture[top : top + height, left : left + width] = cutout
    return picture


def _shade(name: str, shift: Shift) -> NDArray[np.float32]:
    """Return a shade of a colour [3], in [0, 1]."""
    return np.clip(np.asarray(COLOURS[name]) + shift, 0, 1).astype(np.float32)


def _levels(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return values in [0, 1] as 8 bits; what lies outside is clipped."""
    return np.rint(values.clip(0, 1) * 255).astype(np.uint8)
