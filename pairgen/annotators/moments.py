"""The posterior of images by a model's VAE: `moments.npy`, from which every epoch draws anew.

It is what diffusers calls `latent_dist.parameters`: the means, then the log-variances, both
unscaled. `(mean + exp(logvar / 2) * noise - shift) * scale` is a latent, with the VAE's numbers.
"""

from typing import Any

from torch import Tensor

from pairgen.annotators._encoding import EncodingOptions, encoding_annotator
from pairgen.annotators.base import Annotator, Setup
from pairgen.signature import takes
from pairgen.teachers.base import Autoencoder

MEMBER = "moments.npy"


class MomentsOptions(EncodingOptions):
    """Options of `moments`."""

    command = "the moments annotator"


OPTIONS = MomentsOptions


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> Annotator:
    """Build the annotator.

    Args:
        setup: What it works on; it needs a model.
        **options: The options.
    """

    def encode(autoencoder: Autoencoder, images: Tensor, *_: Any) -> Tensor:
        found: Tensor = autoencoder.network.encode(images).latent_dist.parameters
        return found

    return encoding_annotator(setup, OPTIONS(**options), MEMBER, 2, encode)
