"""Write small random models of transformers' true classes that look at images."""

import json
from pathlib import Path

import torch
from tokenizers import pre_tokenizers
from transformers import (
    CLIPConfig,
    CLIPModel,
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    Dinov2Config,
    Dinov2Model,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.dpt.image_processing_pil_dpt import DPTImageProcessorPil

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}


def write_clip(folder: Path) -> Path:
    """Write a CLIPModel, its preprocessor and a tokenizer of one token a letter."""
    torch.manual_seed(1)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    specials = ["<|startoftext|>", "<|endoftext|>"]
    names = [*letters, *(letter + "</w>" for letter in letters), *specials]
    ids = {"bos_token_id": len(names) - 2, "eos_token_id": len(names) - 1}
    text = {**SMALL, **ids, "intermediate_size": 32, "max_position_embeddings": 24}
    vision = {**SMALL, "intermediate_size": 32, "image_size": 24, "patch_size": 8}
    text |= {"vocab_size": len(names), "pad_token_id": ids["eos_token_id"]}
    CLIPModel(
        CLIPConfig(text_config=text, vision_config=vision, projection_dim=12)
    ).save_pretrained(folder)
    processor = CLIPImageProcessorPil(
        size={"shortest_edge": 24}, crop_size={"height": 24, "width": 24}
    )
    processor.save_pretrained(folder)
    vocabulary = {name: i for i, name in enumerate(names)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    tokens = dict(zip(("bos_token", "eos_token"), specials, strict=True))
    tokens |= {"unk_token": specials[1], "pad_token": specials[1]}
    config = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 24, **tokens}
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def write_dino(folder: Path) -> Path:
    """Write a Dinov2Model and a preprocessor that resizes to 32 and cuts out 28."""
    torch.manual_seed(2)
    Dinov2Model(Dinov2Config(**SMALL, image_size=28, patch_size=14)).save_pretrained(folder)
    CLIPImageProcessorPil(
        size={"shortest_edge": 32},
        crop_size={"height": 28, "width": 28},
        image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
    ).save_pretrained(folder)
    return folder


def write_depth(folder: Path) -> Path:
    """Write a DepthAnythingForDepthEstimation that looks at 42 px."""
    torch.manual_seed(3)
    layers = {"num_hidden_layers": 4, "out_features": [f"stage{i}" for i in range(1, 5)]}
    backbone = Dinov2Config(
        **{**SMALL, **layers}, image_size=42, patch_size=14, reshape_hidden_states=False
    )
    config = DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=16,
        neck_hidden_sizes=[4, 8, 8, 8],
        fusion_hidden_size=8,
        head_hidden_size=4,
    )
    DepthAnythingForDepthEstimation(config).save_pretrained(folder)
    DPTImageProcessorPil(
        size={"height": 42, "width": 42}, keep_aspect_ratio=True, ensure_multiple_of=14
    ).save_pretrained(folder)
    return folder
