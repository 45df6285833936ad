"""Save a trained UNet in diffusers layout, with copies of what it shares with its teacher."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from diffusers import DDIMScheduler, FlowMatchEulerDiscreteScheduler

from pairgen.errors import TeacherLoadError
from pairgen.teachers._pretrained.denoiser import Denoiser
from pairgen.teachers._pretrained.files import Snapshot, read_json
from pairgen.teachers._pretrained.folders.weights import fetch_weights
from pairgen.teachers._pretrained.quiet import quiet
from pairgen.teachers._pretrained.schedule import FLOW_SCHEDULER
from pairgen.teachers._pretrained.stable_diffusion import VAE_WEIGHTS, Layout

# What is copied of a teacher's folders beside weights: whatever else lies there is not the model.
CONFIG = ("config.json",)
TOKENIZER = (
    "added_tokens.json",
    "merges.txt",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
)


def files_to_copy(layout: Layout, variant: str, *, with_vae: bool = True) -> dict[str, Path]:
    """Return the files of a teacher that a student needs, by their paths in the student's folder.

    Args:
        layout: The teacher's folder.
        variant: Variant of its weight files.
        with_vae: Whether the VAE is among them.

    Raises:
        TeacherLoadError: A part is missing, or a file is a link to something that is not of the
            model: whoever made the link may want it to be published.
    """
    source = layout.snapshot.folder
    parts: list[tuple[str, Sequence[str]]] = [
        (f"text_encoder{ending}", CONFIG) for ending in layout.text_encoders
    ]
    parts += [(f"tokenizer{ending}", TOKENIZER) for ending in layout.text_encoders]
    stems = [f"text_encoder{ending}/model" for ending in layout.text_encoders]
    if with_vae:
        parts.append(("vae", CONFIG))
        stems.append(VAE_WEIGHTS)
    found = {
        f"{part}/{name}": source / part / name
        for part, names in parts
        for name in names
        if (source / part / name).is_file()
    }
    for weights in fetch_weights(layout.snapshot, stems, variant).values():
        # Under plain names: the student's other weights have no variant.
        part = weights.stem.rpartition("/")[0]
        found |= {f"{part}/{name}": file for name, file in weights.plain_names.items()}
    for name, file in found.items():
        _check_place(layout.snapshot, name, file)
    return found


def _check_place(snapshot: Snapshot, name: str, file: Path) -> None:
    """Refuse a file that is a link out of the model's folder."""
    places = [snapshot.folder.resolve()]
    if snapshot.folder.parent.name == "snapshots":
        # In the hub's cache, files are links to their contents beside.
        places.append(snapshot.folder.resolve().parents[1] / "blobs")
    there = file.resolve()
    if not any(there.is_relative_to(place) for place in places):
        raise TeacherLoadError(
            f"{snapshot.location}: {name} is a link out of the folder, to {there}, which an "
            "exported student would contain. If it belongs to the model, put a copy in its place."
        )


def export_pipeline(
    layout: Layout, variant: str, denoiser: Denoiser, vae: Any, folder: Path
) -> None:
    """Write a pipeline folder whose scheduler goes from noise to the student's x0 in one step.

    Args:
        layout: The teacher's folder.
        variant: Variant of its weight files.
        denoiser: The student.
        vae: The student's VAE, a diffusers model; None to copy the teacher's.
        folder: Output folder.

    Raises:
        TeacherLoadError: See `files_to_copy`.
    """
    files = files_to_copy(layout, variant, with_vae=vae is None)
    folder.mkdir(parents=True)
    for name, file in files.items():
        _copy(file, folder / name)
    if vae is not None:
        with quiet():
            vae.save_pretrained(folder / "vae", safe_serialization=True)
    for ending in layout.text_encoders:
        _name_float32(folder / f"text_encoder{ending}/config.json")
    index = read_json(layout.snapshot, "model_index.json") | {
        "scheduler": ["diffusers", "DDIMScheduler"],
        "unet": ["diffusers", "UNet2DConditionModel"],
    }
    save_one_step(folder, layout.snapshot, "scheduler/scheduler_config.json", index, denoiser)


def save_one_step(
    folder: Path, snapshot: Snapshot, scheduler: str, index: Mapping[str, Any], denoiser: Denoiser
) -> None:
    """Write network, scheduler and index of a student that goes from noise to x0 in one step.

    Args:
        folder: Output folder.
        snapshot: The teacher's snapshot.
        scheduler: Path of the scheduler's config inside the snapshot; the schedule is the
            teacher's, from its noisiest time to x0 itself.
        index: Content of `model_index.json`.
        denoiser: The student.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if denoiser.prediction == "flow":
        index = {**index, "scheduler": ["diffusers", FLOW_SCHEDULER]}
    (folder / "model_index.json").write_text(json.dumps(index, indent=2), encoding="utf-8")
    changes = {
        "timestep_spacing": "trailing",
        "set_alpha_to_one": True,
        "clip_sample": False,
        "thresholding": False,
        # Has no effect with this spacing; diffusers warns about any other value.
        "steps_offset": 1,
    }
    with quiet():
        denoiser.network.save_pretrained(folder / "unet", safe_serialization=True)
        if denoiser.prediction == "flow":
            FlowMatchEulerDiscreteScheduler().save_pretrained(folder / "scheduler")
        else:
            # A student may have learned to predict something else than its teacher.
            changes["prediction_type"] = denoiser.prediction
            config = {**read_json(snapshot, scheduler), **changes}
            DDIMScheduler.from_config(config).save_pretrained(folder / "scheduler")


def _name_float32(config: Path) -> None:
    """Set the dtype in a text encoder's config to that of the student's saved UNet.

    Unless a dtype is requested, transformers uses the one in the config, or else that of the
    weights; diffusers loads the UNet in float32, which takes no other embeddings.
    """
    values = json.loads(config.read_text(encoding="utf-8"))
    # transformers wrote the second name before 4.56, and reads it if the first is missing.
    if (values.get("dtype") or values.get("torch_dtype")) != "float32":
        values.pop("torch_dtype", None)
        config.write_text(json.dumps({**values, "dtype": "float32"}, indent=2), encoding="utf-8")


def _copy(source: Path, target: Path) -> None:
    """Copy a file's content, because hub files are links."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
