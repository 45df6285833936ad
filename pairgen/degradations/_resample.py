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
