"""Triplets judged by construction: of one distortion at two strengths, the weaker is closer."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from pairgen.degradations.base import Draw, Image, Target, draw_field_seed, uniform
from pairgen.degradations.gaussian_noise import GaussianNoise
from pairgen.degradations.isotropic_blur import IsotropicBlur
from pairgen.degradations.jpeg import Jpeg
from pairgen.degradations.resize import Resize
from pairgen.degradations.resize_to_target import ResizeToTarget
from pairgen.jobs.latent_lpips.triplets import Triplets
from pairgen.seeding import Stream, generator_for
from pairgen.teachers.base import Teacher

# Factor between the stronger and the weaker distortion.
RATIO = (1.1, 2.5)
# Height of an image for which blur strengths are in pixels.
USUAL_HEIGHT = 64
MAX_KERNEL_SIZE = 99


@dataclass(frozen=True)
class Distortion:
    """A distortion with variable strength.

    Attributes:
        strengths: Lowest and highest strength.
        picture: Function that distorts an image by a strength; None if it distorts latents.
        latent: Function that distorts a latent, given another sample's latent and a strength.
    """

    strengths: tuple[float, float]
    picture: Callable[[Image, float, np.random.Generator], Image] | None = None
    latent: Callable[[Tensor, Tensor, float, np.random.Generator], Tensor] | None = None


def _blur(picture: Image, strength: float, generator: np.random.Generator) -> Image:
    """Blur by a Gaussian of `strength` px, for images of 64 px."""
    del generator
    sigma = strength * picture.shape[0] / USUAL_HEIGHT
    size = min(2 * math.ceil(3 * sigma) + 1, MAX_KERNEL_SIZE)
    return _apply(IsotropicBlur(), picture, {"kernel_size": size, "sigma": sigma})


def _noise(picture: Image, strength: float, generator: np.random.Generator) -> Image:
    """Add noise of `strength` levels of 8 bits."""
    draw = {"sigma": strength, "gray": False, "field_seed": draw_field_seed(generator)}
    return _apply(GaussianNoise(), picture, draw)


def _jpeg(picture: Image, strength: float, generator: np.random.Generator) -> Image:
    """Compress at quality 100 - `strength`."""
    del generator
    return _apply(Jpeg(), picture, {"quality": round(100 - strength)})


def _resize(picture: Image, strength: float, generator: np.random.Generator) -> Image:
    """Downscale by `strength` and upscale again."""
    del generator
    small = _apply(Resize(), picture, {"factor": 1 / strength, "mode": "area"})
    target = Target(1, (picture.shape[0], picture.shape[1]))
    return ResizeToTarget().apply(small, {"mode": "bicubic"}, target).clip(0, 1)


def _shift(picture: Image, strength: float, generator: np.random.Generator) -> Image:
    """Shift by `strength` px in any direction, for images of 64 px; the border is repeated."""
    angle = uniform(generator, (0.0, 2 * math.pi))
    distance = strength * picture.shape[0] / USUAL_HEIGHT
    x, y = distance * math.cos(angle), distance * math.sin(angle)
    matrix = np.array([[1, 0, x], [0, 1, y]], np.float32)
    size = (picture.shape[1], picture.shape[0])
    moved = cv2.warpAffine(
        picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.float32)


def _latent_noise(
    latent: Tensor, other: Tensor, strength: float, generator: np.random.Generator
) -> Tensor:
    """Add noise of standard deviation `strength` to a latent."""
    del other
    noise = generator.standard_normal(latent.shape, np.float32)
    return latent + strength * torch.from_numpy(noise).to(latent.device)


def _latent_move(
    latent: Tensor, other: Tensor, strength: float, generator: np.random.Generator
) -> Tensor:
    """Move a latent a share `strength` of the way towards another one."""
    del generator
    return latent.lerp(other, strength)


def _apply(
    operation: GaussianNoise | IsotropicBlur | Jpeg | Resize, picture: Image, draw: Draw
) -> Image:
    return operation.apply(picture, draw, Target(1, (picture.shape[0], picture.shape[1])))


DISTORTIONS = {
    "blur": Distortion((0.3, 3.0), picture=_blur),
    "noise": Distortion((2.0, 60.0), picture=_noise),
    "jpeg": Distortion((10.0, 95.0), picture=_jpeg),
    "resize": Distortion((1.2, 6.0), picture=_resize),
    "shift": Distortion((1.0, 10.0), picture=_shift),
    "latent noise": Distortion((0.05, 1.0), latent=_latent_noise),
    "latent move": Distortion((0.05, 0.8), latent=_latent_move),
}


@torch.no_grad()
def distort(
    latents: Tensor,
    others: Tensor,
    places: Sequence[int],
    held_out: Tensor,
    teacher: Teacher,
    space: str,
    seed: int,
) -> Triplets:
    """Make a triplet from each latent.

    The reference of a distorted image is encoded as well, so that encoding losses do not count as
    part of the distortion.

    Args:
        latents: [B, C, H, W] float32.
        others: For each, the latent of another sample, [B, C, H, W] float32.
        places: Number of each triplet, B; draws depend on it and on the seed.
        held_out: Which triplets are only for evaluation, [B] bool.
        teacher: Teacher that decodes and encodes.
        space: Space of the triplets, `latent` or `pixel`.
        seed: Seed of the draws.
    """
    pictures = teacher.decode(latents).clamp(-1, 1)
    # Reference, weaker and stronger; each a latent or an image.
    made: list[list[Tensor]] = [[], [], []]
    judge, kinds = [], []
    for row, place in enumerate(places):
        generator = generator_for(seed, place, Stream.DEGRADATION)
        kind = list(DISTORTIONS)[generator.integers(len(DISTORTIONS))]
        distortion = DISTORTIONS[kind]
        strengths = draw_strengths(distortion.strengths, generator)
        if distortion.latent is not None:
            versions = [
                distortion.latent(latents[row], others[row], strength, generator)
                for strength in strengths
            ]
            reference = latents[row]
        else:
            assert distortion.picture is not None
            reference = pictures[row]
            image = _to_image(reference)
            versions = [
                _to_tensor(distortion.picture(image, strength, generator), latents.device)
                for strength in strengths
            ]
        second_is_nearer = bool(generator.integers(2))
        ordered = reversed(versions) if second_is_nearer else versions
        for part, each in zip(made, (reference, *ordered), strict=True):
            part.append(each)
        judge.append(float(second_is_nearer))
        kinds.append(kind)
    encoder_seed = int(generator_for(seed, places[0], Stream.CROP).integers(2**31))
    generators = (torch.Generator().manual_seed(encoder_seed + part) for part in range(3))
    reference, first, second = (
        _in_space(space, part, kinds, teacher, each)
        for part, each in zip(made, generators, strict=True)
    )
    return Triplets(reference, first, second, torch.tensor(judge), held_out, tuple(kinds))


def draw_strengths(
    bounds: tuple[float, float], generator: np.random.Generator
) -> tuple[float, float]:
    """Draw a weaker and a stronger strength, log-uniformly."""
    low, high = bounds
    ratio = math.exp(uniform(generator, (math.log(RATIO[0]), math.log(RATIO[1]))))
    weaker = math.exp(uniform(generator, (math.log(low), math.log(high / ratio))))
    return weaker, weaker * ratio


def _in_space(
    space: str,
    items: Sequence[Tensor],
    kinds: Sequence[str],
    teacher: Teacher,
    generator: torch.Generator,
) -> Tensor:
    """Convert latents and images to all latents or all images, [B, C, H, W]."""
    is_latent = [DISTORTIONS[kind].latent is not None for kind in kinds]
    wanted = space == "latent"
    rest = [row for row, each in enumerate(is_latent) if each is not wanted]
    found = list(items)
    if rest:
        stacked = torch.stack([items[row] for row in rest])
        if wanted:
            other = teacher.encode(stacked, generator)
        else:
            other = teacher.decode(stacked).clamp(-1, 1)
        for row, each in zip(rest, other, strict=True):
            found[row] = each
    return torch.stack(found)


def _to_image(picture: Tensor) -> Image:
    """Convert an image [3, H, W] in [-1, 1] to the format of the degradations."""
    image: Image = ((picture.float() + 1) / 2).permute(1, 2, 0).cpu().contiguous().numpy()
    return image


def _to_tensor(image: Image, device: torch.device) -> Tensor:
    pixels = torch.from_numpy(np.ascontiguousarray(image, np.float32)).permute(2, 0, 1)
    return (pixels.clamp(0, 1) * 2 - 1).to(device)
