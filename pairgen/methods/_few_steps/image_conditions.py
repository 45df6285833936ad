"""By what a discriminator judges images: their texts, and the real images."""

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from pairgen.losses.image_augmentation import resized
from pairgen.methods._few_steps.add_options import DROP, ADDOptions
from pairgen.methods._few_steps.pooled import pooled, pooled_width
from pairgen.methods.base import Setup
from pairgen.networks.image_features import ImageFeatures
from pairgen.sampling.conditioning import Conditioning
from pairgen.shards.loading.batch import Batch

TEXT_MEMBER, IMAGE_MEMBER = "clip_text.npy", "dino_cls.npy"


@dataclass(frozen=True)
class Judged:
    """What images are judged by.

    Attributes:
        text: Embeddings of their texts, [B, D]; None if heads do not know them.
        image: Embeddings of the real images, [B, D]; None if heads do not know them.
    """

    text: Tensor | None
    image: Tensor | None

    @property
    def joined(self) -> Tensor | None:
        """Both, one behind the other, [B, D]; None if heads know neither."""
        parts = [each for each in (self.text, self.image) if each is not None]
        return torch.cat(parts, dim=1) if parts else None

    def exchanged(self) -> tuple["Judged", Tensor]:
        """Return it with the texts of every two samples exchanged, and which texts differ, [B]."""
        assert self.text is not None
        rows = torch.arange(len(self.text), device=self.text.device)
        # The last of an odd number keeps its own.
        others = torch.where(rows ^ 1 < len(rows), rows ^ 1, rows)
        text = self.text[others]
        return replace(self, text=text), (text != self.text).any(1)


class ImageConditions:
    """Embeds texts and real images: from annotations, or else by teacher and feature network.

    Args:
        setup: Teacher and datasets.
        options: The options of the method.
        features: The discriminator's feature network.

    Attributes:
        fields: The members that are read.
        width: Length of a condition; 0 for none.

    Raises:
        ConfigError: Heads shall know the text, and the teacher's prompts are no texts.
    """

    def __init__(self, setup: Setup, options: ADDOptions, features: ImageFeatures) -> None:
        self.options, self._features = options, features
        members = setup.members
        wanted = ((options.by_text, TEXT_MEMBER), (options.by_image, IMAGE_MEMBER))
        self.fields = tuple(name for is_used, name in wanted if is_used and name in members)
        widths = {name: int(members[name]["shape"][0]) for name in self.fields}
        if options.by_text and TEXT_MEMBER not in widths:
            widths[TEXT_MEMBER] = pooled_width(setup)
        if options.by_image and IMAGE_MEMBER not in widths:
            widths[IMAGE_MEMBER] = features.width
        self.width = sum(widths.values())

    @torch.no_grad()
    def of(
        self, batch: Batch, conditioning: Conditioning, real: Tensor, saw_noise: Tensor
    ) -> Judged:
        """Return what the images of a batch are judged by.

        Args:
            batch: The batch.
            conditioning: The prompts' conditioning, B rows.
            real: Real images, [B, 3, H, W] in [-1, 1].
            saw_noise: Which samples the student made of noise alone, [B].
        """
        text = image = None
        if self.options.by_text:
            stored = TEXT_MEMBER in self.fields
            text = _unit(batch[TEXT_MEMBER] if stored else pooled(conditioning))
        if self.options.by_image:
            if IMAGE_MEMBER in self.fields:
                image = _unit(batch[IMAGE_MEMBER])
            else:
                image = _unit(self._features(resized(real, self._features.side)).summary)
            if self.options.image_at_noise == DROP:
                image = image.masked_fill(saw_noise[:, None], 0.0)
        return Judged(text, image)


def _unit(embedding: Tensor) -> Tensor:
    """Return embeddings [B, D] whose numbers have a mean square of 1: models differ in scale."""
    return F.normalize(embedding.float(), dim=1) * math.sqrt(embedding.shape[1])
