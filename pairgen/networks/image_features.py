"""What a frozen vision transformer sees in images: its tokens at several depths."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pairgen.errors import ConfigError
from pairgen.vision.model import VisionModel
from pairgen.vision.preparation import read_preparation

# Of transformers, by `model_type`: DINOv2, DINO, CLIP.
VIT = "vit"
NETWORKS = {
    "dinov2": "Dinov2Model",
    "dinov2_with_registers": "Dinov2WithRegistersModel",
    VIT: "ViTModel",
    "clip": "CLIPModel",
    "clip_vision_model": "CLIPVisionModel",
}
CLIPS = ("clip", "clip_vision_model")
# Depths that are read if none are named, as shares of the blocks: 3, 6, 9 and 12 of 12.
QUARTERS = 4


@dataclass(frozen=True)
class Seen:
    """What the network makes of images.

    Attributes:
        tokens: Tokens of the patches at each depth, each with the class token added, [B, C, N].
        summary: The class token at the end, after the last norm, [B, C].
    """

    tokens: list[Tensor]
    summary: Tensor


class ImageFeatures:
    """Reads the embedded patches, and the tokens after some blocks.

    Args:
        found: The network.
        blocks: The blocks that are read, counted from 1; () for every quarter of them.
        side_px: Side of its images; 0 for the one that it was trained with.
        device: Device of the network.

    Attributes:
        network: The network of transformers.
        side: Side of its images.
        width: Channels of a token.
        num_depths: Number of depths that are read.

    Raises:
        ConfigError: It has no such block, or no such images.
        TeacherLoadError: The weights are missing, incomplete or broken.

    Reference:
        Sauer et al. 2023 (StyleGAN-T), arXiv:2301.09515: the depths, and the class token that is
        added to those of the patches.
    """

    def __init__(
        self, found: VisionModel, blocks: Sequence[int], side_px: int, device: torch.device
    ) -> None:
        preparation = read_preparation(found.snapshot)
        kind = str(found.config["model_type"])
        self._is_clip = kind in CLIPS
        # DINO's published weights have no pooler.
        network = found.load(device, **({"add_pooling_layer": False} if kind == VIT else {}))
        self.network: Any = getattr(network, "vision_model", network)
        config = self.network.config
        depth = int(config.num_hidden_layers)
        quarters = (-(-depth * quarter // QUARTERS) for quarter in range(1, QUARTERS + 1))
        self._blocks = tuple(blocks) or tuple(dict.fromkeys(quarters))
        if any(not 1 <= block <= depth for block in self._blocks):
            raise ConfigError(
                f"feature_blocks must be from 1 to {depth}, the blocks of {found.model.name}, got "
                f"{', '.join(map(str, self._blocks))}."
            )
        self.side = side_px or int(config.image_size)
        if self.side % int(config.patch_size):
            raise ConfigError(
                f"features_px must be a multiple of the {config.patch_size} px of a patch of "
                f"{found.model.name}, got {self.side}."
            )
        self.width, self.num_depths = int(config.hidden_size), len(self._blocks) + 1
        self._skipped = 1 + int(getattr(config, "num_register_tokens", 0))
        takes = inspect.signature(self.network.forward).parameters
        interpolates = "interpolate_pos_encoding" in takes and self.side != int(config.image_size)
        self._more = {"interpolate_pos_encoding": True} if interpolates else {}
        self._mean, self._std = (
            torch.tensor(each, dtype=torch.float32, device=device)[None, :, None, None]
            for each in (preparation.mean, preparation.std)
        )

    def __call__(self, images: Tensor) -> Seen:
        """Return what the network makes of images, with gradients to them.

        Args:
            images: Images, [B, 3, side, side] around [-1, 1].
        """
        pixels = ((images.float() + 1) / 2 - self._mean) / self._std
        output = self.network(pixel_values=pixels, output_hidden_states=True, **self._more)
        states = [output.hidden_states[number] for number in (0, *self._blocks)]
        tokens = [each[:, self._skipped :] + each[:, :1] for each in states]
        last = output.pooler_output if self._is_clip else output.last_hidden_state[:, 0]
        return Seen([each.transpose(1, 2) for each in tokens], last)
