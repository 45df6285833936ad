"""Random changes of images that a discriminator sees, drawn for every sample, differentiable.

Reference:
    Zhao et al. 2020 (DiffAugment), arXiv:2006.10738: colour, translation, cutout and their
    strengths. The random crop and the fading blur are those of StyleGAN-T (arXiv:2301.09515), whose
    published code draws one crop for the whole batch; here every sample has its own.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from pairgen.draws import Draws
from pairgen.losses.latent_augmentation import augment, draw_augmentation

COLOUR, TRANSLATION, CUTOUT = AUGMENTATIONS = ("colour", "translation", "cutout")
# Maximum shift to each side, as a share of the size.
MAX_SHIFT = 0.125
# A Gaussian is cut beyond as many standard deviations.
BLUR_REACH = 3


def augment_images(images: Tensor, groups: Sequence[str], draws: Draws) -> Tensor:
    """Return changed images, [B, 3, H, W] float32.

    Args:
        images: Images, [B, 3, H, W] around [-1, 1]; what is cut out or moved in is 0, grey.
        groups: Some of `AUGMENTATIONS`.
        draws: Draws of the samples.
    """
    if COLOUR in groups:
        images = augment(images, draw_augmentation(draws, (COLOUR,)))
    if TRANSLATION in groups:
        images = translate(images, 2 * MAX_SHIFT * (draws.uniform((2,)) - 0.5))
    if CUTOUT in groups:
        images = augment(images, draw_augmentation(draws, (CUTOUT,)))
    return images


def translate(images: Tensor, shift: Tensor) -> Tensor:
    """Return images moved by whole pixels, with 0 where nothing was, [B, C, H, W].

    Args:
        images: Images, [B, C, H, W].
        shift: Shift right and down, as shares of the size, [B, 2] in [-1, 1].
    """
    height, width = images.shape[2:]
    right = (shift[:, 0] * width).round().long()
    down = (shift[:, 1] * height).round().long()
    rows = torch.arange(height, device=images.device) - down[:, None]
    columns = torch.arange(width, device=images.device) - right[:, None]
    inside = ((rows >= 0) & (rows < height))[:, None, :, None]
    inside = inside & ((columns >= 0) & (columns < width))[:, None, None, :]
    return _at(images, rows.clamp(0, height - 1), columns.clamp(0, width - 1)) * inside


def to_side(images: Tensor, side: int, is_cropped: Tensor, corner: Tensor) -> Tensor:
    """Return images of a side: a window of some, all of the others, [B, 3, side, side].

    Args:
        images: Images, [B, 3, H, W].
        side: Height and width of the result.
        is_cropped: Which samples show a window of that size, [B]; nothing is cropped of images that
            are no larger.
        corner: Place of the window, right and down, in [0, 1), [B, 2].
    """
    height, width = images.shape[2:]
    whole = resized(images, side)
    if min(height, width) <= side:
        return whole
    places = torch.arange(side, device=images.device)
    left = (corner[:, :1] * (width - side + 1)).long()
    top = (corner[:, 1:] * (height - side + 1)).long()
    window = _at(images, places + top, places + left)
    return torch.where(is_cropped[:, None, None, None], window, whole)


def _at(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return the pixels of each sample at its rows [B, H'] and columns [B, W'], [B, C, H', W']."""
    index = rows[:, :, None] * images.shape[3] + columns[:, None, :]
    flat = index.flatten(1)[:, None].expand(-1, images.shape[1], -1)
    found = images.flatten(2).gather(2, flat)
    return found.view(*images.shape[:2], *index.shape[1:])


def resized(images: Tensor, side: int) -> Tensor:
    """Return images [B, C, H, W] of a side: the mean over areas if smaller, else bilinear."""
    if images.shape[2:] == (side, side):
        return images
    if min(images.shape[2:]) >= side:
        return F.interpolate(images, (side, side), mode="area")
    return F.interpolate(images, (side, side), mode="bilinear")


def blur(images: Tensor, sigma: float) -> Tensor:
    """Return images [B, C, H, W] under a Gaussian blur; the pixels at the edge go on beyond it.

    Args:
        images: Images, [B, C, H, W].
        sigma: Standard deviation in pixels; less than a third of a pixel changes nothing.
    """
    reach = math.floor(BLUR_REACH * sigma)
    if reach < 1:
        return images
    places = torch.arange(-reach, reach + 1, device=images.device, dtype=torch.float32)
    weights = torch.exp(-0.5 * (places / sigma).square())
    weights = weights / weights.sum()
    channels = images.shape[1]
    padded = F.pad(images.float(), (reach, reach, reach, reach), mode="replicate")
    rows = weights[None, None, :, None].expand(channels, 1, -1, 1)
    columns = weights[None, None, None, :].expand(channels, 1, 1, -1)
    return F.conv2d(F.conv2d(padded, rows, groups=channels), columns, groups=channels)
