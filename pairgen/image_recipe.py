"""How a student makes images from images, as plain data: a section of its `model.yaml`."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from pairgen.config import boolean, check_keys, choice, field_names, integer, text
from pairgen.errors import ConfigError

RESTORATION, CONDITIONAL = KINDS = ("restoration", "conditional")
IMAGE, NOISE = STARTS = ("image", "noise")
MEAN, SAMPLE = POSTERIORS = ("mean", "sample")
# The largest factor by which an image is enlarged.
MAX_SCALE = 64


@dataclass(frozen=True, kw_only=True)
class ImageRecipe:
    """What is done with a given image.

    Attributes:
        kind: `restoration` if the target shows the same as the given image, so that their distance
            says something; else `conditional`.
        source: Member that holds the given image in training and evaluation, such as `lr4.png`.
        target: Member that holds the image to make.
        scale: The made image is this many times as large as the given one, which is enlarged by
            `pairgen.sampling.enlarge` before it is encoded.
        start: State at the first time: the latent of the `image`, or `noise`.
        concat: Whether the latent of the image is also an input of the network beside the state.
        branch: Whether a condition branch beside the network sees the image, which is not encoded.
        mask: Member of a mask, white where the image is to be painted: the branch sees the source
            without that part, and the mask; the known pixels are pasted back. Empty for none.
        posterior: The latent of the image: `mean` or `sample` of the encoder's posterior.
        prompts: Member that holds the prompts; empty for `prompt`.
        prompt: The prompt of all images, unless the user gives another.

    Raises:
        ConfigError: A value is not allowed, or the image would have no effect.
    """

    kind: str
    source: str
    target: str = "png"
    scale: int = 1
    start: str = IMAGE
    concat: bool = False
    branch: bool = False
    mask: str = ""
    posterior: str = MEAN
    prompts: str = ""
    prompt: str = ""

    def __post_init__(self) -> None:
        choice("image.kind", self.kind, KINDS)
        for name in ("source", "target"):
            if not text(f"image.{name}", getattr(self, name)):
                raise ConfigError(f"image.{name} must be the name of a member, got ''.")
        for name in ("mask", "prompts", "prompt"):
            text(f"image.{name}", getattr(self, name))
        object.__setattr__(self, "scale", integer("image.scale", self.scale, 1, MAX_SCALE))
        choice("image.start", self.start, STARTS)
        boolean("image.concat", self.concat)
        boolean("image.branch", self.branch)
        choice("image.posterior", self.posterior, POSTERIORS)
        if self.start == NOISE and not (self.concat or self.branch):
            raise ConfigError(
                "image.concat or image.branch must be true if image.start is noise: else the image "
                "has no effect."
            )
        if self.branch and (self.concat or self.start != NOISE or self.posterior != MEAN):
            raise ConfigError(
                "image.branch needs image.start noise, image.concat false and image.posterior "
                "mean: the image is not encoded."
            )
        if self.mask and (not self.branch or self.scale != 1):
            raise ConfigError("image.mask needs image.branch true and image.scale 1.")

    @property
    def members(self) -> tuple[str, ...]:
        """The members that are read of a sample: what is given, what is to be made, the prompt."""
        found = (self.source, self.mask, self.target, self.prompts)
        return tuple(dict.fromkeys(name for name in found if name))

    def __str__(self) -> str:
        masked = f" and {self.mask}" if self.mask else ""
        return f"{self.kind} of {self.source}{masked}"


def read_image_recipe(section: Mapping[str, Any], where: str) -> ImageRecipe:
    """Read the section `image` of a model file.

    Args:
        section: Its content.
        where: Name of the file in messages.

    Raises:
        ConfigError: A key is unknown or missing, or a value is not allowed.
    """
    check_keys(section, field_names(ImageRecipe), f"the section image of {where}")
    needed = [each.name for each in fields(ImageRecipe) if each.default is MISSING]
    missing = [name for name in needed if name not in section]
    if missing:
        raise ConfigError(f"The section image of {where} lacks {', '.join(missing)}.")
    try:
        return ImageRecipe(**section)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
