"""PSNR and SSIM under a protocol, in float64."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import correlate1d

from pairgen.errors import ConfigError
from pairgen.evaluation.protocols import PEAK, Protocol

# Weights of R, G and B in the luma of ITU-R BT.601.
LUMA = (0.299, 0.587, 0.114)


def psnr(
    images: ArrayLike, references: ArrayLike, protocol: Protocol, scale: int = 1
) -> NDArray[np.float64]:
    """Return the peak signal-to-noise ratio of each image in dB, [N].

    Args:
        images: [N, H, W, 3], uint8, or floating point in [0, 1], which is rounded to 8 bits.
        references: Their references, of the same shape.
        protocol: How it is computed.
        scale: By how much the images were enlarged, for the border.

    Raises:
        ConfigError: The shapes differ or leave nothing inside the border, or a value is outside
            [0, 1].
    """
    errors = [
        np.square((x - reference) / PEAK).mean() + protocol.psnr_offset
        for x, reference in _compared(images, references, protocol, scale, smallest=1)
    ]
    with np.errstate(divide="ignore"):
        result: NDArray[np.float64] = -10 * np.log10(errors)
    return result


def ssim(
    images: ArrayLike, references: ArrayLike, protocol: Protocol, scale: int = 1
) -> NDArray[np.float64]:
    """Return the structural similarity of each image, [N]; 1 for equal images.

    Args:
        images: [N, H, W, 3], uint8, or floating point in [0, 1], which is rounded to 8 bits.
        references: Their references, of the same shape.
        protocol: How it is computed.
        scale: By how much the images were enlarged, for the border.

    Raises:
        ConfigError: As `psnr`, or an image is smaller than the window.

    Reference:
        Wang et al. 2004, "Image quality assessment: from error visibility to structural
        similarity", IEEE Transactions on Image Processing 13(4), Equation 13.
    """
    found = []
    smallest = protocol.ssim_window
    for x, reference in _compared(images, references, protocol, scale, smallest):
        if protocol.ssim_rounds:
            x, reference = np.rint(x), np.rint(reference)
        found.append(_similarity(x, reference, protocol).mean())
    return np.array(found)


def _similarity(
    x: NDArray[np.float64], y: NDArray[np.float64], protocol: Protocol
) -> NDArray[np.float64]:
    """Return the map of the similarity of two images [H, W, C], where whole windows fit."""
    c1, c2 = ((k * PEAK) ** 2 for k in protocol.ssim_k)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return _window_mean(values, protocol.ssim_window, protocol.ssim_sigma)

    mu_x, mu_y = mean(x), mean(y)
    var_x, var_y = mean(x * x) - mu_x**2, mean(y * y) - mu_y**2
    structure = (2 * (mean(x * y) - mu_x * mu_y) + c2) / (var_x + var_y + c2)
    if protocol.ssim_nonnegative:
        structure = structure.clip(min=0)
    result: NDArray[np.float64] = (2 * mu_x * mu_y + c1) / (mu_x**2 + mu_y**2 + c1) * structure
    return result


def _window_mean(values: NDArray[np.float64], side: int, sigma: float) -> NDArray[np.float64]:
    """Return the Gaussian mean of values [H, W, C] in every whole window."""
    radius = side // 2
    weights = np.exp(-np.square(np.arange(-radius, radius + 1)) / (2 * sigma**2))
    weights /= weights.sum()
    for axis in (0, 1):
        values = correlate1d(values, weights, axis=axis)
    return values[radius:-radius, radius:-radius]


def _compared(
    images: ArrayLike, references: ArrayLike, protocol: Protocol, scale: int, smallest: int
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Yield pairs of images as the protocol sees them, [h, w, C]: one at a time saves memory."""
    x, y = np.asarray(images), np.asarray(references)
    if x.shape != y.shape or x.ndim != 4 or x.shape[3] != 3 or 0 in x.shape:
        raise ConfigError(
            f"Images and references must have the same shape [N, H, W, 3], got {list(x.shape)} "
            f"and {list(y.shape)}."
        )
    cut = protocol.border * scale
    height, width = x.shape[1:3]
    if min(height, width) < smallest + 2 * cut:
        side = smallest + 2 * cut
        raise ConfigError(
            f"Protocol {protocol.name} takes images of {side} x {side} px or more here, a border "
            f"of {cut} px around {smallest} x {smallest}, got {width} x {height}."
        )
    inside = np.s_[cut : height - cut, cut : width - cut]
    for a, b in zip(x, y, strict=True):
        yield _values(a[inside], protocol), _values(b[inside], protocol)


def _values(image: NDArray[np.generic], protocol: Protocol) -> NDArray[np.float64]:
    """Return an image [H, W, 3] in the protocol's colour and levels, [H, W, C]."""
    values = image.astype(np.float64)
    if image.dtype != np.uint8:
        fits = np.issubdtype(image.dtype, np.floating) and 0 <= values.min() <= values.max() <= 1
        if not fits:
            raise ConfigError(
                f"Images must be uint8 or floating point in [0, 1], got {image.dtype} from "
                f"{values.min():g} to {values.max():g}."
            )
        values = np.rint(values * PEAK)
    if protocol.colour == "RGB":
        return values
    black, white = protocol.levels
    return black + (white - black) * (values @ np.array(LUMA) / PEAK)[..., None]
