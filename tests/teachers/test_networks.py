"""Every network has the stored weights, converted once, whatever dtype its config names."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel, UNet2DModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from pairgen.teachers._pretrained.folders.weights import Weights
from pairgen.teachers._pretrained.networks import load_network

DTYPES = [torch.float32, torch.float16, torch.bfloat16]
# transformers reads both; diffusers neither, and it loads no network whose config has the first.
KEYS = {"text_encoder": ("dtype", "torch_dtype"), "unet": ("torch_dtype",), "vae": ("torch_dtype",)}
NETWORKS = [
    ("sdxl_folder", "text_encoder/model", CLIPTextModel),
    ("sdxl_folder", "text_encoder_2/model", CLIPTextModelWithProjection),
    ("sdxl_folder", "unet/diffusion_pytorch_model", UNet2DConditionModel),
    ("sdxl_folder", "vae/diffusion_pytorch_model", AutoencoderKL),
    ("pixel_folder", "unet/diffusion_pytorch_model", UNet2DModel),
]


@pytest.mark.parametrize("asked", DTYPES, ids=str)
@pytest.mark.parametrize("stored", DTYPES, ids=str)
@pytest.mark.parametrize(("fixture", "stem", "network"), NETWORKS)
def test_weights_are_the_stored_ones_converted_once(
    fixture: str,
    stem: str,
    network: Any,
    stored: torch.dtype,
    asked: torch.dtype,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    part, file = stem.split("/")
    folder = Path(shutil.copytree(request.getfixturevalue(fixture) / part, tmp_path / part))
    weights = folder / f"{file}.safetensors"
    tensors = {name: tensor.to(stored) for name, tensor in load_file(weights).items()}
    save_file(tensors, weights, metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    plain = {key: value for key, value in config.items() if key not in ("dtype", "torch_dtype")}
    keys = KEYS[part.removesuffix("_2")]
    for named in ({}, *({key: str(dtype)[6:]} for key in keys for dtype in DTYPES)):
        (folder / "config.json").write_text(json.dumps(plain | named), encoding="utf-8")
        loaded = load_network(network, Weights(file, "", None, (weights,)), asked).state_dict()
        for name, tensor in tensors.items():
            assert loaded[name].dtype == asked
            assert torch.equal(loaded[name], tensor.to(asked)), (named, name)
