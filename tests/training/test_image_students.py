"""Students that make images from images: trained, shown, exported, run by pairgen and diffusers."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import pairgen
from pairgen.kinds.image_model import check_image_model, load_image_model
from pairgen.kinds.image_pictures import student_pictures
from pairgen.kinds.image_student import (
    ImageModel,
    Noises,
    as_input,
    make_images,
)
from pairgen.model_config import find_model
from pairgen.teachers.base import Teacher
from pairgen.training.students.grid_file import MARGIN
from pairgen.training.students.image_to_image import load_shown

TOY = "tests.training.toy_restorer"
CPU = torch.device("cpu")
# Both starts that later methods have.
AT_IMAGE = {"start": "image", "concat": False}
AT_NOISE = {"start": "noise", "concat": True, "time": 999.0}
STARTS = {"image": AT_IMAGE, "noise": AT_NOISE}


@pytest.fixture(scope="session")
def photographs(tmp_path_factory) -> Path:
    """12 crops of packaged photographs, 16 px, with LR of 8 and 4 px. Do not change it."""
    folder = tmp_path_factory.mktemp("degraded") / "set"
    manifest = pairgen.degrade(
        out=str(folder),
        crop=16,
        scales=4,
        samples_per_image=4,
        samples_per_shard=4,
        executor="serial",
    )
    assert manifest.complete
    return folder


@pytest.fixture
def restore(train, photographs, sd15_folder):
    """Train a toy restorer; return its folder."""

    def run(out: str = "run", **options) -> Path:
        given = {"method": TOY, "model": str(sd15_folder), "steps": 3, "batch_size": 4, **options}
        return train(photographs, out, **given).folder

    return run


def loaded(run: Path) -> tuple[ImageModel, Teacher]:
    model = find_model(str(run))
    check_image_model(model)
    return load_image_model(model, torch.float32, CPU)


def shown_pictures(run: Path) -> np.ndarray:
    """Return what the finished student makes of the images in its grids."""
    shown = load_shown(run / "validation.npz")
    model, teacher = loaded(run)
    made = student_pictures(
        model, teacher, shown.given, shown.prompts, 0, shown.indices.tolist(), 16
    )
    return np.concatenate(list(made))


@pytest.mark.parametrize("start", STARTS)
def test_grids_show_given_student_and_target_and_the_export_makes_the_same(restore, start):
    run = restore(**STARTS[start], grid_every=2, num_grid_prompts=3)
    assert sorted(path.name for path in (run / "grids").iterdir()) == [
        "00000002.png",
        "00000003.png",
    ]
    grid = np.array(Image.open(run / "grids/00000003.png"))
    cell = 16 + 2 * MARGIN
    assert grid.shape == (3 * cell, 3 * cell, 3)
    cells = grid.reshape(3, cell, 3, cell, 3).transpose(0, 2, 1, 3, 4)
    given, made, target = cells[:, :, MARGIN:-MARGIN, MARGIN:-MARGIN].swapaxes(0, 1)
    shown = load_shown(run / "validation.npz")
    assert shown.given.shape == (3, 4, 4, 3) and shown.prompts == ("a cat",) * 3
    assert np.array_equal(target, shown.targets)
    larger = torch.nn.functional.interpolate(
        as_input(shown.given, CPU), scale_factor=4, mode="bicubic"
    ).clamp(-1, 1)
    assert (as_input(given, CPU) - larger).abs().max() <= 1 / 127.5
    # The exported student is that of the last grid, but for rounding.
    assert np.abs(shown_pictures(run).astype(int) - made).max() <= 1


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("posterior", ["mean", "sample"])
def test_the_code_on_the_card_makes_the_same_image(restore, monkeypatch, start, posterior):
    run = restore(**STARTS[start], posterior=posterior, train_encoder=True, lora_rank=2)
    (code,) = re.findall(r"^```python\n(.*?)^```$", (run / "README.md").read_text(), re.M | re.S)
    assert len([line for line in code.splitlines() if line]) <= 17
    shown = load_shown(run / "validation.npz")
    Image.fromarray(shown.given[0]).save(run / "given.png")
    monkeypatch.chdir(run)
    names: dict = {}
    exec(code, names)
    model, teacher = loaded(run)
    # In the order in which the code draws them.
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randn((1, 4, 8, 8), generator=generator) for _ in range(2)]
    noises = Noises(
        posterior=drawn.pop(0) if posterior == "sample" else None,
        start=drawn.pop(0) if start == "noise" else None,
    )
    expected = make_images(
        model, as_input(shown.given[:1], CPU), teacher.encode_prompts(["a cat"]), noises
    )
    torch.testing.assert_close(names["made"], expected, rtol=0, atol=1e-4)
