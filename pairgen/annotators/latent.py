"""Latents of images by a model's VAE: `latent.npy`, scaled as the model's networks take them."""

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pairgen.annotators._encoding import EncodingOptions, encoding_annotator
from pairgen.annotators.base import Annotator, Setup
from pairgen.options import Option
from pairgen.rules import Switch
from pairgen.seeding import Stream, generator_for
from pairgen.signature import takes
from pairgen.teachers.base import Autoencoder

MEMBER = "latent.npy"


class LatentOptions(EncodingOptions):
    """Options of `latent`."""

    command = "the latent annotator"

    sample: Annotated[
        bool,
        Switch(),
        Option("Store one sample from the posterior instead of its mean."),
    ] = False


OPTIONS = LatentOptions


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> Annotator:
    """Build the annotator.

    Args:
        setup: What it works on; it needs a model.
        **options: The options.
    """
    chosen = OPTIONS(**options)

    def encode(
        autoencoder: Autoencoder,
        images: Tensor,
        indices: Sequence[int],
        shape: tuple[int, int, int],
    ) -> Tensor:
        if not chosen.sample:
            return autoencoder.encode(images)
        # All levels of a sample share their noise.
        noise = np.stack([draw_noise(setup.seed, index, shape) for index in indices])
        return autoencoder.encode(images, torch.from_numpy(noise).to(images.device))

    return encoding_annotator(setup, chosen, MEMBER, 1, encode)


def draw_noise(seed: int, index: int, shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Return the noise [C, h, w] with which a sample's posterior is sampled."""
    generator = generator_for(seed, index, Stream.POSTERIOR)
    return generator.standard_normal(shape, dtype=np.float32)
