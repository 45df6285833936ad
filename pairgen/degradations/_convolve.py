"""Convolve an image with a kernel, in the cheapest way that is exact."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pairgen.degradations._kernels import Kernel
from pairgen.degradations.base import Image

# Mirror about the center of the border pixel, as in the published code.
BORDER = cv2.BORDER_REFLECT_101
# OpenCV convolves directly up to this number of taps; above it, it uses a Fourier transform, which
# takes several times as long.
MAX_DIRECT_TAPS = 129
MAX_DIRECT_SIZE = 11
# Maximum sum of what a decomposed kernel leaves out: a hundredth of an 8-bit level.
MAX_REST = 4e-5
# Below this number of pixels, decomposing the kernel does not pay off.
MIN_PIXELS = 100 * 100
# Separable passes that cost as much as a direct convolution, per pixel of the kernel's size.
MAX_PARTS = 0.4


def convolve(image: Image, kernel: Kernel) -> Image:
    """Convolve the image [H, W, 3] with a kernel [K, K] that is symmetric about its center.

    A large kernel is decomposed into a sum of separable ones if a few of them are enough: the
    absolute values of the remainder sum to less than a hundredth of an 8-bit level.
    """
    if len(kernel) <= MAX_DIRECT_SIZE:
        return np.asarray(
            cv2.filter2D(image, -1, kernel.astype(np.float32), borderType=BORDER), np.float32
        )
    if image.shape[0] * image.shape[1] < MIN_PIXELS:
        return _in_strips(image, kernel)
    parts = separable_parts(kernel)
    if len(parts) > MAX_PARTS * len(kernel):
        return _in_strips(image, kernel)
    blurred = separable(image, *parts[0])
    for vertical, horizontal in parts[1:]:
        blurred += separable(image, vertical, horizontal)
    return blurred


def _in_strips(image: Image, kernel: Kernel) -> Image:
    """Convolve directly with a few rows of the kernel at a time."""
    (height, width), size = image.shape[:2], len(kernel)
    half, num_rows = size // 2, MAX_DIRECT_TAPS // size
    padded = cv2.copyMakeBorder(image, half, half, half, half, BORDER)
    blurred = np.zeros_like(image)
    for first in range(0, size, num_rows):
        strip = kernel[first : first + num_rows].astype(np.float32)
        rows = padded[first : first + height + len(strip) - 1]
        blurred += cv2.filter2D(rows, -1, strip, anchor=(half, 0))[:height, half : half + width]
    return blurred


def separable_parts(kernel: Kernel) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return pairs of filters [K] whose outer products sum to the kernel [K, K].

    A kernel that is symmetric about its center is the sum of one that is even in both directions
    and one that is odd in both. Each is decomposed by a singular value decomposition of its
    quarter, so every filter is exactly even or odd, which OpenCV runs twice as fast.
    """
    half = len(kernel) // 2
    flipped = kernel[::-1]
    even, odd = (kernel + flipped) / 2, (kernel - flipped) / 2
    found = [
        *_parts_of_quarter(even[half:, half:], sign=1),
        *_parts_of_quarter(odd[half + 1 :, half + 1 :], sign=-1),
    ]
    found.sort(key=lambda part: -part[0])
    parts, rest = [], kernel
    for _, vertical, horizontal in found:
        parts.append((vertical, horizontal))
        rest = rest - np.outer(vertical, horizontal)
        if np.abs(rest).sum() < MAX_REST:
            break
    return parts


def _parts_of_quarter(
    quarter: Kernel, sign: int
) -> list[tuple[float, NDArray[np.float64], NDArray[np.float64]]]:
    """Return (singular value, vertical, horizontal) with both filters unfolded to full length."""
    if not len(quarter):
        return []
    columns, values, rows = np.linalg.svd(quarter)

    def unfolded(side: NDArray[np.float64]) -> NDArray[np.float64]:
        if sign > 0:
            return np.concatenate([side[:0:-1], side])
        return np.concatenate([-side[::-1], [0.0], side])

    return [
        (float(value), unfolded(value * columns[:, i]), unfolded(rows[i]))
        for i, value in enumerate(values)
    ]


def separable(
    image: Image, vertical: NDArray[np.float64], horizontal: NDArray[np.float64]
) -> Image:
    """Convolve the image [H, W, 3] with the outer product of two filters [K]."""
    filters = horizontal.astype(np.float32), vertical.astype(np.float32)
    return np.asarray(cv2.sepFilter2D(image, -1, *filters, borderType=BORDER), np.float32)
