"""Rename weight files to a variant, and cut them into parts, as libraries have named these."""

import json
from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import load_file, save_file

UNET, TEXT, VAE = (
    "unet/diffusion_pytorch_model",
    "text_encoder/model",
    "vae/diffusion_pytorch_model",
)
# Names of an index and of a part, both without the stem.
ORDERS = {
    "no variant": (".safetensors.index.json", "-{:05}-of-{:05}.safetensors"),
    "first": (".safetensors.index.fp16.json", ".fp16-{:05}-of-{:05}.safetensors"),
    "last": (".safetensors.fp16.index.json", "-{:05}-of-{:05}.fp16.safetensors"),
    "both": (".fp16.safetensors.index.json", "-{:05}-of-{:05}.fp16.safetensors"),
}


def rename(folder: Path, variant: str, stems: Sequence[str] = (UNET, TEXT, VAE)) -> Path:
    for stem in stems:
        (folder / f"{stem}.safetensors").rename(folder / f"{stem}.{variant}.safetensors")
    return folder


def cut(folder: Path, order: str, stem: str = UNET, num: int = 3) -> list[Path]:
    """Cut a weight file into parts; return these."""
    path, (index, part) = folder / f"{stem}.safetensors", ORDERS[order]
    tensors, weight_map, parts = load_file(path), {}, []
    path.unlink()
    for number in range(num):
        parts.append(path.with_name(path.stem + part.format(number + 1, num)))
        mine = dict(list(tensors.items())[number::num])
        save_file(mine, parts[-1], metadata={"format": "pt"})
        weight_map |= dict.fromkeys(mine, parts[-1].name)
    written = {"metadata": {}, "weight_map": weight_map}
    path.with_name(path.stem + index).write_text(json.dumps(written))
    return parts
