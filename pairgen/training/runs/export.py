"""The output of a finished run: the student in diffusers layout, and its adapters."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from safetensors.torch import save_file
from torch import Tensor, nn

from pairgen import plugins
from pairgen.adapters.adaptable import Adaptable
from pairgen.adapters.adapter import Adapter
from pairgen.methods.base import ImageStudent, Student
from pairgen.model_config import MODEL_FILE
from pairgen.training.loop.checkpoint import open_to_umask
from pairgen.training.loop.player import Player
from pairgen.training.runs.finished_run import BRANCH_PREFIX, LAST_WEIGHTS_FILE

STUDENT_FOLDER, LORA_FOLDER = "student", "lora"
# The folder of a branch inside the student, and its option and key in the model file.
BRANCH_FOLDER = BRANCH = "branch"
# Options that select a teacher's weights; the student has its own.
OF_WEIGHTS = ("revision", "variant")
# What a pipeline's `load_lora_weights` looks for, and the prefix of its UNet's layers.
LORA_FILE, UNET = "pytorch_lora_weights.safetensors", "unet"


def export_student(
    folder: Path,
    student: Student | ImageStudent,
    player: Player,
    teacher: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> None:
    """Write the student, its moving average if any, and the file that makes it a model.

    Adapters are also written separately; the student has them merged into its weights. If there is
    an average, the last weights of its denoiser are written beside it, see `load_run`.

    Args:
        folder: The run folder.
        student: The method's student; its networks are modified if they have adapters.
        player: The player that trained it.
        teacher: `module`, `location` and `options` of the teacher it was initialized from.
        facts: The sections of the model file that say how the student is run.
    """
    # Before the adapters are merged: they are what was trained.
    autoencoder_trained = any(map(is_trained, _halves(student)))
    branch = getattr(student.denoiser, "branch", None)
    alone = is_branch_alone(student.denoiser) and not autoencoder_trained
    target, partial = folder / STUDENT_FOLDER, folder / f".{STUDENT_FOLDER}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    if player.ema is not None and is_trained(student.denoiser):
        _write(folder / LAST_WEIGHTS_FILE, _merged_weights(student.denoiser))
    with player.averaged():
        _write_adapters(student, folder / LORA_FOLDER)
        for network in _networks(student):
            network.merge()
        parts: dict[str, Any] = {"denoiser": student.denoiser}
        if isinstance(student, ImageStudent) and autoencoder_trained:
            parts["autoencoder"] = student.autoencoder
        if not alone:
            plugins.call(
                "teachers",
                teacher["module"],
                "save_student",
                **parts,
                folder=partial,
                location=teacher["location"],
                **teacher["options"],
            )
        if branch is not None:
            inner = partial if alone else partial / BRANCH_FOLDER
            plugins.call(
                "teachers",
                teacher["module"],
                "save_branch",
                denoiser=student.denoiser,
                folder=inner,
            )
    open_to_umask(partial)
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
    left_out = (BRANCH,) if alone else (*OF_WEIGHTS, BRANCH)
    where: dict[str, Any] = {"location": teacher["location"] if alone else STUDENT_FOLDER}
    if branch is not None:
        where[BRANCH] = STUDENT_FOLDER if alone else f"{STUDENT_FOLDER}/{BRANCH_FOLDER}"
    model = {
        "teacher": teacher["module"],
        **where,
        "options": {k: v for k, v in teacher["options"].items() if k not in left_out},
        "dtype": "float32",
        "batch_size": 16,
        "samples_per_shard": 1024,
        **facts,
    }
    (folder / MODEL_FILE).write_text(yaml.safe_dump(model, sort_keys=False), encoding="utf-8")


def is_branch_alone(denoiser: Any) -> bool:
    """Whether a condition branch is all that is trained: the network is its teacher's."""
    if getattr(denoiser, "branch", None) is None:
        return False
    trained = [name for name, each in denoiser.named_parameters() if each.requires_grad]
    return bool(trained) and all(name.startswith(BRANCH_PREFIX) for name in trained)


def _networks(student: Student | ImageStudent) -> Iterator[Adaptable]:
    """Yield the networks of a student that may have adapters."""
    found = [student.denoiser, *_halves(student)]
    yield from (each for each in found if isinstance(each, Adaptable))


def _halves(student: Student | ImageStudent) -> tuple[Any, ...]:
    """Return encoder and decoder of the autoencoder that a student works with."""
    if isinstance(student, Student):
        return ()
    return (student.autoencoder.encoder, student.autoencoder.decoder)


def is_trained(half: Any) -> bool:
    """Whether a player trains a half of an autoencoder, or adapters of it."""
    weights = half.parameters() if isinstance(half, nn.Module) else ()
    return any(each.requires_grad for each in weights)


def _merged_weights(denoiser: Any) -> dict[str, Tensor]:
    """Return the trained weights of a denoiser with its adapter merged; it keeps its own."""
    weights: dict[str, Tensor] = {}
    if not is_branch_alone(denoiser):
        weights = {name: each.clone() for name, each in denoiser.network.state_dict().items()}
    adapter: Adapter | None = getattr(denoiser, "adapter", None)
    if adapter is not None:
        adapter.merge_into(weights)
    if (branch := getattr(denoiser, "branch", None)) is not None:
        own = branch.last_weights()
        weights |= {f"{BRANCH_PREFIX}{name}": each.clone() for name, each in own.items()}
    return weights


def _write_adapters(student: Student | ImageStudent, folder: Path) -> None:
    """Write the adapters, if any, in the format of diffusers and peft.

    The UNet's are what a pipeline's `load_lora_weights` loads. Those of the VAE, which it has no
    name for, are `vae.safetensors`, for `vae.load_lora_adapter(folder, weight_name=...,
    prefix=None)`. Layers that were trained as a whole are `unet.layers.safetensors` and
    `vae.layers.safetensors`, for `load_state_dict(..., strict=False)`.
    """
    low_rank: dict[str, dict[str, Tensor]] = {UNET: {}, "vae": {}}
    trained: dict[str, dict[str, Tensor]] = {UNET: {}, "vae": {}}
    for network in _networks(student):
        if network.adapter is not None:
            name = UNET if network is student.denoiser else "vae"
            low_rank[name] |= network.adapter.low_rank_tensors()
            trained[name] |= network.adapter.trained_tensors()
    unet = {f"{UNET}.{key}": tensor for key, tensor in low_rank[UNET].items()}
    files = {LORA_FILE: unet, "vae.safetensors": low_rank["vae"]}
    files |= {f"{name}.layers.safetensors": tensors for name, tensors in trained.items()}
    for name, tensors in files.items():
        if tensors:
            folder.mkdir(exist_ok=True)
            _write(folder / name, tensors)


def _write(path: Path, tensors: Mapping[str, Tensor]) -> None:
    plain = {key: each.detach().float().cpu().contiguous() for key, each in tensors.items()}
    save_file(plain, path, metadata={"format": "pt"})
    path.chmod(path.parent.stat().st_mode & 0o666)
