"""A model of Stable Diffusion 1.5's architecture with random weights, for measurements of speed."""

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from tokenizers import pre_tokenizers
from transformers import CLIPTextConfig, CLIPTextModel

from pairgen.process_state import seeded

WIDTHS = {False: (320, 640, 1280, 1280), True: (32, 64, 64, 64)}
NUM_TOKENS = 77


@seeded(0)
def write_model(
    folder: Path, *, small: bool, latent_size: int = 64, dtype: torch.dtype = torch.bfloat16
) -> None:
    """Write random weights of Stable Diffusion 1.5's classes and widths, its VAE apart.

    Args:
        folder: Where they go.
        small: A few channels instead, to see that a script runs.
        latent_size: Height and width of its latents.
        dtype: Of the weights.
    """
    width = 64 if small else 768
    unet = UNet2DConditionModel(
        sample_size=latent_size,
        block_out_channels=WIDTHS[small],
        cross_attention_dim=width,
        attention_head_dim=8,
        norm_num_groups=32,
    )
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: number for number, word in enumerate(words)}
    begin, end = len(words) - 2, len(words) - 1
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(words) if small else 49408,
            hidden_size=width,
            intermediate_size=4 * width,
            num_hidden_layers=12,
            num_attention_heads=12 if not small else 4,
            max_position_embeddings=NUM_TOKENS,
            bos_token_id=begin,
            eos_token_id=end,
            pad_token_id=end,
        )
    )
    vae = AutoencoderKL(
        block_out_channels=(32,) * 4,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        sample_size=8 * latent_size,
        scaling_factor=0.18215,
    )
    for name, network in {"unet": unet, "text_encoder": text, "vae": vae}.items():
        network.to(dtype).save_pretrained(folder / name)
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
    tokenizer = folder / "tokenizer"
    tokenizer.mkdir()
    (tokenizer / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (tokenizer / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    config = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": NUM_TOKENS,
        "bos_token": words[begin],
        "eos_token": words[end],
        "unk_token": words[end],
        "pad_token": words[end],
    }
    (tokenizer / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    index = {
        "_class_name": "StableDiffusionPipeline",
        "requires_safety_checker": False,
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
    }
    (folder / "model_index.json").write_text(json.dumps(index), encoding="utf-8")
