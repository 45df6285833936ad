"""Code shared by the methods that learn from pairs of images: HR, and LR at 1/N."""

from collections.abc import Sequence
from typing import Annotated

from torch import Tensor

from pairgen.errors import ConfigError
from pairgen.image_recipe import MAX_SCALE
from pairgen.methods._pairs import encode_texts
from pairgen.methods.base import Need, Needs, need
from pairgen.options import Option, Options
from pairgen.rules import Choice, Integer, Place, Text
from pairgen.sampling.condition import RGB
from pairgen.sampling.conditioning import Conditioning
from pairgen.shards.format.image_member import PICTURES
from pairgen.shards.loading.batch import Batch
from pairgen.teachers.base import Teacher
from pairgen.types import Plan

# Weights of LPIPS in pixels, as an option.
PixelPerceptual = Annotated[
    str,
    Place(),
    Option(
        "Weights of LPIPS: torchvision's VGG16, such as vgg16-397923af.pth, the state dict of "
        'lpips.LPIPS(net="vgg"), or a file from `pairgen train latent-lpips` with '
        "space=pixel.",
        metavar="FILE",
        default="those packaged for the teacher's VAE",
    ),
]
# The member that each kind of prompt is read from; none for a prompt that all images share.
PROMPTS = {"tags": "tag.txt", "captions": "txt", "fixed": ""}


def lr_member(scale: int) -> str:
    """Return the member of LR at 1/scale."""
    return f"lr{scale}.png"


class ImagePairOptions(Options):
    """What is read of a pair, and which prompt comes with it."""

    scale: Annotated[
        int,
        Integer(1, MAX_SCALE),
        Option(
            "Super-resolution factor N: HR is N times as large as LR, which is read from lrN.png.",
            metavar="N",
        ),
    ] = 4
    prompts: Annotated[
        str,
        Choice(tuple(PROMPTS)),
        Option(
            "Prompt of an image: its tags (tag.txt, see `pairgen annotate`), its caption (txt), or "
            "one fixed prompt for all images."
        ),
    ] = "tags"
    prompt: Annotated[
        str,
        Text(),
        Option(
            "Prompt for all images, with prompts=fixed.", default="the empty prompt", metavar="TEXT"
        ),
    ] = ""

    @property
    def source(self) -> str:
        """The member of LR."""
        return lr_member(self.scale)

    @property
    def text(self) -> str:
        """The member of the prompts; empty for the fixed one."""
        return PROMPTS[self.prompts]

    def check_prompt(self) -> None:
        """Refuse a fixed prompt that would not be used.

        Raises:
            ConfigError: The prompts are the images' own.
        """
        if self.prompt and self.text:
            raise ConfigError(
                f"prompt is used with prompts=fixed only: leave it out, got {self.prompt!r} with "
                f"prompts={self.prompts}."
            )


def prompt_needs(options: ImagePairOptions, note: str = "the prompt") -> tuple[Need, ...]:
    """Return the need of the images' own prompts; none if one prompt is for all."""
    return (need(options.text, note=note, without="prompts=fixed"),) if options.text else ()


def image_pair_needs(options: ImagePairOptions, perceptual: bool = False) -> Needs:
    """Return what is needed of a pair of images, and perhaps of LPIPS that compares them."""
    prompt = "the prompt; prompts=captions takes txt, prompts=fixed one prompt for all images"
    return Needs(
        members=(
            need(*PICTURES, note="HR; `pairgen degrade` makes it together with LR"),
            need(options.source, note="LR"),
            *prompt_needs(options, prompt),
        ),
        scales={options.source: options.scale},
        encodes=True,
        perceptual=RGB * perceptual,
    )


def hr_member(plans: Sequence[Plan]) -> str:
    """Return the member of HR: the first of png, jpg and webp that all datasets have.

    An overlay may hold it, so a dataset without any counts as one with png.
    """
    found = [{name for name in PICTURES if name in plan.members} or {"png"} for plan in plans]
    shared = set.intersection(*found)
    if not shared:
        raise ConfigError(
            "The HR images of all datasets must have one format, got "
            f"{', '.join(sorted(set.union(*found)))}."
        )
    return next(name for name in PICTURES if name in shared)


def check_sizes(enlarged: Tensor, target: Tensor, scale: int) -> None:
    """Refuse pairs whose sizes do not fit the scale.

    The plans tell the sizes of pictures before anything is loaded; stored moments of LR beside no
    picture of it are seen here first.

    Args:
        enlarged: The enlarged LR, or its latents, [B, C, H, W].
        target: HR, or its latents.
        scale: How many times as large as LR it must be.

    Raises:
        ConfigError: They have different sizes.
    """
    (height, width), (wanted_height, wanted_width) = enlarged.shape[-2:], target.shape[-2:]
    if (height, width) != (wanted_height, wanted_width):
        raise ConfigError(
            f"HR must be {scale} times as large as LR: here HR is {wanted_width} x {wanted_height} "
            f"and LR, enlarged {scale} times, {width} x {height}."
        )


class Prompts:
    """The conditioning of the images of a batch.

    Args:
        teacher: Encodes the prompts.
        options: Which prompts they are.
    """

    def __init__(self, teacher: Teacher, options: ImagePairOptions) -> None:
        self._teacher, self._member = teacher, options.text
        self._fixed = None if self._member else teacher.encode_prompts([options.prompt])

    def of(self, batch: Batch) -> Conditioning:
        """Return the conditioning of a batch, one row for each image."""
        if self._fixed is not None:
            return self._fixed.expand(len(batch))
        return encode_texts(self._teacher, batch.texts[self._member])
