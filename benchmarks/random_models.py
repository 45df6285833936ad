"""Models of Stable Diffusion's architectures with random weights, for measurements."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from published_shapes import CLIP_BIG_G, CLIP_H, CLIP_L, DINO_SMALL, RESTORER, UNETS, VAE
from tokenizers import pre_tokenizers
from torch import nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    Dinov2Config,
    Dinov2Model,
)

from pairgen.networks.latent_vgg import LatentVgg
from pairgen.networks.lpips import Lpips
from pairgen.networks.lpips_file import LpipsOrigin, save_lpips
from pairgen.networks.vgg16 import Vgg16
from pairgen.process_state import seeded

NUM_TOKENS, VOCABULARY = 77, 49408
SMALL_TEXT = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "projection_dim": 64,
}
SMALL_UNETS: Mapping[str, Mapping[str, Any]] = {
    "SD1.5": {
        "block_out_channels": (32, 64, 64, 64),
        "layers_per_block": 1,
        "cross_attention_dim": 64,
    },
    RESTORER: {
        "block_out_channels": (32, 64, 64, 64),
        "layers_per_block": 1,
        "cross_attention_dim": 64,
        "attention_head_dim": (4, 8, 8, 8),
    },
    "SDXL": {
        "block_out_channels": (32, 64, 64),
        "layers_per_block": 1,
        "cross_attention_dim": 128,
        "attention_head_dim": (4, 8, 8),
        "transformer_layers_per_block": (1, 1, 2),
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 6 * 8 + 64,
    },
}
SMALL_DINO = {
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "image_size": 56,
}
SMALL_VAE = {**VAE, "block_out_channels": (32,) * 4, "layers_per_block": 1}


@seeded(0)
def write_sd15(
    folder: Path,
    *,
    small: bool,
    latent_size: int = 64,
    dtype: torch.dtype = torch.bfloat16,
    device: str = "cpu",
    true_vae: bool = False,
) -> None:
    """Write random weights of Stable Diffusion 1.5's classes and widths.

    Args:
        folder: Where they go.
        small: A few channels instead, to see that a script runs.
        latent_size: Height and width of its latents.
        dtype: Of the weights.
        device: Where they are made; a GPU is much faster.
        true_vae: Whether the VAE has its true widths too, else few channels.
    """
    with torch.device(device):
        networks: dict[str, nn.Module] = {
            "unet": _make_unet("SD1.5", small, latent_size),
            "text_encoder": CLIPTextModel(_text_config(SMALL_TEXT if small else CLIP_L)),
            "vae": _make_vae(true_vae and not small, latent_size, 0.18215),
        }
    _write_pipeline(folder, "StableDiffusionPipeline", networks, dtype)


@seeded(0)
def write_sd21_base(folder: Path, *, small: bool, latent_size: int, dtype: torch.dtype) -> None:
    """Write random weights of Stable Diffusion 2.1-base's classes and widths, see `write_sd15`."""
    networks: dict[str, nn.Module] = {
        "unet": _make_unet(RESTORER, small, latent_size),
        "text_encoder": CLIPTextModel(_text_config(SMALL_TEXT if small else CLIP_H)),
        "vae": _make_vae(not small, latent_size, 0.18215),
    }
    _write_pipeline(folder, "StableDiffusionPipeline", networks, dtype)


@seeded(0)
def write_sdxl(
    folder: Path, *, small: bool, dtype: torch.dtype = torch.bfloat16, device: str = "cpu"
) -> None:
    """Write random weights of SDXL's classes and widths, see `write_sd15`."""
    latent_size = 8 if small else UNETS["SDXL"]["sample_size"]
    first, second = (SMALL_TEXT, SMALL_TEXT) if small else (CLIP_L, CLIP_BIG_G)
    with torch.device(device):
        networks: dict[str, nn.Module] = {
            "unet": _make_unet("SDXL", small, latent_size),
            "text_encoder": CLIPTextModel(_text_config(first)),
            "text_encoder_2": CLIPTextModelWithProjection(_text_config(second)),
            "vae": _make_vae(not small, latent_size, 0.13025),
        }
    _write_pipeline(folder, "StableDiffusionXLPipeline", networks, dtype)


@seeded(0)
def write_perceptual_net(file: Path) -> None:
    """Write a random E-LatentLPIPS at full width, for latents of 4 channels."""
    origin = LpipsOrigin(made_for="a benchmark", made_by="random numbers")
    save_lpips(file, Lpips(LatentVgg(4)), origin)


@seeded(0)
def write_vgg16(file: Path) -> None:
    """Write a random VGG16 under torchvision's names, for LPIPS."""
    layers = Vgg16().state_dict().items()
    torch.save({f"features.{name.partition('.')[2]}": each for name, each in layers}, file)


@seeded(0)
def write_dino(folder: Path, *, small: bool) -> None:
    """Write a random DINOv2-small for 518 px; if `small`, one of a few channels for 56 px."""
    widths = {**DINO_SMALL, **(SMALL_DINO if small else {})}
    Dinov2Model(Dinov2Config(**widths)).save_pretrained(folder)
    imagenet = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
    preparation = {"size": {"shortest_edge": 256}, **imagenet}
    (folder / "preprocessor_config.json").write_text(json.dumps(preparation), encoding="utf-8")


def _make_unet(model: str, small: bool, latent_size: int) -> nn.Module:
    widths = {**UNETS[model], **(SMALL_UNETS[model] if small else {}), "sample_size": latent_size}
    unet: nn.Module = UNet2DConditionModel(**widths)
    return unet


def _make_vae(true_widths: bool, latent_size: int, scaling_factor: float) -> nn.Module:
    vae: nn.Module = AutoencoderKL(
        **(VAE if true_widths else SMALL_VAE),
        sample_size=8 * latent_size,
        scaling_factor=scaling_factor,
    )
    return vae


def _words() -> list[str]:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    return [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]


def _text_config(widths: Mapping[str, int]) -> CLIPTextConfig:
    num_words = len(_words())
    return CLIPTextConfig(
        **widths,
        vocab_size=num_words if widths is SMALL_TEXT else VOCABULARY,
        max_position_embeddings=NUM_TOKENS,
        bos_token_id=num_words - 2,
        eos_token_id=num_words - 1,
        pad_token_id=num_words - 1,
    )


def _write_pipeline(
    folder: Path, pipeline: str, networks: Mapping[str, nn.Module], dtype: torch.dtype
) -> None:
    """Write a folder in diffusers layout: networks, a tokenizer for each encoder, a scheduler."""
    index: dict[str, Any] = {"_class_name": pipeline, "scheduler": ["diffusers", "DDIMScheduler"]}
    if pipeline == "StableDiffusionPipeline":
        index["requires_safety_checker"] = False
    for name, network in networks.items():
        network.to(dtype).save_pretrained(folder / name)
        home = "transformers" if name.startswith("text_encoder") else "diffusers"
        index[name] = [home, type(network).__name__]
        if home == "transformers":
            tokenizer = name.replace("text_encoder", "tokenizer")
            _write_tokenizer(folder / tokenizer)
            index[tokenizer] = ["transformers", "CLIPTokenizer"]
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        timestep_spacing="trailing",
    )
    scheduler.save_pretrained(folder / "scheduler")
    (folder / "model_index.json").write_text(json.dumps(index), encoding="utf-8")


def _write_tokenizer(folder: Path) -> None:
    """Write a tokenizer of one token a letter."""
    words = _words()
    begin, end = words[-2:]
    folder.mkdir()
    vocabulary = {word: number for number, word in enumerate(words)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    config = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": NUM_TOKENS,
        "bos_token": begin,
        "eos_token": end,
        "unk_token": end,
        "pad_token": end,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
