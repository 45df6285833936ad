"""Measure what the tiny ViT knows, and write its folder."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from batches import SIZE
from tokenizer import write_json
from torch import Tensor
from transformers import Dinov2Model

from vit.degrade import KINDS, Levels
from vit.lessons import Lesson, make_lesson
from vit.network import WEIGHTS, Answer, Pupil

SEEN_SEED, HELD_OUT_SEED = 8203, 8204
NUM_SEEN, NUM_HELD_OUT = 1_024, 2_048
BLOCK = 64
FIGURES = "training.json"

Reconstruct = Callable[[Levels, np.random.Generator], Levels]


@torch.no_grad()
def measure(pupil: Pupil, reconstruct: Reconstruct, *, held_out: bool) -> dict[str, Any]:
    """Measure the answers about fresh pictures of seen or held-out compositions."""
    num = NUM_HELD_OUT if held_out else NUM_SEEN
    intact, degraded = (
        [
            (pupil(lesson.pictures), lesson)
            for lesson in fresh_lessons(num, reconstruct, held_out=held_out, intact=intact)
        ]
        for intact in (True, False)
    )
    return {
        "pictures": num,
        "intact": pictures_right(intact),
        "degraded": pictures_right(degraded),
        "patches": patches_right(degraded),
    }


def fresh_lessons(
    num: int, reconstruct: Reconstruct, *, held_out: bool, intact: bool
) -> Iterator[Lesson]:
    """Paint lessons that no training has seen, of `num` pictures in all."""
    seed = HELD_OUT_SEED if held_out else SEEN_SEED
    for block in range(num // BLOCK):
        generator = np.random.Generator(np.random.Philox(key=[seed, 2 * block + intact]))
        yield make_lesson(BLOCK, generator, reconstruct, held_out=held_out, intact=intact)


def pictures_right(answered: list[tuple[Answer, Lesson]]) -> dict[str, float]:
    """Return how often each word is right, and the mean absolute error of the coverage."""
    right = {
        name: [getattr(said, name).argmax(1) == getattr(true, name) for said, true in answered]
        for name in WEIGHTS
    }
    errors = [(said.coverage.sigmoid() - true.coverage).abs() for said, true in answered]
    return {name: share(values) for name, values in right.items()} | {
        "coverage_error": share(errors)
    }


def patches_right(answered: list[tuple[Answer, Lesson]]) -> dict[str, Any]:
    """Return how often it is said what was done to a patch.

    `recall` is of each kind, `balanced` their mean, `degraded` of all degraded patches alike,
    `all` of all patches; `uncertain` is the share that counts nowhere, see `patch_kinds`.
    """
    said = torch.cat([said.kinds.argmax(1).flatten() for said, _ in answered])
    true = torch.cat([true.kinds.flatten() for _, true in answered])
    right = said == true
    recall = {name: share([right[true == kind]]) for kind, name in enumerate(KINDS)}
    return {
        "recall": recall,
        "balanced": round(float(np.mean(list(recall.values()))), 4),
        "degraded": share([right[true > 0]]),
        "all": share([right[true >= 0]]),
        "uncertain": share([true < 0]),
    }


def share(values: list[Tensor]) -> float:
    """Return the mean of all values, of 4 digits."""
    return round(float(torch.cat(values).float().mean()), 4)


def write_vit(folder: Path, vit: Dinov2Model) -> None:
    """Write a folder as transformers has them: float16 weights that are loaded in float32."""
    vit.half().save_pretrained(folder)
    config = folder / "config.json"
    # transformers loads in the dtype that the config names.
    write_json(config, {**json.loads(config.read_text()), "dtype": "float32"})
    preparation = {
        "image_processor_type": "BitImageProcessor",
        "do_convert_rgb": True,
        "do_resize": True,
        "size": {"shortest_edge": SIZE},
        "resample": 3,
        "do_center_crop": True,
        "crop_size": {"height": SIZE, "width": SIZE},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
    write_json(folder / "preprocessor_config.json", preparation)
    for path in folder.glob("*.safetensors"):
        # Weights are written readable by their owner alone.
        path.chmod(0o644)


def publish(
    out: Path, pupil: Pupil, reconstruct: Reconstruct, trained: Mapping[str, Any]
) -> dict[str, Any]:
    """Write the folder beside `out`, measure what was written, then put it in its place."""
    unfinished = out.with_name(out.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    write_vit(unfinished, pupil.vit)
    # Measured as it will be used: with the rounded weights.
    pupil.vit = Dinov2Model.from_pretrained(unfinished).eval()
    figures = {**trained, "held_out": measure(pupil, reconstruct, held_out=True)}
    write_json(unfinished / FIGURES, figures)
    shutil.rmtree(out, ignore_errors=True)
    unfinished.rename(out)
    return figures
