"""The output of a finished run: the student in diffusers layout, and its adapters."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml

from pairgen import plugins
from pairgen.methods.base import Student
from pairgen.model_config import MODEL_FILE
from pairgen.teachers._pretrained.quiet import quiet
from pairgen.training.checkpoint import open_to_umask
from pairgen.training.player import Player

STUDENT_FOLDER, LORA_FOLDER = "student", "lora"
# Options that select a teacher's weights; the student has its own.
OF_WEIGHTS = ("revision", "variant")


def export_student(
    folder: Path,
    student: Student,
    player: Player,
    teacher: Mapping[str, Any],
    told: bool,
    guidance_scales: Sequence[float],
) -> None:
    """Write the student, its moving average if any, and the file that makes it a model.

    Adapters are also written separately; the student has them merged into its weights.

    Args:
        folder: The run folder.
        student: The method's student; its network is modified if it has adapters.
        player: The player that trained it.
        teacher: `module`, `location` and `options` of the teacher it was initialized from.
        told: Whether the student takes the guidance scale as an input.
        guidance_scales: Scales that it was trained on, ascending; none for data without guidance.
    """
    target, partial = folder / STUDENT_FOLDER, folder / f".{STUDENT_FOLDER}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    network: Any = student.denoiser.network
    with player.averaged():
        if player.config.lora_rank:
            _save_lora(network, folder / LORA_FOLDER)
            network.fuse_lora()
            network.unload_lora()
        plugins.call(
            "teachers",
            teacher["module"],
            "save_student",
            denoiser=student.denoiser,
            folder=partial,
            location=teacher["location"],
            **teacher["options"],
        )
    open_to_umask(partial)
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
    scales = list(guidance_scales)
    model = {
        "teacher": teacher["module"],
        "location": STUDENT_FOLDER,
        "options": {k: v for k, v in teacher["options"].items() if k not in OF_WEIGHTS},
        "dtype": "float32",
        "batch_size": 16,
        "samples_per_shard": 1024,
        # Otherwise such a student would get `pairgen ode`'s default scale, perhaps never learned.
        "sampling": {**student.sampling, "cfg": scales[-1] if told and scales else 1},
        **({"student": {"guidance_scales": scales, "told": told}} if scales else {}),
    }
    (folder / MODEL_FILE).write_text(yaml.safe_dump(model, sort_keys=False), encoding="utf-8")


def _save_lora(network: Any, folder: Path) -> None:
    """Write the adapters in the format of diffusers' `load_lora_weights`."""
    with quiet():
        # It warns about torchvision, which nothing here needs.
        from diffusers import StableDiffusionPipeline
    from peft.utils import get_peft_model_state_dict

    layers = {
        name: tensor.detach().to(torch.float32).cpu().contiguous()
        for name, tensor in get_peft_model_state_dict(network).items()
    }
    StableDiffusionPipeline.save_lora_weights(str(folder), unet_lora_layers=layers)
    open_to_umask(folder)
