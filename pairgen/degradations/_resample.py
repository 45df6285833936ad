"""Resize an image with the modes of torch's `interpolate`, with and without antialiasing."""

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from pairgen.degradations.base import Image

# Real-ESRGAN's three modes. None widens its kernel when it shrinks, so they alias.
RANDOM_MODES = ("area", "bilinear", "bicubic")
MODES = (*RANDOM_MODES, "lanczos", "area-weighted", "bicubic-antialias")
_OPENCV = {
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
    "lanczos": cv2.INTER_LANCZOS4,
    "area-weighted": cv2.INTER_AREA,
}


def resample(image: Image, size: tuple[int, int], mode: str) -> Image:
    """Resize the image [H, W, 3] to `size` (height, width).

    Args:
        image: The image, float32.
        size: The new size in pixels.
        mode: `area`, `bilinear` and `bicubic` are those of torch's `F.interpolate(size=...)`, up to
            float32 rounding; `lanczos` is OpenCV's, with eight taps; `area-weighted` is OpenCV's,
            which weights a pixel by its covered part (torch's `area` counts it fully);
            `bicubic-antialias` is torch's with `antialias=True`, whose kernel grows with the factor
            (a = -0.5, as in Pillow).
    """
    if image.shape[:2] == size:
        return image
    if mode in _OPENCV:
        resized = cv2.resize(image, (size[1], size[0]), interpolation=_OPENCV[mode])
        return np.asarray(resized, np.float32)
    if mode == "area":
        shrunk = np.asarray(cv2.transpose(_mean_of_rows(image, size[0])), np.float32)
        return np.asarray(cv2.transpose(_mean_of_rows(shrunk, size[1])), np.float32)
    planes = torch.from_numpy(image).permute(2, 0, 1).unsqueeze(0)
    found = F.interpolate(planes, size, mode="bicubic", antialias=True)
    return np.ascontiguousarray(found[0].permute(1, 2, 0).numpy())


def resample_by(image: Image, factor: float, mode: str) -> Image:
    """Resize the image [H, W, 3] by a factor; sizes are rounded down, to at least 1 px.

    New pixel i lies at (i + 0.5) / factor of the old ones, whatever the sizes round to, as in
    torch's `F.interpolate(scale_factor=...)`. Where a size is no whole number, the new image so
    shows less of the far edge than `resample` does, and more of the rest.

    Args:
        image: The image, float32.
        factor: New size by old size, positive.
        mode: `area`, `bilinear` or `bicubic`, up to float32 rounding; `area` is that of
            `resample`, in torch too.
    """
    size = size_by(image.shape[:2], factor)
    if mode == "area" or factor == 1:
        return resample(image, size, mode)
    if size[0] == image.shape[0] or size[1] == image.shape[1]:
        # Where an axis keeps its length, torch copies it (bilinear) or not (bicubic), and OpenCV
        # copies an image of which both do.
        planes = torch.from_numpy(image).permute(2, 0, 1).unsqueeze(0)
        found = F.interpolate(planes, scale_factor=factor, mode=mode)
        return np.ascontiguousarray(found[0].permute(1, 2, 0).numpy())
    # Repeats the far edge, as what lies beyond it is read, where less than a pixel would be left.
    missing = [max(0, int(1 / factor) + 1 - old) for old in image.shape[:2]]
    if any(missing):
        image = np.pad(image, ((0, missing[0]), (0, missing[1]), (0, 0)), "edge")
    # OpenCV keeps the factor only if it computes the size, which it rounds to nearest.
    resized = cv2.resize(image, None, fx=factor, fy=factor, interpolation=_OPENCV[mode])
    return np.ascontiguousarray(resized[: size[0], : size[1]], np.float32)


def size_by(size: tuple[int, ...], factor: float) -> tuple[int, int]:
    """Return (height, width) times a factor, rounded down, to at least 1 px."""
    return max(1, int(size[0] * factor)), max(1, int(size[1] * factor))


def _mean_of_rows(image: Image, num: int) -> Image:
    """Return [num, W, 3]: row i is the mean of the rows that the i-th part of the height touches.

    A partly touched row counts fully, as in torch, whose implementation is slower.
    """
    rows, i = image.reshape(len(image), -1), np.arange(num)
    starts, stops = i * len(image) // num, -(-(i + 1) * len(image) // num)
    counts = stops - starts
    found = rows[starts]
    for further in range(1, counts.max()):
        wide = np.flatnonzero(counts > further)
        found[wide] += rows[starts[wide] + further]
    found /= counts[:, None].astype(np.float32)
    return found.reshape(num, *image.shape[1:])
