"""Model folders as people have them, made of small random models, and what becomes of each.

A folder either loads and computes what diffusers' own pipeline does, or is refused with its file
and key.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from tests.teachers.cut_weights import TEXT, UNET, VAE, cut, rename

SCHEDULER = "scheduler/scheduler_config.json"
UNET_CONFIG, VAE_CONFIG = "unet/config.json", "vae/config.json"
TEXT_CONFIG, TEXT_2_CONFIG = "text_encoder/config.json", "text_encoder_2/config.json"
TOKENIZER_CONFIG = "tokenizer/tokenizer_config.json"
INDEX = "model_index.json"
Change = Callable[[Path], object]


@dataclass(frozen=True)
class Folder:
    """A folder.

    Attributes:
        base: Fixture of the model that it is made of.
        change: Makes it of a copy.
        refused: What the refusal must hold; empty for a folder that loads.
        options: Options of the teacher.
        theirs: Options of diffusers' pipeline, of a folder that loads.
        spacing: Spacing of the times.
    """

    base: str
    change: Change
    refused: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    theirs: Mapping[str, str] = field(default_factory=dict)
    spacing: str = "trailing"


def edit(name: str, **values: Any) -> Change:
    """Change keys of a config; `...` leaves a key out."""

    def change(folder: Path) -> None:
        path = folder / name
        data = {**json.loads(path.read_text(encoding="utf-8")), **values}
        kept = {key: value for key, value in data.items() if value is not ...}
        path.write_text(json.dumps(kept), encoding="utf-8")

    return change


def both(*changes: Change) -> Change:
    def change(folder: Path) -> None:
        for each in changes:
            each(folder)

    return change


def tensors(stem: str, change: Callable[[dict[str, Any]], Any]) -> Change:
    """Change the tensors of a weight file, in place or to what is returned."""

    def write(folder: Path) -> None:
        path = folder / f"{stem}.safetensors"
        known = load_file(path)
        save_file(change(known) or known, path, metadata={"format": "pt"})

    return write


def part_of(name: str, part: str) -> Change:
    """Take a part of another model, which lies beside."""

    def change(folder: Path) -> None:
        shutil.rmtree(folder / part)
        shutil.copytree(folder.parent / name / part, folder / part)

    return change


def one_more_token(folder: Path) -> None:
    path = folder / "tokenizer/vocab.json"
    vocabulary = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**vocabulary, "<new>": len(vocabulary)}), encoding="utf-8")


def whole_clip(folder: Path) -> None:
    """Let the text encoder's config be that of a whole CLIP."""
    path = folder / TEXT_CONFIG
    text = json.loads(path.read_text(encoding="utf-8"))
    whole = {"model_type": "clip", "architectures": ["CLIPTextModel"], "text_config": text}
    path.write_text(json.dumps(whole), encoding="utf-8")


def early_names(known: dict[str, Any]) -> dict[str, Any]:
    """Return a VAE's tensors by the names of early diffusers."""
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    found = {}
    for name, tensor in known.items():
        for new, early in old.items():
            name = name.replace(f".{new}.", f".{early}.")
        found[name] = tensor
    return found


def early_text_names(known: dict[str, Any]) -> dict[str, Any]:
    """Return a text encoder's tensors as transformers 4 stored them, with their places."""
    named = {f"text_model.{name.removeprefix('text_model.')}": each for name, each in known.items()}
    return {**named, "text_model.embeddings.position_ids": torch.arange(24)[None]}


def pickled(folder: Path) -> None:
    path = folder / f"{UNET}.safetensors"
    torch.save(load_file(path), path.with_suffix(".bin"))
    path.unlink()


def without_part(folder: Path) -> None:
    cut(folder, "first")[1].unlink()


def outside(folder: Path) -> None:
    cut(folder, "no variant")
    edit(f"{UNET}.safetensors.index.json", weight_map={"a": "../x.safetensors"})(folder)


def half(known: dict[str, Any]) -> dict[str, Any]:
    return {name: tensor.half() for name, tensor in known.items()}


FP16 = {"variant": "fp16"}
V = {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True}
LOADS = {
    "plain": Folder("sd15_folder", both()),
    "v": Folder("sd21_folder", both()),
    "XL": Folder("sdxl_folder", both()),
    "fp16 alone": Folder("sd15_folder", lambda f: rename(f, "fp16"), theirs=FP16),
    "XL's UNet of fp16": Folder(
        "sdxl_folder", lambda f: rename(f, "fp16", [UNET]), options=FP16, theirs=FP16
    ),
    "cut": Folder("sd15_folder", lambda f: cut(f, "no variant")),
    "cut, variant first": Folder("sd15_folder", lambda f: cut(f, "first"), theirs=FP16),
    "cut, variant last": Folder("sd15_folder", lambda f: cut(f, "last"), theirs=FP16),
    "cut text encoder": Folder("sd15_folder", lambda f: cut(f, "no variant", TEXT)),
    "stored in half": Folder("sd21_folder", tensors(UNET, half)),
    "a dtype in a config": Folder("sd15_folder", edit(TEXT_CONFIG, dtype="float16")),
    "ZSNR, v": Folder("sd21_folder", edit(SCHEDULER, **V)),
    "offset 0": Folder("sdxl_folder", edit(SCHEDULER, steps_offset=0), spacing="leading"),
    "offset 1": Folder("sdxl_folder", edit(SCHEDULER, steps_offset=1), spacing="leading"),
    "no betas": Folder(
        "sd15_folder", edit(SCHEDULER, beta_start=..., beta_end=..., beta_schedule=...)
    ),
    "another scheduler": Folder(
        "sd15_folder",
        both(
            edit(SCHEDULER, _class_name="EulerDiscreteScheduler", steps_offset=...),
            edit(INDEX, scheduler=["diffusers", "EulerDiscreteScheduler"]),
        ),
    ),
    "UNet without keys": Folder(
        "sd15_folder",
        edit(UNET_CONFIG, in_channels=..., out_channels=..., act_fn=..., norm_eps=..., dropout=...),
    ),
    "VAE without keys": Folder(
        "sd15_folder", edit(VAE_CONFIG, scaling_factor=..., latent_channels=..., shift_factor=...)
    ),
    "null where off": Folder(
        "sdxl_folder", edit(UNET_CONFIG, upcast_attention=None, dual_cross_attention=None)
    ),
    "keys of nobody": Folder("sd15_folder", edit(UNET_CONFIG, note="mine", other=None)),
    "a whole CLIP": Folder("sd15_folder", whole_clip),
    "early text encoder": Folder("sd15_folder", tensors(TEXT, early_text_names)),
    "early VAE": Folder("sd15_folder", tensors(VAE, early_names)),
    "shorter prompts": Folder("sd15_folder", edit(TOKENIZER_CONFIG, model_max_length=16)),
    "a tensor too many": Folder(
        "sd15_folder",
        tensors(UNET, lambda t: {**t, "time_embedding.cond_proj.weight": torch.ones(2, 2)}),
    ),
}
REFUSED = {
    "ZSNR, eps": Folder(
        "sd15_folder", edit(SCHEDULER, rescale_betas_zero_snr=True), ("zero_snr", SCHEDULER)
    ),
    "no size": Folder("sd15_folder", edit(UNET_CONFIG, sample_size=None), ("sample_size",)),
    "size of text": Folder("sd15_folder", edit(UNET_CONFIG, sample_size="8"), ("sample_size",)),
    "channels of text": Folder("sd15_folder", edit(UNET_CONFIG, in_channels="4"), ("in_channels",)),
    "UNet of SD2.1": Folder(
        "sd15_folder", part_of("other", "unet"), ("cross_attention_dim", TEXT_CONFIG, "48")
    ),
    "width of the added": Folder(
        "sdxl_folder",
        edit(UNET_CONFIG, projection_class_embeddings_input_dim=100),
        ("projection_class_embeddings_input_dim", TEXT_2_CONFIG, "88"),
    ),
    "XL without added": Folder(
        "sdxl_folder", edit(UNET_CONFIG, addition_embed_type=None), ("addition_embed_type",)
    ),
    "classes": Folder("sd15_folder", edit(UNET_CONFIG, num_class_embeds=10), ("num_class_embeds",)),
    "quantized": Folder(
        "sd15_folder", edit(UNET_CONFIG, quantization_config={}), ("quantization_config",)
    ),
    "widths beyond": Folder(
        "sd15_folder",
        edit(UNET_CONFIG, block_out_channels=[32, 64, 64]),
        ("UNet2DConditionModel", UNET_CONFIG),
    ),
    "widths of others": Folder(
        "sd15_folder", edit(UNET_CONFIG, block_out_channels=[32, 96]), (UNET, "[64", UNET_CONFIG)
    ),
    "null widths": Folder(
        "sd15_folder", edit(VAE_CONFIG, block_out_channels=None), ("block_out_channels", VAE_CONFIG)
    ),
    "a VAE without widths": Folder(
        "sd15_folder",
        edit(VAE_CONFIG, block_out_channels=...),
        # The class's default is one block, which the file is not of.
        ("AutoencoderKL", VAE_CONFIG),
    ),
    "another VAE": Folder(
        "sd15_folder", edit(INDEX, vae=["diffusers", "AutoencoderTiny"]), ("vae", INDEX)
    ),
    "another VAE's config": Folder(
        "sd15_folder", edit(VAE_CONFIG, _class_name="AutoencoderTiny"), ("_class_name", VAE_CONFIG)
    ),
    "latents of 16": Folder(
        "sd15_folder", edit(VAE_CONFIG, latent_channels=16), ("latent_channels", VAE_CONFIG)
    ),
    "scale of text": Folder(
        "sd15_folder", edit(VAE_CONFIG, scaling_factor="0.2"), ("scaling_factor", VAE_CONFIG)
    ),
    "custom pipeline": Folder(
        "sd15_folder", edit(INDEX, _class_name=["mine", "Mine"]), ("_class_name", INDEX)
    ),
    "custom part": Folder("sd15_folder", edit(INDEX, unet=["mine", "Mine"]), ("unet", INDEX)),
    "another text encoder": Folder(
        "sd15_folder", edit(TEXT_CONFIG, model_type="bert"), ("model_type", TEXT_CONFIG)
    ),
    "null length": Folder(
        "sd15_folder",
        edit(TEXT_CONFIG, max_position_embeddings=None),
        ("max_position", TEXT_CONFIG),
    ),
    "code of a hub": Folder(
        "sd15_folder",
        edit(TEXT_CONFIG, attn_implementation="evil/kernel"),
        ("attn_implementation", TEXT_CONFIG),
    ),
    "null length of prompts": Folder(
        "sd15_folder",
        edit(TOKENIZER_CONFIG, model_max_length=None),
        ("model_max_length", TOKENIZER_CONFIG),
    ),
    "a token too many": Folder("sd15_folder", one_more_token, ("vocab_size", "tokenizer/")),
    "betas of text": Folder(
        "sd15_folder", edit(SCHEDULER, beta_start="0.1"), ("beta_start", SCHEDULER)
    ),
    "endless schedule": Folder(
        "sd15_folder", edit(SCHEDULER, num_train_timesteps=10**12), ("num_train_time", SCHEDULER)
    ),
    "another prediction": Folder(
        "sd15_folder", edit(SCHEDULER, prediction_type="flow"), ("prediction_type", SCHEDULER)
    ),
    "pickled": Folder("sd15_folder", pickled, (UNET, "diffusion_pytorch_model.bin", "python -c")),
    "a part is missing": Folder("sd15_folder", without_part, ("fp16-00002-of-00003", ".index.")),
    "an index that leads out": Folder("sd15_folder", outside, ("weight_map", "../x.safetensors")),
    "a tensor is missing": Folder(
        "sd15_folder", tensors(UNET, lambda t: t.pop("conv_in.bias") is None), ("conv_in.bias",)
    ),
    "a shape": Folder(
        "sd15_folder",
        tensors(TEXT, lambda t: {**t, sorted(t)[0]: torch.ones(3, 3)}),
        (TEXT, "[3, 3]", TEXT_CONFIG),
    ),
}
