"""Blur an image by a kernel, in the cheapest way that is exact."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pairgen.degradations._kernels import Kernel
from pairgen.degradations.base import Image

# The middle of the border pixel is the mirror, as in the published code.
BORDER = cv2.BORDER_REFLECT_101
# Up to this size OpenCV convolves directly; above, by a Fourier transform that is slower than
# a few separable passes.
MAX_DIRECT_SIZE = 11
# What is left out of a kernel that is taken apart; far below one level of 8 bits.
MAX_REST = 1e-6


def convolve(image: Image, kernel: Kernel) -> Image:
    """Return the image [H, W, 3] under a kernel [K, K] that is symmetric about its middle.

    A large kernel is taken apart into a sum of separable ones, by singular value decomposition:
    the rest that is left out sums to less than 1e-6.
    """
    if len(kernel) <= MAX_DIRECT_SIZE:
        return np.asarray(
            cv2.filter2D(image, -1, kernel.astype(np.float32), borderType=BORDER), np.float32
        )
    columns, values, rows = np.linalg.svd(kernel)
    rest = np.cumsum(values[::-1])[::-1] * len(kernel)
    rank = max(1, int((rest > MAX_REST).sum()))
    blurred = separable(image, values[0] * columns[:, 0], rows[0])
    for i in range(1, rank):
        blurred += separable(image, values[i] * columns[:, i], rows[i])
    return blurred


def separable(
    image: Image, vertical: NDArray[np.float64], horizontal: NDArray[np.float64]
) -> Image:
    """Return the image [H, W, 3] under the outer product of two filters [K]."""
    filters = horizontal.astype(np.float32), vertical.astype(np.float32)
    return np.asarray(cv2.sepFilter2D(image, -1, *filters, borderType=BORDER), np.float32)
