"""Give a restored image the colours of the image that it was made from.

All functions change the restored image in place, channel by channel, so that a large one takes
little more memory than itself.

Reference:
    `adain` and `wavelet`: Wang et al. 2023 (StableSR), arXiv:2305.07015, Section 3.3; as in
    OSEDiff, `my_utils/wavelet_color_fix.py`, compared in `benchmarks/parity/color_fix.py`. `blend`
    is ours: published code has these two or none.
"""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

# Added to variances, for values in [0, 1].
EPSILON = 1e-5
# Of the decomposition; the last blur reaches 2 ** 5 - 1 = 31 px to each side.
NUM_LEVELS = 5


def adain(image: Tensor, given: Tensor) -> Tensor:
    """Give each channel of an image the mean and the deviation that it has in another.

    Args:
        image: The restored image, [3, H, W] in [0, 1]; changed in place.
        given: The image that was restored, enlarged, [3, H, W] in [0, 1].

    Returns:
        The image, around [0, 1].
    """
    for channel, style in zip(image, given, strict=True):
        # Of a sample; a single pixel has none.
        unbiased = channel.numel() > 1
        wanted, found = (each.var(unbiased=unbiased) + EPSILON for each in (style, channel))
        scale = (wanted / found).sqrt()
        channel.sub_(channel.mean()).mul_(scale).add_(style.mean())
    return image


def wavelet(image: Tensor, given: Tensor) -> Tensor:
    """Give an image the low frequencies of another; it keeps its own high frequencies.

    The decomposition is linear, so the low frequencies of their difference are added.

    Args:
        image: The restored image, [3, H, W] in [0, 1]; changed in place.
        given: The image that was restored, enlarged, [3, H, W] in [0, 1].

    Returns:
        The image, around [0, 1].
    """
    for channel, style in zip(image, given, strict=True):
        low = (style - channel)[None, None]
        for level in range(NUM_LEVELS):
            low = _blurred(low, 2**level)
        channel.add_(low[0, 0])
    return image


def blend(image: Tensor, given: Tensor) -> Tensor:
    """Give an image the mean of what `adain` and `wavelet` make of it.

    Args:
        image: The restored image, [3, H, W] in [0, 1]; changed in place.
        given: The image that was restored, enlarged, [3, H, W] in [0, 1].

    Returns:
        The image, around [0, 1].
    """
    for channel, style in zip(image.split(1), given.split(1), strict=True):
        by_wavelet = wavelet(channel.clone(), style)
        adain(channel, style).add_(by_wavelet).div_(2)
    return image


def _blurred(image: Tensor, radius: int) -> Tensor:
    """Blur an image [1, 1, H, W] by (1, 2, 1) / 4, with values `radius` apart, along both axes."""
    for axis, padding in ((3, (radius, radius, 0, 0)), (2, (0, 0, radius, radius))):
        length = image.shape[axis]
        padded = F.pad(image, padding, mode="replicate")
        sides = padded.narrow(axis, 0, length) + padded.narrow(axis, 2 * radius, length)
        image = sides.div_(4).add_(image, alpha=0.5)
    return image


ColorFix = Callable[[Tensor, Tensor], Tensor]
COLOR_FIXES: dict[str, ColorFix] = {
    "adain": adain,
    "wavelet": wavelet,
    "blend": blend,
    "none": lambda image, _: image,
}
