"""How to write a degradation.

A degradation is a file in this folder (or a module of your own) that defines

    build(**options) -> Degradation

It makes all its random choices first, as plain JSON that is stored with the sample, and applies
them afterwards as a pure function of image, draw and target: the same draw renders every level of
a pyramid and replays bit for bit. A preset in `configs/degradations/` lists operations in order,
each as `name: {option: value}`.

The options of pairgen's own operations are fields of a subclass of `Operation`: one line each, with
a rule, a sentence and a default. The checks, the signature of `build` and the JSON Schema of
presets are made from them. A module of your own may do the same, or just take keyword arguments.

An operation may also have `apply_batch`, which processes many images on one device
(`BatchDegradation`). Operations without it are applied to one image at a time, on the CPU.

The contract tests find new operations automatically.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import cv2
import numpy as np
from numpy.typing import NDArray

from pairgen.config import quoted
from pairgen.degradations._batch import Batch as Batch
from pairgen.errors import ConfigError
from pairgen.options import Options

# An image: [H, W, 3], RGB, float32. Black is 0 and white 1; filters may overshoot a little, and
# operations that need the range clip.
Image = NDArray[np.float32]
# The random choices of an operation, as plain JSON.
Draw = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """The target of a chain.

    Attributes:
        level: N of the rendered 1/N; 1 in the part that all levels share.
        size: (height, width) of the low-resolution image of that level; of the HR crop in the
            shared part.
        num_halvings: Number of times that the image was already halved, as part of the level.
    """

    level: int
    size: tuple[int, int]
    num_halvings: int = 0

    @property
    def scale(self) -> int:
        """N of the remaining 1/N: the level, less the halvings done."""
        return self.level >> self.num_halvings


class Operation(Options):
    """Base of operations with declared options: an operation consists of its checked options.

    Derived values are computed once, in `model_post_init`.
    """

    command = "a degradation"
    # The units of what it draws, such as `{"sigma": "px"}`; a page says them.
    units: ClassVar[Mapping[str, str]] = {}


class Degradation(Protocol):
    """One operation, or a composition of them."""

    def draw(self, generator: np.random.Generator) -> Draw:
        """Make every random choice."""

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Return the degraded image; `image` is not changed.

        The result has the same bytes for the same arguments, in every call.
        """


@runtime_checkable
class Composition(Degradation, Protocol):
    """An operation that consists of others, some of which a draw may leave out."""

    def draw_every(self, generator: np.random.Generator) -> Draw:
        """Draw as if every part were applied: one record of all that a draw may contain."""


@runtime_checkable
class BatchDegradation(Degradation, Protocol):
    """An operation that also works on a batch."""

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Return the degraded images; `batch` is not changed.

        Image i equals the result of `apply` with draw i and target i, up to float32 rounding. It
        does not depend on the other images.

        Args:
            batch: B images on one device.
            draws: One draw per image.
            targets: One target per image.
        """


def uniform(generator: np.random.Generator, bounds: tuple[float, float]) -> float:
    """Draw a number uniformly from [low, high)."""
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
            f"got {quoted(bounds)}."
        )
    return float(bounds[0]), float(bounds[1])


def check_probability(name: str, value: float) -> float:
    """Return `value`.

    Raises:
        ConfigError: It is not a number in [0, 1].
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ConfigError(f"{name} must be a probability in [0, 1], got {quoted(value)}.")
    return float(value)


def check_choices(name: str, values: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Return the checked values as a tuple.

    Raises:
        ConfigError: There are no values, or one is unknown.
    """
    several = isinstance(values, Sequence) and not isinstance(values, str)
    if not several or not values or any(value not in known for value in values):
        raise ConfigError(f"{name} must be some of {', '.join(known)}, got {quoted(values)}.")
    return tuple(values)


def check_probabilities(given: Mapping[str, float]) -> dict[str, float]:
    """Return the nonzero probabilities by name.

    Raises:
        ConfigError: One is not in [0, 1], or they do not sum to 1.
    """
    probabilities = {name: check_probability(name, value) for name, value in given.items()}
    if abs(sum(probabilities.values()) - 1) > 1e-6:
        terms = " + ".join(f"{value:g}" for value in probabilities.values())
        raise ConfigError(f"Probabilities must sum to 1, got {terms or 'none'}.")
    return {name: value for name, value in probabilities.items() if value > 0}


def draw_quality(generator: np.random.Generator, quality: tuple[float, float]) -> int:
    """Draw a codec's quality, an integer; both ends of the range are included."""
    return int(generator.integers(int(quality[0]), int(quality[1]) + 1))


def to_levels(image: Image) -> np.ndarray:
    """Round an image to 8 bits, [H, W, 3] uint8."""
    # OpenCV rounds to nearest and saturates in one pass.
    return np.asarray(cv2.convertScaleAbs(np.maximum(image, 0), alpha=255), np.uint8)


def from_levels(levels: np.ndarray) -> Image:
    """Convert 8-bit values to an image."""
    image: Image = np.multiply(levels, np.float32(1 / 255), dtype=np.float32)
    return image
