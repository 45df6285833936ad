"""What CLIP projects of images and texts: for every annotator that compares both, or rates one.

Reference:
    Radford et al. 2021 (CLIP), arXiv:2103.00020.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import CLIPTokenizer

from pairgen.annotators._transformers.tokenizer import load_tokenizer
from pairgen.asked_model import Model
from pairgen.vision.model import VisionModel, find_vision_model
from pairgen.vision.preparation import read_preparation

NETWORKS = {"clip": "CLIPModel"}
LARGE = "openai/clip-vit-large-patch14"
# Takes images [H, W, 3]; returns what CLIP projects, [B, D], not normalized.
EmbedImages = Callable[[Sequence[NDArray[np.uint8]]], Tensor]
# The same of texts; longer ones are cut.
EmbedTexts = Callable[[Sequence[str]], Tensor]


def find_clip(model: Model | None) -> VisionModel:
    """Find the CLIP that the user gave.

    Raises:
        ConfigError: There is no model, or it is of another type.
        TeacherLoadError: Its files cannot be found.
    """
    return find_vision_model(model, NETWORKS, LARGE)


def embedding_size(found: VisionModel) -> int:
    """Return the length of a CLIP's embeddings."""
    return int(found.config.get("projection_dim", 512))


def image_embedding(found: VisionModel, network: Any, device: torch.device) -> EmbedImages:
    """Return the function that embeds images with a loaded CLIP."""
    prepare = read_preparation(found.snapshot)

    def embed(pictures: Sequence[NDArray[np.uint8]]) -> Tensor:
        pixels = np.stack([prepare(each) for each in pictures])
        output = network.vision_model(pixel_values=torch.from_numpy(pixels).to(device))
        projected: Tensor = network.visual_projection(output.pooler_output)
        return projected

    return embed


def text_embedding(found: VisionModel, network: Any, device: torch.device) -> EmbedTexts:
    """Return the function that embeds texts with a loaded CLIP."""
    tokenizer = load_tokenizer(CLIPTokenizer, found.snapshot, "vocab.json")
    length = network.config.text_config.max_position_embeddings

    def embed(texts: Sequence[str]) -> Tensor:
        ids = tokenizer(
            list(texts),
            padding="max_length",
            max_length=length,
            truncation=True,
            return_tensors="pt",
        ).input_ids.to(device)
        projected: Tensor = network.text_projection(network.text_model(ids).pooler_output)
        return projected

    return embed
