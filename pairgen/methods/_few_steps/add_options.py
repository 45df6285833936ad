"""The options of `add`."""

from typing import Annotated

from pydantic import model_validator

from pairgen.errors import ConfigError
from pairgen.list_rules import Each
from pairgen.losses.image_augmentation import AUGMENTATIONS
from pairgen.methods._few_steps.options import MAX_WEIGHT, FewStepOptions
from pairgen.networks.token_heads import LOCAL_BATCH, NORMS
from pairgen.options import Option
from pairgen.rules import Choice, Integer, Number, Place

NONE, TEXT_ONLY, IMAGE_ONLY, BOTH = CONDITIONINGS = ("none", "text", "image", "both")
KEEP, DROP = AT_NOISE = ("keep", "drop")
PIXEL, LATENT_SPACE = SPACES = ("pixel", "latent")


class ADDOptions(FewStepOptions):
    """Options of `add`; the defaults are the published ones as far as they are known."""

    command = "the method add"

    features: Annotated[
        str,
        Place(),
        Option(
            "Vision transformer whose features the discriminator reads: a DINOv2, DINO or CLIP "
            "model of the transformers library, as a folder or hub id.",
            metavar="MODEL",
            default="facebook/dinov2-small; the packaged one for the model tiny",
        ),
    ] = ""
    features_px: Annotated[
        int,
        Integer(0, 4096),
        Option(
            "Side of the images that the vision transformer sees, in pixels.",
            default="the side that it was trained with",
        ),
    ] = 0
    feature_blocks: Annotated[
        tuple[int, ...],
        Each(Integer(1, 1000), at_least_one=False),
        Option(
            "Blocks of the vision transformer whose output the discriminator's heads read, "
            "counted from 1; a further head reads the patch embeddings.",
            default="the last block of each quarter: 3, 6, 9 and 12 of 12",
        ),
    ] = ()
    conditioning: Annotated[
        str,
        Choice(CONDITIONINGS),
        Option(
            "What the discriminator's heads are conditioned on: the prompt (clip_text.npy, else "
            "the teacher's text encoder), the real image (dino_cls.npy, else the class token of "
            "`features`), both or none."
        ),
    ] = BOTH
    image_at_noise: Annotated[
        str,
        Choice(AT_NOISE),
        Option(
            "Keep or drop the real image as a condition of the heads where the student's input is "
            "pure noise."
        ),
    ] = KEEP
    condition_width: Annotated[
        int, Integer(1, 4096), Option("Width to which the heads project condition and tokens.")
    ] = 64
    head_norm: Annotated[
        str,
        Choice(NORMS),
        Option(
            "Normalization in the heads: over norm_batch samples (local_batch), or over groups of "
            "channels within a sample (group)."
        ),
    ] = LOCAL_BATCH
    norm_batch: Annotated[
        int, Integer(1, 4096), Option("Samples that head_norm=local_batch normalizes together.")
    ] = 8
    augment: Annotated[
        tuple[str, ...],
        Each(Choice(AUGMENTATIONS), at_least_one=False),
        Option("Random augmentations of the images that the discriminator sees."),
    ] = AUGMENTATIONS
    crop_share: Annotated[
        float,
        Number(0.0, 1.0),
        Option(
            "Share of images that the discriminator sees as a random crop of side features_px "
            "instead of resized to it; images that are no larger are never cropped."
        ),
    ] = 0.5
    blur_sigma: Annotated[
        float,
        Number(0.0, 1000.0),
        Option(
            "Blur of the discriminator's images at the first step, as a standard deviation in "
            "pixels; it fades over blur_steps."
        ),
    ] = 0.0
    blur_steps: Annotated[
        int, Integer(0), Option("Training steps over which the blur fades to 0.")
    ] = 0
    mismatched_weight: Annotated[
        float,
        Number(0.0, MAX_WEIGHT),
        Option(
            "Weight of a loss that makes the discriminator reject real images with the caption of "
            "another sample; 0 for none."
        ),
    ] = 0.0
    distill_weight: Annotated[
        float,
        Number(0.0, MAX_WEIGHT),
        Option("Weight of the distance to the teacher's x0 (lambda); 0 for none."),
    ] = 2.5
    distill_space: Annotated[
        str,
        Choice(SPACES),
        Option(
            "Where the distance to the teacher's x0 is measured: between decoded images (pixel), "
            "or between latents."
        ),
    ] = PIXEL

    @property
    def by_text(self) -> bool:
        """Whether heads judge by the text."""
        return self.conditioning in (TEXT_ONLY, BOTH)

    @property
    def by_image(self) -> bool:
        """Whether heads judge by the real image."""
        return self.conditioning in (IMAGE_ONLY, BOTH)

    def blur_at(self, step: int) -> float:
        """Return the blur of a step, a standard deviation in pixels."""
        if not self.blur_steps:
            return 0.0
        return self.blur_sigma * max(1 - step / self.blur_steps, 0.0)

    def check_micro_batch(self, size: int) -> None:
        """Refuse micro-batches that do not hold whole groups of samples.

        Raises:
            ConfigError: They do not.
        """
        if self.head_norm == LOCAL_BATCH and size % self.norm_batch:
            raise ConfigError(
                f"A micro-batch must be a multiple of norm_batch, {self.norm_batch} samples that "
                f"head_norm=local_batch takes together, got {size}: set norm_batch={size}, or "
                "head_norm=group."
            )
        if self.mismatched_weight and size % 2:
            raise ConfigError(
                "mismatched_weight exchanges the captions of every two samples, so a micro-batch "
                f"must be even, got {size}."
            )

    @model_validator(mode="after")
    def _check_together(self) -> "ADDOptions":
        if self.mismatched_weight and not self.by_text:
            raise ConfigError(
                "mismatched_weight needs heads that know the text: conditioning must be text or "
                f"both, got {self.conditioning}."
            )
        if self.by_image and self.backward_simulation:
            raise ConfigError(
                "With backward_simulation the student never sees the real image, so heads must not "
                f"know it: conditioning must be none or text, got {self.conditioning}."
            )
        if self.conditioning != BOTH:
            # Of what it knows nothing would be left.
            self.refuse("used with conditioning=both", "image_at_noise")
        if self.conditioning == NONE:
            self.refuse("used with a condition", "condition_width")
        if self.head_norm != LOCAL_BATCH:
            self.refuse("used with head_norm=local_batch", "norm_batch")
        if not self.distill_weight:
            self.refuse("used with distill_weight above 0", "distill_space")
        if bool(self.blur_sigma) != bool(self.blur_steps):
            raise ConfigError(
                "blur_sigma and blur_steps belong together, got "
                f"blur_sigma={self.blur_sigma:g} and blur_steps={self.blur_steps}."
            )
        return self
