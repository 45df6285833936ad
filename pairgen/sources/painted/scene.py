"""What a picture leaves to chance, drawn once: its place, size, flip, shades and background.

Nothing depends on the size of the picture in pixels, so one scene can be painted in several.
"""

from dataclasses import dataclass

import numpy as np

from pairgen.sources.painted.compositions import Composition

# Longest side of a cut-out, in 64ths of the picture's side.
SIDES = tuple(range(40, 61, 2))

Shift = tuple[float, float, float]


@dataclass(frozen=True)
class Gradient:
    """How a background changes from place to place.

    Attributes:
        change: Largest change of its colour, in [0, 1]; negative where it gets darker.
        angle: Direction of a linear gradient, in radians; None for a radial one.
    """

    change: float
    angle: float | None


@dataclass(frozen=True)
class Scene:
    """A picture before it is painted.

    Attributes:
        composition: What it shows.
        ground_shift: What is added to the background's colour, RGB in [0, 1].
        gradient: The gradient of the background; None if it is flat.
        side: Longest side of the thing, in 64ths of the picture's side.
        flip: Whether the thing is mirrored.
        place: Where it lies between the borders: (down, right), each in [0, 1].
        thing_shift: What is added to the colour of a silhouette.
    """

    composition: Composition
    ground_shift: Shift
    gradient: Gradient | None
    side: int
    flip: bool
    place: tuple[float, float]
    thing_shift: Shift = (0.0, 0.0, 0.0)


def draw_scene(composition: Composition, generator: np.random.Generator) -> Scene:
    """Draw a scene of a composition."""
    ground_shift, gradient = draw_shift(generator), None
    if generator.random() >= 0.5:
        change = float(generator.uniform(0.08, 0.25) * generator.choice((-1, 1)))
        is_linear = generator.random() < 0.5
        gradient = Gradient(change, generator.uniform(0, 2 * np.pi) if is_linear else None)
    side = SIDES[generator.integers(len(SIDES))]
    flip = bool(generator.random() < 0.5)
    # Mostly near the middle.
    down, right = (float(generator.triangular(0, 0.5, 1)) for _ in range(2))
    is_solid = composition.style == "silhouette"
    thing_shift = draw_shift(generator) if is_solid else Scene.thing_shift
    return Scene(composition, ground_shift, gradient, side, flip, (down, right), thing_shift)


def draw_shift(generator: np.random.Generator) -> Shift:
    """Draw how a shade differs from its colour: in brightness, and a little in every channel."""
    brightness = generator.uniform(-0.05, 0.05)
    red, green, blue = (brightness + generator.uniform(-0.03, 0.03, 3)).tolist()
    return red, green, blue
