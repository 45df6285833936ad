"""What a network is given beside state and time: prompts, classes, images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

# Name of the conditioning tensor that is concatenated to the state.
IMAGE_LATENT = "image_latent"
# Name of the conditioning tensor that a condition branch sees.
CONDITION = "condition"
# Those that guidance by the prompt leaves as they are.
FROM_IMAGES = (IMAGE_LATENT, CONDITION)
# How a condition branch adds to its network: h + mu zero_conv(h_eta), or (1 - mu) h + mu h_eta.
SUM, MIXTURE = FUSIONS = ("sum", "mixture")


@dataclass(frozen=True)
class Conditioning:
    """The conditioning of a network for N prompts.

    Attributes:
        tensors: Mapping from name to tensor, [N, ...] each. Stable Diffusion: `txt_emb` [N, L, D];
            SDXL also `pooled_emb` [N, P]. Teachers with classes: `class_labels` [N] int64.
            Networks with more input channels than latents: `image_latent` [N, C', H, W], which is
            concatenated to the state. Networks with a condition branch: `condition`
            [N, K, f H, f W] in [0, 1], f pixels a latent.
    """

    tensors: Mapping[str, Tensor]

    def __len__(self) -> int:
        return len(next(iter(self.tensors.values())))

    def __getitem__(self, rows: Any) -> "Conditioning":
        return Conditioning({name: tensor[rows] for name, tensor in self.tensors.items()})

    def expand(self, num: int) -> "Conditioning":
        """Repeat the only row `num` times without copying it."""
        return Conditioning(
            {name: tensor.expand(num, *tensor.shape[1:]) for name, tensor in self.tensors.items()}
        )

    def with_image(self, latent: Tensor) -> "Conditioning":
        """Return the conditioning with an image latent, [N, C', H, W], beside the prompts."""
        return Conditioning({**self.tensors, IMAGE_LATENT: latent})

    def with_condition(self, image: Tensor) -> "Conditioning":
        """Return the conditioning with a condition, [N, K, f H, f W] in [0, 1], see above."""
        return Conditioning({**self.tensors, CONDITION: image})

    def with_images_of(self, other: "Conditioning") -> "Conditioning":
        """Return the conditioning with the image latent and the condition of another, if any."""
        shared = {name: other.tensors[name] for name in FROM_IMAGES if name in other.tensors}
        return Conditioning({**self.tensors, **shared})

    @staticmethod
    def cat(parts: Sequence["Conditioning"]) -> "Conditioning":
        """Concatenate rows, in order."""
        return Conditioning(
            {name: torch.cat([part.tensors[name] for part in parts]) for name in parts[0].tensors}
        )
