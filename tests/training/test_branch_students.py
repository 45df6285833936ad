"""Students with a condition branch: shown, exported, carded, run by all that runs a student."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from diffusers import ControlNetModel
from PIL import Image

import pairgen
from pairgen.kinds.image_model import load_image_model
from pairgen.kinds.image_pictures import student_pictures
from pairgen.model_config import find_model
from pairgen.training.runs.finished_run import load_run
from pairgen.training.students.grid_file import MARGIN
from pairgen.training.students.image_to_image import load_shown
from tests.annotated_sets import picture_plan, write_pictures
from tests.teachers.test_branch import CPU

TOY = "tests.training.toy_condition"
STUDENTS = {
    "larger": {"kind": "restoration", "source": "lr4.png", "scale": 4},
    "edges": {"source": "canny.png", "prompts": "txt", "fusion": "mixture"},
    "painter": {"source": "png", "mask": "mask.png", "train_unet": True, "ema_decay": 0.5},
    "mixed": {"source": "png", "mask": "mask.png", "train_unet": True, "fusion": "mixture"},
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """Four pictures of 32 px with edges and masks. Do not change it."""
    root = write_pictures(tmp_path_factory.mktemp("pictures") / "set", picture_plan(num_samples=4))
    pairgen.annotate(root, add=["canny", "mask"], executor="serial")
    return root


@pytest.mark.parametrize("name", STUDENTS)
def test_it_is_shown_and_exported_and_restores_or_samples(
    name, train, pictures, sd15_folder, tmp_path
):
    options = {**STUDENTS[name], "model": str(sd15_folder), "batch_size": 2, "steps": 2}
    run = train(pictures, method=TOY, grid_every=2, num_grid_prompts=3, **options).folder
    # The grid shows what the exported student makes; members of annotations are read.
    shown = load_shown(run / "validation.npz")
    model, teacher = load_image_model(find_model(str(run)), torch.float32, CPU)
    made = student_pictures(
        model, teacher, shown.given, shown.prompts, 0, shown.indices.tolist(), 16
    )
    grid = np.array(Image.open(run / "grids/00000002.png"))
    cell = 32 + 2 * MARGIN
    cells = grid.reshape(3, cell, 3, cell, 3).transpose(0, 2, 1, 3, 4)[:, 1]
    inside = cells[:, MARGIN:-MARGIN, MARGIN:-MARGIN].astype(int)
    assert np.abs(inside - np.concatenate(list(made))).max() <= 1
    # What lies where the model file says.
    file = yaml.safe_load((run / "model.yaml").read_text())
    trains_all = options.get("train_unet", False)
    assert file["location"] == ("student" if trains_all else str(sd15_folder))
    assert file["branch"] == ("student/branch" if trains_all else "student")
    mixes = options.get("fusion") == "mixture"
    assert (run / file["branch"] / "fusion.json").exists() == mixes
    assert ControlNetModel.from_pretrained(run / file["branch"]).config.in_channels == 4
    # The card tells no story of an encoder, and has no code that would not run.
    card = (run / "README.md").read_text()
    assert "shown to a condition branch beside the network" in card and "posterior" not in card
    assert "```python" not in card and ("diffusers does not" in card) == mixes
    command = "pairgen restore --model ." if name == "larger" else "pairgen sample --model ."
    assert command in card and ("--masks MASKS" in card) == bool(options.get("mask"))
    # As the frozen teacher of another run.
    for weights in ("average", "last"):
        denoiser, _ = load_run(str(run), weights, CPU)
        assert not any(each.requires_grad for each in denoiser.parameters())
    sampled = pairgen.sample(model=run, condition=pictures, limit=3, out=tmp_path / "x.png")
    assert np.abs(sampled.pictures.astype(int) - inside).max() <= 1
    if name == "larger":
        restored = pairgen.Restorer(run)(np.zeros((5, 7, 3), np.uint8))
        assert restored.shape == (20, 28, 3)
