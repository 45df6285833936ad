"""What a vision transformer sees: the library's own hidden states, for every kind that is taken."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    CLIPModel,
    CLIPVisionConfig,
    CLIPVisionModel,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
    ViTConfig,
    ViTModel,
)

from pairgen.asked_model import asked_model
from pairgen.errors import ConfigError
from pairgen.networks.image_features import NETWORKS, ImageFeatures
from pairgen.vision.model import find_vision_model
from pairgen.vision.preparation import read_preparation
from tests.vision_models import IMAGENET, SMALL, write_clip, write_dino

CPU = torch.device("cpu")
SMALL_VISION = {**SMALL, "image_size": 24, "patch_size": 8}


def write(kind: str, folder: Path) -> Path:
    """Write a small random model of a kind, and its preprocessor."""
    if kind == "dinov2":
        return write_dino(folder)
    if kind == "clip":
        return write_clip(folder)
    torch.manual_seed(4)
    model = {
        "dinov2_with_registers": lambda: Dinov2WithRegistersModel(
            Dinov2WithRegistersConfig(**SMALL_VISION)
        ),
        "vit": lambda: ViTModel(ViTConfig(**SMALL_VISION), add_pooling_layer=False),
        "clip_vision_model": lambda: CLIPVisionModel(
            CLIPVisionConfig(**SMALL_VISION, intermediate_size=32)
        ),
    }[kind]()
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"size": {"height": 24, "width": 24}, **IMAGENET})
    )
    return folder


def load(folder: Path, blocks=(), side: int = 0) -> ImageFeatures:
    found = find_vision_model(asked_model(str(folder)), NETWORKS, "one")
    return ImageFeatures(found, blocks, side, CPU)


@pytest.fixture(params=NETWORKS)
def folder(request, tmp_path) -> Path:
    return write(request.param, tmp_path / request.param)


def library_states(
    folder: Path, pixels: torch.Tensor
) -> tuple[list[torch.Tensor], torch.Tensor, int]:
    """Return the library's hidden states and summary, and its tokens that are no patches."""
    kind = json.loads((folder / "config.json").read_text())["model_type"]
    classes = {
        "dinov2": Dinov2Model,
        "dinov2_with_registers": Dinov2WithRegistersModel,
        "vit": ViTModel,
        "clip": CLIPModel,
        "clip_vision_model": CLIPVisionModel,
    }
    model = classes[kind].from_pretrained(folder).eval()
    vision = getattr(model, "vision_model", model)
    with torch.no_grad():
        output = vision(pixel_values=pixels, output_hidden_states=True)
    summary = output.pooler_output if kind.startswith("clip") else output.last_hidden_state[:, 0]
    return list(output.hidden_states), summary, 5 if "registers" in kind else 1


def test_tokens_are_the_hidden_states_with_the_class_token_added(folder):
    features = load(folder)
    images = np.random.default_rng(0).integers(
        0, 256, (2, features.side, features.side, 3), np.uint8
    )
    snapshot = find_vision_model(asked_model(str(folder)), NETWORKS, "one").snapshot
    preparation = read_preparation(snapshot)
    mean, std = np.array(preparation.mean), np.array(preparation.std)
    pixels = torch.from_numpy((images / 255 - mean) / std).float().permute(0, 3, 1, 2)
    states, summary, skipped = library_states(folder, pixels)
    signed = torch.from_numpy(images).permute(0, 3, 1, 2) / 127.5 - 1
    seen = features(signed)
    torch.testing.assert_close(seen.summary, summary, atol=1e-5, rtol=1e-5)
    # Quarters of two blocks, each once; and the embedded patches.
    for found, number in zip(seen.tokens, (0, 1, 2), strict=True):
        expected = states[number][:, skipped:] + states[number][:, :1]
        torch.testing.assert_close(found, expected.transpose(1, 2), atol=1e-5, rtol=1e-5)
        assert found.shape[1] == features.width
    assert features.num_depths == len(seen.tokens)


def test_gradients_reach_the_images_and_no_weight(folder):
    features = load(folder, blocks=(2,))
    images = torch.zeros(1, 3, features.side, features.side, requires_grad=True)
    features(images).tokens[-1].square().sum().backward()
    assert images.grad.abs().max() > 0
    assert all(each.grad is None for each in features.network.parameters())


def test_images_may_have_another_size(folder):
    features = load(folder, side=56)
    side = 56 // json.loads((folder / "config.json").read_text()).get("patch_size", 8)
    assert features(torch.zeros(1, 3, 56, 56)).tokens[0].shape == (1, features.width, side * side)


def test_what_it_does_not_have_is_one_sentence(tmp_path):
    folder = write_dino(tmp_path / "dino")
    with pytest.raises(ConfigError, match="from 1 to 2, the blocks of dino, got 3"):
        load(folder, blocks=(3,))
    with pytest.raises(ConfigError, match="a multiple of the 14 px"):
        load(folder, side=20)
