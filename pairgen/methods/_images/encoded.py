"""HR and the enlarged LR of a batch as latents: from stored moments, else encoded."""

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from torch import Tensor

from pairgen.draws import Draws
from pairgen.image_recipe import MEAN, POSTERIORS, SAMPLE
from pairgen.methods._images.pairs import ImagePairOptions, lr_member
from pairgen.methods.base import Setup
from pairgen.options import Option
from pairgen.rules import Choice
from pairgen.sampling.condition import RGB
from pairgen.sampling.enlarge import enlarge
from pairgen.shards.loading.batch import Batch
from pairgen.teachers.base import Autoencoder

HR_MOMENTS = "moments.npy"


def lr_moments(scale: int) -> str:
    """Return the member of the moments of the enlarged LR at 1/scale."""
    return f"lr{scale}_{HR_MOMENTS}"


class EncodedPairOptions(ImagePairOptions):
    """What is read of a pair whose latents may be stored."""

    prompts: Annotated[
        str,
        Choice(("tags", "captions", "fixed")),
        Option(
            "Prompt of an image: one fixed prompt for all images, its tags (tag.txt, see `pairgen "
            "annotate`), or its caption (txt)."
        ),
    ] = "fixed"
    posterior: Annotated[
        str,
        Choice(POSTERIORS),
        Option("Latents of HR and LR: the mean of the encoder's posterior, or a sample from it."),
    ] = MEAN


class EncodedPairs:
    """The latents of a batch.

    Args:
        setup: Teacher and datasets.
        autoencoder: The VAE, frozen.
        hr: Member of the picture of HR.
        posterior: `mean` or `sample` of the posterior.
        scales: N of every LR that is read.
        reads_hr: Whether the latents of HR are read.
    """

    def __init__(
        self,
        setup: Setup,
        autoencoder: Autoencoder,
        *,
        hr: str,
        posterior: str,
        scales: tuple[int, ...],
        reads_hr: bool,
    ) -> None:
        self._autoencoder, self._posterior = autoencoder, posterior
        self._hr = _stored(setup.members, HR_MOMENTS, hr)
        self._lr = {
            each: _stored(setup.members, lr_moments(each), lr_member(each)) for each in scales
        }
        self.fields = (*([self._hr] if reads_hr else []), *self._lr.values())

    @torch.no_grad()
    def hr(self, batch: Batch, draws: Draws) -> Tensor:
        """Return the latents of HR, [B, C, H, W]."""
        return self._latents(batch, self._hr, 1, draws)

    @torch.no_grad()
    def lr(self, batch: Batch, scale: int, draws: Draws) -> Tensor:
        """Return the latents of LR at 1/scale, enlarged to the size of HR, [B, C, H, W]."""
        return self._latents(batch, self._lr[scale], scale, draws)

    def _latents(self, batch: Batch, member: str, scale: int, draws: Draws) -> Tensor:
        autoencoder, samples = self._autoencoder, self._posterior == SAMPLE
        if member.endswith(HR_MOMENTS):
            moments = batch[member].float()
            _, channels, height, width = moments.shape
            noise = draws.normal((channels // 2, height, width)) if samples else None
            latents: Tensor = autoencoder.encoder.of_moments(moments, noise)
            return latents
        images = enlarge(batch.image(member).expand(-1, RGB, -1, -1), scale)
        size = (images.shape[-2], images.shape[-1])
        noise = draws.normal(autoencoder.latent_shape(size)) if samples else None
        # In float32, as moments are stored.
        with torch.autocast(images.device.type, enabled=False):
            return autoencoder.encode(images, noise)


def _stored(members: Mapping[str, Any], moments: str, picture: str) -> str:
    """Return the member of the moments if all datasets have them, else that of the picture."""
    return moments if moments in members else picture
