"""Random transforms of latents, for a distance that must hold under all of them.

A learned distance between latents is blind to some directions. Compared under a random transform,
the same for both sides and a new one for every sample of every step, it is not blind to the same
ones for long (E-LatentLPIPS); `pipelines/latent_lpips_reconstruction.py` shows the difference.

References:
    Kang et al. 2024, arXiv:2405.05967: the ensemble over augmentations, in latents.
    Karras et al. 2020, arXiv:2006.06676, appendix B: the transforms, their order and strengths;
    here each is applied to every sample.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pairgen.config import choice
from pairgen.draws import Draws
from pairgen.losses.resampling import move, warp

GROUPS = ("blit", "geometry", "colour", "cutout")

# Maximum shift to each side, as a share of the size.
MAX_WHOLE_SHIFT = 0.125
# Standard deviations: of log2 of the factor, and of the shift as a share of the size.
SCALE_STD = 0.2
STRETCH_STD = 0.2
SHIFT_STD = 0.125
# Side of the square, as a share of the size.
CUTOUT_SIDE = 0.5


@dataclass(frozen=True)
class Blit:
    """Transforms that move whole pixels, applied in this order.

    Attributes:
        mirrored: 1 to swap left and right, else 0, [B].
        num_turns: Quarter turns, counter-clockwise, [B].
        shift: Shift right and down, as shares of the size, [B, 2]; rounded to pixels.
    """

    mirrored: Tensor
    num_turns: Tensor
    shift: Tensor


@dataclass(frozen=True)
class Geometry:
    """An affine map, applied in this order.

    Attributes:
        scale: Factor of both sides, [B].
        turn: Counter-clockwise angle in radians, [B].
        stretch: Factor of the width; the height is divided by it, [B].
        second_turn: A second `turn`, so that the stretch may have any direction, [B].
        shift: Shift right and down, as shares of the size, [B, 2].
    """

    scale: Tensor
    turn: Tensor
    stretch: Tensor
    second_turn: Tensor
    shift: Tensor


@dataclass(frozen=True)
class Colour:
    """Changes of values, applied in this order.

    Attributes:
        brightness: Offset of all values, [B].
        contrast: Factor of the distance from the sample's mean, [B].
        saturation: Factor of the distance from the mean over channels at each pixel, [B].
    """

    brightness: Tensor
    contrast: Tensor
    saturation: Tensor


@dataclass(frozen=True)
class Augmentation:
    """All random choices for a batch, independent of the size of the latents.

    Attributes:
        blit: Moves of whole pixels; None for none, also below.
        geometry: Affine map, composed with `blit` and applied as one.
        colour: Changes of values, applied after the map.
        cutout: Middle of the square that is set to zero at the end, (x, y) in shares of the size,
            [B, 2] in [0, 1).
    """

    blit: Blit | None = None
    geometry: Geometry | None = None
    colour: Colour | None = None
    cutout: Tensor | None = None


def draw_augmentation(draws: Draws, groups: Sequence[str] = GROUPS) -> Augmentation:
    """Draw an augmentation for each sample.

    Args:
        draws: Draws of the samples.
        groups: Some of `GROUPS`, in any order; none leave the latents unchanged.

    Raises:
        ConfigError: A group is unknown.
    """
    chosen = {choice("Each group of augmentations", group, GROUPS) for group in groups}
    return Augmentation(
        blit=_draw_blit(draws) if "blit" in chosen else None,
        geometry=_draw_geometry(draws) if "geometry" in chosen else None,
        colour=_draw_colour(draws) if "colour" in chosen else None,
        cutout=draws.uniform((2,)) if "cutout" in chosen else None,
    )


def augment(x: Tensor, augmentation: Augmentation, centre: str = "unbiased") -> Tensor:
    """Return latents under an augmentation: an affine function of `x`, differentiable.

    Args:
        x: Latents, [B, C, H, W], of any H and W.
        augmentation: Augmentation of the same samples, on the same device.
        centre: Where the filter of the geometry has its centre, one of `resampling.CENTRES`.

    Returns:
        [B, C, H, W] float32 (float64 for float64), also under autocast.
    """
    with torch.autocast(x.device.type, enabled=False):
        x = x.to(torch.promote_types(x.dtype, torch.float32))
        x = _transformed(x, augmentation.blit, augmentation.geometry, centre)
        if augmentation.colour is not None:
            x = _coloured(x, augmentation.colour)
        return x if augmentation.cutout is None else _cut(x, augmentation.cutout)


def _draw_blit(draws: Draws) -> Blit:
    return Blit(
        mirrored=draws.integers(0, 2),
        num_turns=draws.integers(0, 4),
        shift=MAX_WHOLE_SHIFT * (2 * draws.uniform((2,)) - 1),
    )


def _draw_geometry(draws: Draws) -> Geometry:
    scale, stretch, *shift = draws.normal((4,)).unbind(1)
    turn, second_turn = (math.pi * (2 * draws.uniform((2,)) - 1)).unbind(1)
    return Geometry(
        scale=torch.exp2(SCALE_STD * scale),
        turn=turn,
        stretch=torch.exp2(STRETCH_STD * stretch),
        second_turn=second_turn,
        shift=SHIFT_STD * torch.stack(shift, dim=1),
    )


def _draw_colour(draws: Draws) -> Colour:
    brightness, contrast, saturation = draws.uniform((3,)).unbind(1)
    return Colour(
        brightness=brightness - 0.5,
        contrast=contrast + 0.5,
        saturation=2 * saturation,
    )


def _transformed(x: Tensor, blit: Blit | None, geometry: Geometry | None, centre: str) -> Tensor:
    """Apply both in one map: resample once, or not at all without a geometry.

    The authors' package, and so the published centre, resamples without a geometry too.
    """
    height, width = x.shape[2:]
    if geometry is None:
        if blit is None:
            return x
        moved = _blit_inverse(blit, height, width)
        return warp(x, moved, centre) if centre == "published" else move(x, moved)
    inverse = _geometry_inverse(geometry, height, width)
    if blit is not None:
        inverse = _blit_inverse(blit, height, width) @ inverse
    return warp(x, inverse, centre)


# The matrices below map an output position to its source, so they undo the last step first. They
# are float64: quarter turns stay exact, and no matrix product uses TF32.


def _blit_inverse(blit: Blit, height: int, width: int) -> Tensor:
    mirror = 1 - 2 * blit.mirrored.double()
    # Rounded: in floating point, the cosine of a right angle is not 0.
    turns = _turn_inverse(blit.num_turns.double() * (math.pi / 2)).round()
    shift = _in_pixels(blit.shift, height, width).round()
    return _scale_inverse(mirror, torch.ones_like(mirror)) @ turns @ _shift_inverse(shift)


def _geometry_inverse(geometry: Geometry, height: int, width: int) -> Tensor:
    scale, stretch = geometry.scale.double(), geometry.stretch.double()
    return (
        _scale_inverse(scale, scale)
        @ _turn_inverse(geometry.turn.double())
        @ _scale_inverse(stretch, 1 / stretch)
        @ _turn_inverse(geometry.second_turn.double())
        @ _shift_inverse(_in_pixels(geometry.shift, height, width))
    )


def _in_pixels(share: Tensor, height: int, width: int) -> Tensor:
    return torch.stack([share[:, 0] * width, share[:, 1] * height], dim=1).double()


def _scale_inverse(x: Tensor, y: Tensor) -> Tensor:
    """Return [B, 3, 3] that undoes the factors `x` and `y`, [B]."""
    return torch.diag_embed(torch.stack([1 / x, 1 / y, torch.ones_like(x)], dim=1))


def _turn_inverse(angle: Tensor) -> Tensor:
    """Return [B, 3, 3] that undoes a counter-clockwise turn by `angle`, [B], where y is down."""
    cos, sin = angle.cos(), angle.sin()
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    rows = [[cos, -sin, zero], [sin, cos, zero], [zero, zero, one]]
    return torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)


def _shift_inverse(shift: Tensor) -> Tensor:
    """Return [B, 3, 3] that undoes a shift by (x, y), [B, 2]."""
    matrix = torch.eye(3, dtype=shift.dtype, device=shift.device).repeat(len(shift), 1, 1)
    matrix[:, :2, 2] = -shift
    return matrix


def _coloured(x: Tensor, colour: Colour) -> Tensor:
    brightness, contrast, saturation = (
        each.to(x.dtype)[:, None, None, None]
        for each in (colour.brightness, colour.contrast, colour.saturation)
    )
    x = x + brightness
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    x = mean + contrast * (x - mean)
    grey = x.mean(dim=1, keepdim=True)
    return grey + saturation * (x - grey)


def _cut(x: Tensor, middle: Tensor) -> Tensor:
    """Set pixels to zero if their middle is inside the square; it may extend past the edge."""
    inside = []
    for share, size in zip(middle.unbind(1), (x.shape[3], x.shape[2]), strict=True):
        places = (torch.arange(size, device=x.device) + 0.5) / size
        inside.append((places - share[:, None]).abs() < CUTOUT_SIDE / 2)
    columns, rows = inside
    return x.masked_fill(rows[:, None, :, None] & columns[:, None, None, :], 0)
