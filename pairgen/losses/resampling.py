"""Affine maps of images that continue past their edges by reflection.

A map is given backwards, as a matrix that takes a position of the output to the position of the
input that is shown there. Positions are (x, y) in pixels from the middle, y downwards.

Past its edge an image goes on as its mirror image about the outermost pixel, without end: no map
reaches an edge, however small the image and however far the shift.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

# Low-pass filter of the symlet with six vanishing moments, orthonormal (Daubechies 1992, ch. 8).
SYM6 = (
    0.015404109327027373,
    0.0034907120842174702,
    -0.11799011114819057,
    -0.048311742585633,
    0.4910559419267466,
    0.787641141030194,
    0.3379294217276218,
    -0.07263752278646252,
    -0.021060292512300564,
    0.04472490177066578,
    0.0017677118642428036,
    -0.007800708325034148,
)
NUM_TAPS = len(SYM6)
# Where the filter's mass lies. It is not symmetric: were positions counted from its middle tap, a
# half turn would also shift by 0.4 pixels.
CENTRE = sum(tap * weight for tap, weight in enumerate(SYM6)) / sum(SYM6)


def move(x: Tensor, inverse: Tensor) -> Tensor:
    """Return images whose pixels were moved, none of them changed.

    Args:
        x: [B, C, H, W].
        inverse: [B, 3, 3] float64: mirror images, quarter turns, shifts by whole pixels. A quarter
            turn of an image of which one side is odd and one even falls between pixels: it shows
            the one to the right or below.
    """
    height, width = x.shape[2:]
    rows, columns = (torch.arange(size, device=x.device) for size in (height, width))
    # Not `round`: it takes both 0.5 and 1.5 to an even number, and would show pixels twice.
    from_x, from_y = (
        (position + 0.5).floor().long()
        for position in _sources(inverse, rows, columns, height, width)
    )
    index = _reflected(from_y, height) * width + _reflected(from_x, width)
    index = index.flatten(1)[:, None].expand(-1, x.shape[1], -1)
    return x.flatten(2).gather(2, index).view_as(x)


def warp(x: Tensor, inverse: Tensor) -> Tensor:
    """Return images under an affine map, with little aliasing.

    Twice the resolution by the sym6 filter, bilinear interpolation there, and down again by the
    same filter. The filter is orthonormal: the identity gives `x` back.

    Args:
        x: [B, C, H, W], float32 or float64.
        inverse: [B, 3, 3] float64, any affine map.

    Reference:
        Karras et al. 2020, arXiv:2006.06676, appendix B: the resampling of augmented images.
    """
    height, width = x.shape[2:]
    fine = _upsampling(height, x) @ x @ _upsampling(width, x).mT
    # The finer samples that the filter will bring down, and where they lie in the output.
    rows, columns = (
        (torch.arange(_num_fine(size), device=x.device, dtype=torch.float64) - CENTRE) / 2
        for size in (height, width)
    )
    from_x, from_y = _sources(inverse, rows, columns, height, width)
    grid = torch.stack([_coordinate(from_x, width), _coordinate(from_y, height)], dim=-1)
    # Bilinear. No position lies outside of the period, so nothing is padded.
    fine = F.grid_sample(fine, grid.to(x.dtype), align_corners=True)
    return _downsampling(height, x) @ fine @ _downsampling(width, x).mT


def _sources(
    inverse: Tensor, rows: Tensor, columns: Tensor, height: int, width: int
) -> tuple[Tensor, Tensor]:
    """Return x and y, [B, rows, columns], in pixels from the first pixel, of what is shown there.

    In float64: the fraction of a position of hundreds of pixels matters.
    """
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    x, y = columns - middle_x, rows[:, None] - middle_y
    matrix = inverse[:, :, :, None, None]
    from_x = matrix[:, 0, 0] * x + matrix[:, 0, 1] * y + matrix[:, 0, 2] + middle_x
    from_y = matrix[:, 1, 0] * x + matrix[:, 1, 1] * y + matrix[:, 1, 2] + middle_y
    return from_x, from_y


def _coordinate(position: Tensor, size: int) -> Tensor:
    """Return the place of a position on a period of finer samples, as [-1, 1] of `grid_sample`."""
    period = _period(size)
    return torch.remainder(2 * position + CENTRE, 2 * period) / period - 1


def _period(size: int) -> int:
    """Return after how many pixels a reflected image repeats."""
    return max(2 * size - 2, 1)


def _reflected(index: Tensor, size: int) -> Tensor:
    """Return the pixel of [0, size) that any index shows.

    `reflect` padding of torch stops short of one size, which a shift of a small latent passes; the
    reflections of reflections have no end.
    """
    return size - 1 - (torch.remainder(index, _period(size)) - (size - 1)).abs()


def _num_fine(size: int) -> int:
    """Return how many finer samples the filter needs for `size` pixels."""
    return 2 * size + NUM_TAPS - 2


# The filters are matrices, not convolutions: with the reflection inside, and in float32 on every
# GPU, where convolutions take TF32 unless told otherwise.


def _upsampling(size: int, like: Tensor) -> Tensor:
    """Return [2 P + 1, size]: pixels to one period P of the reflected image, twice as fine.

    The last sample is the first of the next period, for the interpolation between.
    """
    period = _period(size)
    first = -((NUM_TAPS - 1) // 2)
    filters = _filters(2 * period + 1, first, period + 1, like)
    shown = _reflected(torch.arange(first, period + 1, device=like.device), size)
    reflection = shown[:, None] == torch.arange(size, device=like.device)
    return math.sqrt(2) * filters @ reflection.to(like.dtype)


def _downsampling(size: int, like: Tensor) -> Tensor:
    """Return [size, 2 size + 10]: finer samples to pixels."""
    return _filters(_num_fine(size), 0, size, like).mT / math.sqrt(2)


def _filters(num_fine: int, start: int, stop: int, like: Tensor) -> Tensor:
    """Return the filter's weight of finer sample n for pixel i, h[n - 2 i], [n, stop - start]."""
    fine = torch.arange(num_fine, device=like.device)
    pixels = torch.arange(start, stop, device=like.device)
    taps = fine[:, None] - 2 * pixels
    weights = torch.tensor(SYM6, device=like.device, dtype=like.dtype)
    return weights[taps.clamp(0, NUM_TAPS - 1)] * ((taps >= 0) & (taps < NUM_TAPS))
