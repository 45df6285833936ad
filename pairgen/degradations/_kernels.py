"""The blur kernels of Real-ESRGAN as functions of their parameters.

All are [size, size] float64 and sum to 1. Rows are y, columns x; the angle turns x towards y.
Parameters may be arrays [B, 1, 1], which give kernels [B, size, size] in one call.

Reference:
    Wang et al. 2021 (Real-ESRGAN), arXiv:2107.10833, Sections 3.1 and 3.2, and the values of its
    published code (BasicSR 1.4.2, basicsr/data/degradations.py).
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import j1

Kernel = NDArray[np.float64]
# One number, or one for each kernel.
Parameter = float | NDArray[np.float64]


def gaussian(size: int, sigma: tuple[Parameter, Parameter], angle: Parameter) -> Kernel:
    """Return exp(-d / 2) with d the squared distance in units of sigma."""
    return _normalised(np.exp(-0.5 * _squared_distance(size, sigma, angle)))


def generalized_gaussian(
    size: int, sigma: tuple[Parameter, Parameter], angle: Parameter, beta: Parameter
) -> Kernel:
    """Return exp(-d^beta / 2): sharper than a Gaussian below beta 1, flatter above."""
    return _normalised(np.exp(-0.5 * _squared_distance(size, sigma, angle) ** beta))


def plateau(
    size: int, sigma: tuple[Parameter, Parameter], angle: Parameter, beta: Parameter
) -> Kernel:
    """Return 1 / (1 + d^beta): flat in the middle, with long tails."""
    return _normalised(1 / (1 + _squared_distance(size, sigma, angle) ** beta))


def sinc(size: int, cutoff: Parameter) -> Kernel:
    """Return the circular low-pass filter with `cutoff` in radians per pixel, which rings.

    k(r) = cutoff / (2 pi r) J1(cutoff r), J1 the Bessel function of the first kind and order.
    """
    y, x = _grid(size)
    r = np.hypot(x, y)
    with np.errstate(divide="ignore", invalid="ignore"):
        kernel = cutoff * j1(cutoff * r) / (2 * math.pi * r)
    # The limit of J1(z) / z at 0 is 1 / 2.
    middle = slice(size // 2, size // 2 + 1)
    kernel[..., middle, middle] = np.square(cutoff) / (4 * math.pi)
    return _normalised(kernel)


def _grid(size: int) -> tuple[Kernel, Kernel]:
    """Return y and x, 0 at the center."""
    axis = np.arange(size, dtype=np.float64) - size // 2
    return axis[:, None], axis[None, :]


def _squared_distance(size: int, sigma: tuple[Parameter, Parameter], angle: Parameter) -> Kernel:
    """Return the squared Mahalanobis distance to the center."""
    y, x = _grid(size)
    cos, sin = np.cos(angle), np.sin(angle)
    along = (cos / sigma[0]) * x + (sin / sigma[0]) * y
    across = (cos / sigma[1]) * y - (sin / sigma[1]) * x
    squared: Kernel = along * along + across * across
    return squared


def _normalised(kernel: Kernel) -> Kernel:
    normalised: Kernel = kernel / kernel.sum(axis=(-2, -1), keepdims=True)
    return normalised
