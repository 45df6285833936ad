"""Write small random models of transformers' true classes that look at images."""

import json
import string
from itertools import pairwise
from pathlib import Path

import torch
from tokenizers import pre_tokenizers
from transformers import (
    BlipConfig,
    BlipForConditionalGeneration,
    CLIPConfig,
    CLIPModel,
    ConvNextConfig,
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    Dinov2Config,
    Dinov2Model,
    GitConfig,
    GitForCausalLM,
    SegformerConfig,
    SegformerForSemanticSegmentation,
    UperNetConfig,
    UperNetForSemanticSegmentation,
)
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.dpt.image_processing_pil_dpt import DPTImageProcessorPil
from transformers.models.segformer.image_processing_pil_segformer import SegformerImageProcessorPil

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
# As initialized by default, a captioner says the same of every image.
LOUD = {"initializer_range": 0.3}


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
        **IMAGENET,
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


def write_segformer(folder: Path, num_classes: int = 5) -> Path:
    """Write a SegformerForSemanticSegmentation that looks at 64 px, and predicts at 16."""
    torch.manual_seed(4)
    config = SegformerConfig(
        num_encoder_blocks=4,
        depths=[1, 1, 1, 1],
        hidden_sizes=[4, 8, 8, 8],
        num_attention_heads=[1, 1, 2, 2],
        decoder_hidden_size=16,
        id2label={i: f"class {i}" for i in range(num_classes)},
    )
    SegformerForSemanticSegmentation(config).save_pretrained(folder)
    SegformerImageProcessorPil(size={"height": 64, "width": 64}).save_pretrained(folder)
    return folder


def write_upernet(folder: Path) -> Path:
    """Write a UperNetForSemanticSegmentation on a ConvNeXt that looks at 64 px."""
    torch.manual_seed(5)
    stages = [f"stage{i}" for i in range(1, 5)]
    backbone = ConvNextConfig(hidden_sizes=[4, 4, 8, 8], depths=[1, 1, 1, 1], out_features=stages)
    config = UperNetConfig(
        backbone_config=backbone,
        hidden_size=8,
        auxiliary_channels=4,
        auxiliary_in_channels=8,
        num_labels=7,
    )
    UperNetForSemanticSegmentation(config).save_pretrained(folder)
    SegformerImageProcessorPil(size={"height": 64, "width": 64}).save_pretrained(folder)
    return folder


def write_blip(folder: Path) -> Path:
    """Write a BlipForConditionalGeneration that looks at 32 px."""
    torch.manual_seed(6)
    num_words = _write_words(folder)
    text = {**SMALL, "intermediate_size": 32, "vocab_size": num_words, "encoder_hidden_size": 16}
    text |= {"bos_token_id": 2, "pad_token_id": 0, "eos_token_id": 3, "sep_token_id": 3}
    vision = {**SMALL, "intermediate_size": 32, "image_size": 32, "patch_size": 8}
    config = BlipConfig(text_config=text | LOUD, vision_config=vision | LOUD)
    BlipForConditionalGeneration(config).save_pretrained(folder)
    BlipImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def write_git(folder: Path) -> Path:
    """Write a GitForCausalLM that looks at 32 px."""
    torch.manual_seed(7)
    num_words = _write_words(folder)
    text = {**SMALL, "intermediate_size": 32, "vocab_size": num_words}
    text |= {"bos_token_id": 2, "pad_token_id": 0, "eos_token_id": 3}
    vision = {**SMALL, "intermediate_size": 32, "image_size": 32, "patch_size": 8}
    GitForCausalLM(GitConfig(vision_config=vision | LOUD, **text, **LOUD)).save_pretrained(folder)
    CLIPImageProcessorPil(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    ).save_pretrained(folder)
    return folder


def write_head(path: Path, width: int = 12) -> Path:
    """Write the weights of an improved aesthetic predictor for the embeddings of `write_clip`."""
    generator = torch.Generator().manual_seed(8)
    widths, tensors = [width, 1024, 128, 64, 16, 1], {}
    for number, (inner, outer) in zip((0, 2, 4, 6, 7), pairwise(widths), strict=True):
        weight = torch.randn(outer, inner, generator=generator) / inner**0.5
        tensors[f"layers.{number}.weight"] = weight
        tensors[f"layers.{number}.bias"] = torch.randn(outer, generator=generator)
    torch.save(tensors, path)
    return path


def _write_words(folder: Path) -> int:
    """Write a BERT tokenizer; return the size of its vocabulary."""
    letters = string.ascii_lowercase
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{x}" for x in letters)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    return len(words)
