"""Triplets judged by construction: of one distortion at two strengths, the weaker is nearer."""

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

# The stronger distortion is this many times the weaker.
RATIO = (1.1, 2.5)
# Height of an image whose blurs are as wide as their strengths say.
USUAL_HEIGHT = 64
MAX_KERNEL_SIZE = 99


@dataclass(frozen=True)
class Distortion:
    """A way to distort, by a strength.

    Attributes:
        strengths: Lowest and highest.
        picture: What it makes of an image of a strength; None for one of latents.
        latent: What it makes of a latent, the latent of another sample, and a strength.
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
    """Compress at the quality 100 - `strength`."""
    del generator
    return _apply(Jpeg(), picture, {"quality": round(100 - strength)})


def _resize(picture: Image, strength: float, generator: np.random.Generator) -> Image:
    """Shrink by `strength` and enlarge again."""
    del generator
    small = _apply(Resize(), picture, {"factor": 1 / strength, "mode": "area"})
    target = Target(1, (picture.shape[0], picture.shape[1]))
    return ResizeToTarget().apply(small, {"mode": "bicubic"}, target).clip(0, 1)


def _shift(picture: Image, strength: float, generator: np.random.Generator) -> Image:
    """Move by `strength` px in any direction, for images of 64 px; the border is repeated."""
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
    """Add noise of the deviation `strength` to a latent."""
    del other
    noise = generator.standard_normal(latent.shape, np.float32)
    return latent + strength * torch.from_numpy(noise).to(latent.device)


def _latent_move(
    latent: Tensor, other: Tensor, strength: float, generator: np.random.Generator
) -> Tensor:
    """Move a latent towards another one by a share `strength` of the way."""
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
    """Make a triplet of each latent.

    The reference of a distorted image has been encoded too, so that what the encoder loses is not
    taken for the distortion.

    Args:
        latents: [B, C, H, W] float32.
        others: To each the latent of another sample, [B, C, H, W] float32.
        places: Number of each triplet, B; draws depend on it and on the seed.
        held_out: Which triplets only judge, [B] bool.
        teacher: Decodes and encodes.
        space: `latent` or `pixel`: what the triplets are of.
        seed: Of the draws.
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
    """Draw a weaker and a stronger strength, their logarithms uniform."""
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
    """Return latents and images as all latents or all images, [B, C, H, W]."""
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
    """Return an image [3, H, W] in [-1, 1] as an image of degradations."""
    image: Image = ((picture.float() + 1) / 2).permute(1, 2, 0).cpu().contiguous().numpy()
    return image


def _to_tensor(image: Image, device: torch.device) -> Tensor:
    pixels = torch.from_numpy(np.ascontiguousarray(image, np.float32)).permute(2, 0, 1)
    return (pixels.clamp(0, 1) * 2 - 1).to(device)
