"""The manual of the degradation family.

A degradation is a file here (or a module of your own) that defines

    build(**options) -> Degradation

It draws all its random choices first, as plain JSON that is stored with the sample, and applies
them afterwards as a pure function of image, draw and target: the same draw renders every level of
a pyramid and replays bit for bit. A preset in `configs/degradations/` says which operations follow
each other; an operation is written there as `name: {option: value}`.

The options of pairgen's own operations are fields of a class on top of `Operation`: a line each,
with a rule, a sentence and a default, from which come the checks, the signature of `build` and the
JSON Schema of presets. A module of your own may do the same, or just take keywords.

An operation may also have `apply_batch`, which does the same to many images on one device
(`BatchDegradation`). One that has not is applied there image by image, on the CPU.

The contract tests find a new member by themselves.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np
from numpy.typing import NDArray

from pairgen.degradations._batch import Batch as Batch
from pairgen.errors import ConfigError
from pairgen.options import Options

# An image: [H, W, 3], RGB, float32. Black is 0 and white 1; filters may overshoot a little, and
# whatever needs the range clips.
Image = NDArray[np.float32]
# What an operation has drawn: JSON, and nothing else.
Draw = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """Where the chain is going.

    Attributes:
        level: N of the 1/N that is rendered; 1 in the part that all levels share.
        size: (height, width) of the low-resolution image of that level; of the HR crop in the
            shared part.
        num_halvings: How often the image was already halved on the way, as part of the level.
    """

    level: int
    size: tuple[int, int]
    num_halvings: int = 0

    @property
    def scale(self) -> int:
        """N of the 1/N that is left to go: the level, but for halvings done."""
        return self.level >> self.num_halvings


class Operation(Options):
    """Base of operations whose options are declared: an operation is its options, checked.

    What follows from them is made once, in `model_post_init`.
    """

    command = "a degradation"


class Degradation(Protocol):
    """One operation, or a composition of them."""

    def draw(self, generator: np.random.Generator) -> Draw:
        """Make every random choice."""

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Return the degraded image; `image` stays as it is.

        The same bytes for the same arguments, wherever and however often it is called.
        """


@runtime_checkable
class Composition(Degradation, Protocol):
    """An operation made of others, some of which a draw may leave out."""

    def draw_every(self, generator: np.random.Generator) -> Draw:
        """Draw as if everything were applied: what a draw may hold, in one record."""


@runtime_checkable
class BatchDegradation(Degradation, Protocol):
    """An operation that also works on a batch."""

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Return the degraded images; `batch` stays as it is.

        Image i is what `apply` makes of it with draw i and target i, to rounding in float32. The
        other images beside it change nothing.

        Args:
            batch: B images on one device.
            draws: One an image.
            targets: One an image.
        """


def uniform(generator: np.random.Generator, bounds: tuple[float, float]) -> float:
    """Draw from [low, high)."""
    low, high = bounds
    return float(low + (high - low) * generator.random())


def draw_name(generator: np.random.Generator, probabilities: Mapping[str, float]) -> str:
    """Draw one of the names."""
    place, point = 0.0, generator.random()
    for name, probability in probabilities.items():
        place += probability
        if point < place:
            return name
    # Rounding may leave the sum below 1.
    return list(probabilities)[-1]


def draw_field_seed(generator: np.random.Generator) -> int:
    """Draw the seed of a noise field, below 2^53 so that every JSON reader keeps it."""
    return int(generator.integers(2**53))


def field_generator(field_seed: int, level: int) -> np.random.Generator:
    """Return the generator of a noise field; every level of a pyramid has its own."""
    return np.random.Generator(np.random.Philox(key=[field_seed, level]))


def check_range(
    name: str, bounds: Sequence[float], lowest: float = 0.0, highest: float = math.inf
) -> tuple[float, float]:
    """Return `bounds` as (low, high).

    Raises:
        ConfigError: It is not two finite numbers, lowest <= low <= high <= highest.
    """
    fine = (
        isinstance(bounds, Sequence)
        and not isinstance(bounds, str)
        and len(bounds) == 2
        and all(isinstance(bound, int | float) and math.isfinite(bound) for bound in bounds)
        and lowest <= bounds[0] <= bounds[1] <= highest
    )
    if not fine:
        limit = f" and at most {highest:g}" if math.isfinite(highest) else ""
        raise ConfigError(
            f"{name} must be [low, high], low <= high, two numbers of at least {lowest:g}{limit}, "
            f"got {bounds!r}."
        )
    return float(bounds[0]), float(bounds[1])


def check_probability(name: str, value: float) -> float:
    """Return `value`.

    Raises:
        ConfigError: It is not a number in [0, 1].
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ConfigError(f"{name} must be a probability in [0, 1], got {value!r}.")
    return float(value)


def check_choices(name: str, values: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Return `values`.

    Raises:
        ConfigError: They are none, or one is not known.
    """
    several = isinstance(values, Sequence) and not isinstance(values, str)
    if not several or not values or any(value not in known for value in values):
        raise ConfigError(f"{name} must be some of {', '.join(known)}, got {values!r}.")
    return tuple(values)


def check_probabilities(given: Mapping[str, float]) -> dict[str, float]:
    """Return the probabilities of names, those of 0 left out.

    Raises:
        ConfigError: One is not in [0, 1], or they do not sum to 1.
    """
    probabilities = {name: check_probability(name, value) for name, value in given.items()}
    if abs(sum(probabilities.values()) - 1) > 1e-6:
        told = " + ".join(f"{value:g}" for value in probabilities.values())
        raise ConfigError(f"Probabilities must sum to 1, got {told or 'none'}.")
    return {name: value for name, value in probabilities.items() if value > 0}


def draw_quality(generator: np.random.Generator, quality: tuple[float, float]) -> int:
    """Draw a codec's quality, a whole number; both ends belong to the range."""
    return int(generator.integers(int(quality[0]), int(quality[1]) + 1))


def to_levels(image: Image) -> np.ndarray:
    """Round an image to 8 bits, [H, W, 3] uint8."""
    # OpenCV rounds to nearest and saturates in one pass.
    return np.asarray(cv2.convertScaleAbs(np.maximum(image, 0), alpha=255), np.uint8)


def from_levels(levels: np.ndarray) -> Image:
    """Return 8-bit values as an image."""
    image: Image = np.multiply(levels, np.float32(1 / 255), dtype=np.float32)
    return image
