"""A trained UNet in diffusers layout, beside copies of what it shares with its teacher."""

import json
import shutil
from pathlib import Path

from diffusers import DDIMScheduler

from pairgen.teachers._pretrained.files import fetch_weights, quiet, read_json
from pairgen.teachers._pretrained.stable_diffusion import VAE_WEIGHTS, Layout
from pairgen.teachers._pretrained.unet import Denoiser

# Files of a teacher's folders that are not weights.
SMALL_FILES = ("*.json", "*.txt")


def export_pipeline(layout: Layout, variant: str, denoiser: Denoiser, folder: Path) -> None:
    """Write a pipeline folder whose scheduler goes from noise to the student's x0 in one step.

    Raises:
        TeacherLoadError: A part of the teacher is missing.
    """
    source = layout.snapshot.folder
    folder.mkdir(parents=True)
    towers = [f"text_encoder{ending}/model" for ending in layout.text_encoders]
    for files in fetch_weights(layout.snapshot, [VAE_WEIGHTS, *towers], variant).values():
        for file in files:
            _copy(file, folder / file.relative_to(source))
    parts = [name for ending in layout.text_encoders for name in _tower_folders(ending)]
    for part in (*parts, "vae"):
        for pattern in SMALL_FILES:
            for file in sorted((source / part).glob(pattern)):
                _copy(file, folder / part / file.name)
    index = read_json(layout.snapshot, "model_index.json")
    index["scheduler"] = ["diffusers", "DDIMScheduler"]
    index["unet"] = ["diffusers", "UNet2DConditionModel"]
    (folder / "model_index.json").write_text(json.dumps(index, indent=2), encoding="utf-8")
    with quiet():
        denoiser.network.save_pretrained(folder / "unet", safe_serialization=True)
        _one_step_scheduler(layout).save_pretrained(folder / "scheduler")


def _one_step_scheduler(layout: Layout) -> DDIMScheduler:
    """Return the teacher's schedule, begun at its noisiest time and ended at x0 itself."""
    config = read_json(layout.snapshot, "scheduler/scheduler_config.json")
    changes = {
        "timestep_spacing": "trailing",
        "set_alpha_to_one": True,
        "clip_sample": False,
        "thresholding": False,
        "steps_offset": 0,
    }
    scheduler: DDIMScheduler = DDIMScheduler.from_config({**config, **changes})
    return scheduler


def _tower_folders(ending: str) -> tuple[str, str]:
    return f"text_encoder{ending}", f"tokenizer{ending}"


def _copy(source: Path, target: Path) -> None:
    """Copy contents: hub files are links."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
