"""Affine maps of images that continue past their edges by reflection.

A map is given as its inverse: a matrix that takes an output position to the input position that is
shown there. Positions are (x, y) in pixels from the middle, with y pointing down.

Beyond its edge, an image continues as its mirror image about the outermost pixel, without end: no
map runs out of pixels, however small the image and however large the shift.
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
# The tap that lies at the position of a pixel. The filter is not symmetric; counted from its centre
# of mass, no map shifts an image beside what it asks for. The authors' package of E-LatentLPIPS
# counts from tap 5, 0.098 fine samples or 0.049 pixels away: a half turn there also shifts by 0.098
# pixels.
CENTRES = {
    "unbiased": sum(tap * weight for tap, weight in enumerate(SYM6)) / sum(SYM6),
    "published": 5.0,
}


def move(x: Tensor, inverse: Tensor) -> Tensor:
    """Move the pixels of images without changing their values.

    Args:
        x: Images, [B, C, H, W].
        inverse: [B, 3, 3] float64: mirroring, quarter turns, shifts by whole pixels. A quarter turn
            of an image with one odd and one even side falls between pixels: it shows the pixel to
            the right or below.
    """
    height, width = x.shape[2:]
    rows, columns = (torch.arange(size, device=x.device) for size in (height, width))
    # Not `round`: it rounds both 0.5 and 1.5 to an even number, and would repeat pixels.
    from_x, from_y = (
        (position + 0.5).floor().long()
        for position in _sources(inverse, rows, columns, height, width)
    )
    index = _reflected(from_y, height) * width + _reflected(from_x, width)
    index = index.flatten(1)[:, None].expand(-1, x.shape[1], -1)
    return x.flatten(2).gather(2, index).view_as(x)


def warp(x: Tensor, inverse: Tensor, centre: str) -> Tensor:
    """Apply an affine map to images, with little aliasing.

    Upsample twofold by the sym6 filter, interpolate bilinearly there, and downsample by the same
    filter. The filter is orthonormal: the identity returns `x`.

    Args:
        x: Images, [B, C, H, W], float32 or float64.
        inverse: [B, 3, 3] float64, any affine map.
        centre: Where the filter has its centre, one of `CENTRES`.

    Reference:
        Karras et al. 2020, arXiv:2006.06676, appendix B: the resampling of augmented images.
    """
    height, width = x.shape[2:]
    tap = CENTRES[centre]
    fine = _upsampling(height, x) @ x @ _upsampling(width, x).mT
    # The fine samples that the filter will need, and their positions in the output.
    rows, columns = (
        (torch.arange(_num_fine(size), device=x.device, dtype=torch.float64) - tap) / 2
        for size in (height, width)
    )
    from_x, from_y = _sources(inverse, rows, columns, height, width)
    grid = torch.stack([_coordinate(from_x, width, tap), _coordinate(from_y, height, tap)], dim=-1)
    # Bilinear. No position is outside the period, so there is no padding.
    fine = F.grid_sample(fine, grid.to(x.dtype), align_corners=True)
    return _downsampling(height, x) @ fine @ _downsampling(width, x).mT


def _sources(
    inverse: Tensor, rows: Tensor, columns: Tensor, height: int, width: int
) -> tuple[Tensor, Tensor]:
    """Return x and y of the source positions, [B, rows, columns], in pixels from the first pixel.

    They are float64: the fraction of a position of hundreds of pixels matters.
    """
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    x, y = columns - middle_x, rows[:, None] - middle_y
    matrix = inverse[:, :, :, None, None]
    from_x = matrix[:, 0, 0] * x + matrix[:, 0, 1] * y + matrix[:, 0, 2] + middle_x
    from_y = matrix[:, 1, 0] * x + matrix[:, 1, 1] * y + matrix[:, 1, 2] + middle_y
    return from_x, from_y


def _coordinate(position: Tensor, size: int, tap: float) -> Tensor:
    """Return a position on a period of fine samples in the [-1, 1] convention of `grid_sample`."""
    period = _period(size)
    return torch.remainder(2 * position + tap, 2 * period) / period - 1


def _period(size: int) -> int:
    """Return the period of a reflected image, in pixels."""
    return max(2 * size - 2, 1)


def _reflected(index: Tensor, size: int) -> Tensor:
    """Return the pixel in [0, size) that any index shows.

    torch's `reflect` padding is limited to less than one size, which a shift of a small latent
    exceeds; here reflections repeat without end.
    """
    return size - 1 - (torch.remainder(index, _period(size)) - (size - 1)).abs()


def _num_fine(size: int) -> int:
    """Return the number of fine samples that the filter needs for `size` pixels."""
    return 2 * size + NUM_TAPS - 2


# The filters are matrices, not convolutions: they include the reflection, and stay in float32 on
# every GPU, where convolutions use TF32 by default.


def _upsampling(size: int, like: Tensor) -> Tensor:
    """Return [2 P + 1, size]: maps pixels to one period P of the reflected image, twice as fine.

    The last sample is the first of the next period, for interpolation.
    """
    period = _period(size)
    first = -((NUM_TAPS - 1) // 2)
    filters = _filters(2 * period + 1, first, period + 1, like)
    shown = _reflected(torch.arange(first, period + 1, device=like.device), size)
    reflection = shown[:, None] == torch.arange(size, device=like.device)
    return math.sqrt(2) * filters @ reflection.to(like.dtype)


def _downsampling(size: int, like: Tensor) -> Tensor:
    """Return [size, 2 size + 10]: maps fine samples to pixels."""
    return _filters(_num_fine(size), 0, size, like).mT / math.sqrt(2)


def _filters(num_fine: int, start: int, stop: int, like: Tensor) -> Tensor:
    """Return the filter's weight of fine sample n for pixel i, h[n - 2 i], [n, stop - start]."""
    fine = torch.arange(num_fine, device=like.device)
    pixels = torch.arange(start, stop, device=like.device)
    taps = fine[:, None] - 2 * pixels
    weights = torch.tensor(SYM6, device=like.device, dtype=like.dtype)
    return weights[taps.clamp(0, NUM_TAPS - 1)] * ((taps >= 0) & (taps < NUM_TAPS))
