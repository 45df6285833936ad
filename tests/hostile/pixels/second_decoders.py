"""A file with what another library sees in it."""

import importlib
import io
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from pairgen.sources.photographs import decode_rgb


@dataclass(frozen=True)
class Case:
    """A file, and what it shows.

    Attributes:
        name: What it is.
        second: Name of the second decoder.
        data: The file.
        expected: Decodes it with the second decoder: RGB levels of 0 to 255, [H, W, 3].
        allowed: Largest difference, in levels.
    """

    name: str
    second: str
    data: bytes
    expected: Callable[[bytes], np.ndarray]
    allowed: float = 0.5


def laid_on_white(pixels: np.ndarray, top: int) -> np.ndarray:
    """Return RGB of levels with alpha [H, W, 2 or 4], in levels of 0 to 255."""
    share = pixels[..., -1:] / top
    return as_rgb(pixels[..., :-1] * share + top * (1 - share)) * (255 / top)


def as_rgb(pixels: np.ndarray) -> np.ndarray:
    """Return gray [H, W] or [H, W, 1], or RGB, as RGB."""
    pixels = pixels if pixels.ndim == 3 else pixels[..., None]
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels


def by_opencv(data: bytes) -> np.ndarray:
    """Decode with OpenCV, as stored: [H, W, C], RGB."""
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if found.ndim == 3:
        found = found[..., [2, 1, 0, 3][: found.shape[2]]]
    return found.astype(float)


def by_tifffile(data: bytes) -> np.ndarray:
    """Decode a TIFF's first page with tifffile, as stored."""
    with importlib.import_module("tifffile").TiffFile(io.BytesIO(data)) as file:
        return file.pages[0].asarray().astype(float)


def by_imagecodecs(codec: str) -> Callable[[bytes], np.ndarray]:
    """Return what decodes with a codec of imagecodecs, 8 bits."""
    return lambda data: as_rgb(
        getattr(importlib.import_module("imagecodecs"), f"{codec}_decode")(data).astype(float)
    )


def difference(case: Case) -> float:
    """Return the largest difference of a case, in levels.

    Raises:
        UnusableImageError: pairgen refuses it.
    """
    expected = as_rgb(np.asarray(case.expected(case.data), float))
    found = decode_rgb(case.data).astype(float)
    if found.shape != expected.shape:
        return float("inf")
    return float(np.abs(found - expected).max())


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Return pixels as the table of TIFF 6.0 says: where row 0 and column 0 are seen."""
    return {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: np.transpose(a, (1, 0, 2)),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(np.transpose(a, (1, 0, 2)), 2),
        8: np.rot90,
    }[orientation](pixels)


def linear_to_srgb(levels: np.ndarray) -> np.ndarray:
    """Return the levels of sRGB for linear ones (IEC 61966-2-1)."""
    share = as_rgb(levels) / 255
    return 255 * np.where(share <= 0.0031308, 12.92 * share, 1.055 * share ** (1 / 2.4) - 0.055)
