"""What people give that is no folder in diffusers layout, and what to do with it."""

import json
from pathlib import Path

UNET_CLASS = "UNet2DConditionModel"
LORA_FILES = ("pytorch_lora_weights.safetensors", "adapter_model.safetensors")
# The headers of larger files are not looked into.
MAX_HEADER = 1 << 26
# A key of SDXL's second text encoder in one-file checkpoints.
OF_SDXL = "conditioner.embedders.1."


def converted(location: str) -> str:
    """Return the command that saves a folder in diffusers layout anew, as safetensors."""
    return (
        f'python -c "from diffusers import DiffusionPipeline as P; '
        f"P.from_pretrained('{location}').save_pretrained('NEW')\""
    )


def of_one_file(path: Path) -> str:
    """Return why a file is no model, and what to do with it."""
    names = header_names(path)
    if any("lora" in name for name in names):
        return f"{path} is a LoRA: give the model that it was made for, and --lora {path}."
    of_sdxl = any(name.startswith(OF_SDXL) for name in names)
    pipeline = f"StableDiffusion{'XL' if of_sdxl else ''}Pipeline"
    return (
        f"{path} is a checkpoint in one file, not a folder in diffusers layout: convert it with "
        f'python -c "from diffusers import {pipeline} as P; '
        f"P.from_single_file('{path}').save_pretrained('NEW')\", and give --model NEW."
    )


def of_bare_folder(location: str, folder: Path) -> str:
    """Return why a folder is no model, if it is a LoRA or a part of one; else nothing."""
    for name in LORA_FILES:
        if (folder / name).is_file():
            return (
                f"{location} is a LoRA ({name}): give the model that it was made for, and "
                f"--lora {location}."
            )
    if (folder / "model_index.json").is_file() or not (folder / "config.json").is_file():
        return ""
    if (folder.parent / "model_index.json").is_file():
        return f"{location} is one part of a model: give its folder, --model {folder.parent}."
    if _class_of(folder / "config.json") != UNET_CLASS:
        return ""
    return (
        f"{location} is one network (config.json), not a whole model, which has model_index.json: "
        "put it into the model that it belongs to, p = DiffusionPipeline.from_pretrained(MODEL, "
        f"unet={UNET_CLASS}.from_pretrained('{location}')); p.save_pretrained('NEW'), and "
        "give --model NEW."
    )


def _class_of(config: Path) -> str:
    """Return the class that a network's config names; empty for none."""
    try:
        return str(json.loads(config.read_bytes()).get("_class_name", ""))
    except (OSError, ValueError, AttributeError, RecursionError):
        return ""


def header_names(path: Path) -> list[str]:
    """Return the names of the tensors in a safetensors file; none if it is another file."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length)) if length <= MAX_HEADER else {}
    except (OSError, ValueError, RecursionError):
        return []
    return list(header) if isinstance(header, dict) else []
