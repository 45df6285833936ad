"""Write small random models of the true classes, in diffusers layout.

Every network is the class that the real models use, with a few channels: what holds for these
folders (parity with diffusers, shapes, names of files) holds for the real ones.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DDPMScheduler,
    PNDMScheduler,
    UNet2DConditionModel,
    UNet2DModel,
)
from safetensors.torch import load_file, save_file
from tokenizers import pre_tokenizers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

# SD1.5's schedule; steps_offset and set_alpha_to_one as every Stable Diffusion config has them.
SCHEDULE = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
    "set_alpha_to_one": False,
}
NUM_TOKENS = 24
PROMPTS = ("a red heart", "a blue book on white background", "naïve 猫 🐯")


def write_sd15(folder: Path) -> Path:
    """Write a StableDiffusionPipeline that predicts eps; latents are [4, 8, 8]."""
    torch.manual_seed(15)
    _write_tower(folder, "", CLIPTextModel, width=32)
    _write_unet(folder, cross_attention_dim=32)
    _write_vae(folder)
    PNDMScheduler(**SCHEDULE, skip_prk_steps=True).save_pretrained(folder / "scheduler")
    _write_index(folder, "StableDiffusionPipeline", ("",), {"requires_safety_checker": False})
    return folder


def write_sd21(folder: Path) -> Path:
    """Write a StableDiffusionPipeline that predicts v; latents are [4, 8, 8]."""
    torch.manual_seed(21)
    _write_tower(folder, "", CLIPTextModel, width=48)
    _write_unet(folder, cross_attention_dim=48, use_linear_projection=True)
    _write_vae(folder)
    scheduler = DDIMScheduler(**SCHEDULE, clip_sample=False, prediction_type="v_prediction")
    scheduler.save_pretrained(folder / "scheduler")
    _write_index(folder, "StableDiffusionPipeline", ("",), {"requires_safety_checker": False})
    return folder


def write_sdxl(folder: Path) -> Path:
    """Write a StableDiffusionXLPipeline; latents are [4, 8, 8]."""
    torch.manual_seed(1024)
    _write_tower(folder, "", CLIPTextModel, width=32)
    _write_tower(folder, "_2", CLIPTextModelWithProjection, width=48)
    _write_unet(
        folder,
        cross_attention_dim=32 + 48,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + 40,
    )
    _write_vae(folder)
    DDIMScheduler(**SCHEDULE, clip_sample=False).save_pretrained(folder / "scheduler")
    extra = {"force_zeros_for_empty_prompt": True}
    _write_index(folder, "StableDiffusionXLPipeline", ("", "_2"), extra)
    return folder


def write_smallest(folder: Path) -> Path:
    """Write a StableDiffusionPipeline of 0.15 MB, small enough to be committed; latents [4, 8, 8].

    As the published ones, its weights are in float16.
    """
    torch.manual_seed(8)
    _write_tower(folder, "", CLIPTextModel, width=8)
    narrow = {"block_out_channels": (4, 4), "norm_num_groups": 2}
    _write_unet(folder, cross_attention_dim=8, attention_head_dim=2, **narrow)
    _write_vae(folder, **narrow)
    for path in folder.glob("*/*.safetensors"):
        halved = {name: tensor.half() for name, tensor in load_file(path).items()}
        save_file(halved, path, metadata={"format": "pt"})
    DDIMScheduler(**SCHEDULE, clip_sample=False).save_pretrained(folder / "scheduler")
    _write_index(folder, "StableDiffusionPipeline", ("",), {"requires_safety_checker": False})
    return folder


def write_narrow(folder: Path) -> Path:
    """Write a StableDiffusionPipeline of few channels whose VAE has 8 px a latent, as real ones."""
    torch.manual_seed(4)
    _write_tower(folder, "", CLIPTextModel, width=8)
    _write_unet(
        folder,
        cross_attention_dim=8,
        attention_head_dim=2,
        block_out_channels=(4, 4),
        norm_num_groups=2,
    )
    _write_vae(
        folder,
        block_out_channels=(4,) * 4,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        norm_num_groups=2,
    )
    DDIMScheduler(**SCHEDULE, clip_sample=False).save_pretrained(folder / "scheduler")
    _write_index(folder, "StableDiffusionPipeline", ("",), {"requires_safety_checker": False})
    return folder


def write_pixels(
    folder: Path,
    names: Sequence[str] = (),
    *,
    channels: int = 3,
    prediction: str = "epsilon",
    null_class: bool = True,
) -> Path:
    """Write a DDPMPipeline whose pictures are [channels, 8, 8].

    Args:
        folder: Where to write it.
        names: Of its classes, for `id2label`; empty for an unconditional model.
        channels: 1 or 3.
        prediction: What the network predicts.
        null_class: Whether there is one class more than names, the last.
    """
    torch.manual_seed(32)
    UNet2DModel(
        sample_size=8,
        in_channels=channels,
        out_channels=channels,
        block_out_channels=(16, 32),
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        attention_head_dim=8,
        norm_num_groups=8,
        num_class_embeds=len(names) + null_class if names else None,
    ).save_pretrained(folder / "unet")
    # The betas of Ho et al. 2020, as DDPM's models for CIFAR-10 have them.
    DDPMScheduler(prediction_type=prediction).save_pretrained(folder / "scheduler")
    index: dict[str, object] = {
        "_class_name": "DDPMPipeline",
        "unet": ["diffusers", "UNet2DModel"],
        "scheduler": ["diffusers", "DDPMScheduler"],
    }
    if names:
        index["id2label"] = {str(number): name for number, name in enumerate(names)}
    (folder / "model_index.json").write_text(json.dumps(index, indent=2), encoding="utf-8")
    return folder


def _write_tower(folder: Path, ending: str, encoder: type, width: int) -> None:
    """Write a byte-level tokenizer of one token a letter, and a text encoder."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    specials = ["<|startoftext|>", "<|endoftext|>"]
    names = [*letters, *(letter + "</w>" for letter in letters), *specials]
    tokenizer = folder / f"tokenizer{ending}"
    tokenizer.mkdir(parents=True)
    vocabulary = {name: i for i, name in enumerate(names)}
    (tokenizer / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (tokenizer / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    config = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": NUM_TOKENS,
        "bos_token": specials[0],
        "eos_token": specials[1],
        "unk_token": specials[1],
        "pad_token": specials[1],
    }
    (tokenizer / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    text_config = CLIPTextConfig(
        vocab_size=len(names),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=NUM_TOKENS,
        projection_dim=40,
        bos_token_id=vocabulary[specials[0]],
        eos_token_id=vocabulary[specials[1]],
        pad_token_id=vocabulary[specials[1]],
    )
    encoder(text_config).save_pretrained(folder / f"text_encoder{ending}")


def _write_unet(folder: Path, **config: object) -> None:
    usual = {
        "sample_size": 8,
        "block_out_channels": (32, 64),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "layers_per_block": 1,
        "attention_head_dim": 4,
        "norm_num_groups": 8,
    }
    UNet2DConditionModel(**{**usual, **config}).save_pretrained(folder / "unet")


def _write_vae(folder: Path, **config: object) -> None:
    usual = {
        "block_out_channels": (16, 32),
        "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("UpDecoderBlock2D",) * 2,
        "latent_channels": 4,
        "norm_num_groups": 8,
        "sample_size": 16,
        "scaling_factor": 0.18215,
    }
    AutoencoderKL(**{**usual, **config}).save_pretrained(folder / "vae")


def _write_index(
    folder: Path, pipeline: str, endings: Sequence[str], extra: dict[str, object]
) -> None:
    scheduler = json.loads((folder / "scheduler/scheduler_config.json").read_text())["_class_name"]
    index: dict[str, object] = {
        "_class_name": pipeline,
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "scheduler": ["diffusers", scheduler],
        **extra,
    }
    for ending in endings:
        encoder = "CLIPTextModelWithProjection" if ending else "CLIPTextModel"
        index[f"text_encoder{ending}"] = ["transformers", encoder]
        index[f"tokenizer{ending}"] = ["transformers", "CLIPTokenizer"]
    (folder / "model_index.json").write_text(json.dumps(index, indent=2), encoding="utf-8")
