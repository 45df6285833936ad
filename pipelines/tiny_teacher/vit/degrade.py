"""Degrade a rectangle of each picture in one of five ways, and say which patches show it.

A network that only names things may ignore how sharp they are; one that has to say what was done
to a patch may not.
"""

from collections.abc import Callable
from io import BytesIO
from typing import NamedTuple

import cv2
import numpy as np
from batches import SIZE
from numpy.typing import NDArray
from PIL import Image

Levels = NDArray[np.uint8]

# What can be done to a rectangle, and how often it is: the VAE takes the most time, and the loss
# weighs all kinds alike.
KINDS = ("none", "blur", "bicubic", "vae", "noise", "jpeg")
SHARES = (0.1, 0.2, 0.2, 0.1, 0.2, 0.2)
PATCH = 8
GRID = SIZE // PATCH
MIN_SIDE = 16
# What cross_entropy leaves out.
UNCERTAIN = -100
# Root mean square changes of a patch, in levels of 255: from the first on it counts as degraded,
# below the second as untouched. A blurred patch of one colour is the same patch.
VISIBLE, INVISIBLE = 2.0, 0.5


class Rectangle(NamedTuple):
    """Where a picture is degraded, and how.

    Attributes:
        kind: Place in `KINDS`.
        rows: First row, and the one after the last.
        columns: First column, and the one after the last.
        strength: From weak to strong, in [0, 1).
    """

    kind: int
    rows: tuple[int, int]
    columns: tuple[int, int]
    strength: float


def draw_rectangles(
    num: int, generator: np.random.Generator, num_versions: int = 1
) -> list[Rectangle]:
    """Draw rectangles of 16 to 64 px a side, anywhere; one in ten is of `none`.

    Args:
        num: Number of places.
        generator: Of everything.
        num_versions: Number of rectangles a place, of different kinds; they follow one another.
    """
    rectangles = []
    for _ in range(num):
        rows, columns = _draw_range(generator), _draw_range(generator)
        strength = float(generator.random())
        kinds = generator.choice(len(KINDS), num_versions, replace=False, p=SHARES)
        rectangles += [Rectangle(int(kind), rows, columns, strength) for kind in kinds]
    return rectangles


def degrade(
    pictures: Levels,
    rectangles: list[Rectangle],
    reconstruct: Callable[[Levels, np.random.Generator], Levels],
    generator: np.random.Generator,
) -> Levels:
    """Degrade a rectangle of each picture.

    Args:
        pictures: RGB, [B, 64, 64, 3].
        rectangles: One a picture.
        reconstruct: Encodes and decodes pictures [N, 64, 64, 3].
        generator: Of the noise, and of where JPEG's blocks begin.
    """
    kinds = np.array([KINDS[each.kind] for each in rectangles])
    worse = pictures.copy()
    chosen = kinds == "vae"
    if chosen.any():
        worse[chosen] = reconstruct(pictures[chosen], generator)
    for row, (kind, rectangle) in enumerate(zip(kinds, rectangles, strict=True)):
        if kind in WAYS:
            worse[row] = WAYS[kind](pictures[row], rectangle.strength, generator)
    degraded = pictures.copy()
    for row, (_, rows, columns, _) in enumerate(rectangles):
        here = (row, slice(*rows), slice(*columns))
        degraded[here] = worse[here]
    return degraded


def patch_kinds(
    pictures: Levels, degraded: Levels, rectangles: list[Rectangle]
) -> NDArray[np.int64]:
    """Return what was done to each patch: a place in `KINDS`, [B, 8, 8].

    A patch shows the kind of its rectangle if at least half of it lies inside and its change is
    visible; it shows none if its change is invisible. All others are `UNCERTAIN`.
    """
    inside = np.zeros(pictures.shape[:3])
    for row, (_, rows, columns, _) in enumerate(rectangles):
        inside[row, slice(*rows), slice(*columns)] = 1
    covered = patch_means(inside)
    squared = np.square(degraded.astype(np.float64) - pictures).mean(axis=3)
    change = np.sqrt(patch_means(squared))
    kinds = np.array([each.kind for each in rectangles])[:, None, None]
    hit = (covered >= 0.5) & (change >= VISIBLE)
    return np.where(hit, kinds, np.where(change < INVISIBLE, 0, UNCERTAIN))


def patch_means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of each patch of [B, 64, 64], [B, 8, 8]."""
    return values.reshape(-1, GRID, PATCH, GRID, PATCH).mean(axis=(2, 4))


def blur(picture: Levels, strength: float, _: np.random.Generator) -> Levels:
    """Blur a picture [H, W, 3] by a Gaussian of 0.8 to 2 px."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.8 + 1.2 * strength), np.uint8)


def shrink(picture: Levels, strength: float, _: np.random.Generator) -> Levels:
    """Reduce a picture [H, W, 3] 2 to 4 times and enlarge it again, both by Pillow's bicubic."""
    height, width = picture.shape[:2]
    factor = 2 + 2 * strength
    small = Image.fromarray(picture).resize(
        (round(width / factor), round(height / factor)), Image.Resampling.BICUBIC
    )
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


def add_noise(picture: Levels, strength: float, generator: np.random.Generator) -> Levels:
    """Add white noise of 5 to 25 levels to a picture [H, W, 3]."""
    noise = (5 + 20 * strength) * generator.standard_normal(picture.shape)
    return np.rint(picture + noise).clip(0, 255).astype(np.uint8)


def compress(picture: Levels, strength: float, generator: np.random.Generator) -> Levels:
    """Compress a picture [H, W, 3] by JPEG of quality 50 to 10; its blocks begin anywhere.

    Blocks that always begin where patches do would be told by their borders alone.
    """
    height, width = picture.shape[:2]
    top, left = generator.integers(0, 8, 2)
    padded = np.pad(picture, ((top, 0), (left, 0), (0, 0)), mode="edge")
    file = BytesIO()
    Image.fromarray(padded).save(file, "JPEG", quality=round(50 - 40 * strength))
    with Image.open(file) as read:
        return np.asarray(read)[top : top + height, left : left + width]


# All but VAE, which works on many pictures at once.
WAYS = {"blur": blur, "bicubic": shrink, "noise": add_noise, "jpeg": compress}


def _draw_range(generator: np.random.Generator) -> tuple[int, int]:
    side = int(generator.integers(MIN_SIDE, SIZE + 1))
    start = int(generator.integers(0, SIZE - side + 1))
    return start, start + side
