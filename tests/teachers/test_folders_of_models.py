"""A table of folders: each loads as in diffusers, or is refused and nothing is written."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline, StableDiffusionXLPipeline

import pairgen
from pairgen.config import packaged_assets
from pairgen.errors import NotAFileError, TeacherLoadError
from pairgen.teachers._pretrained.quiet import quiet
from tests.teachers.model_folders import LOADS, REFUSED, Folder
from tests.teachers.test_latent_diffusion import build, run_diffusers, run_ours

pytestmark = pytest.mark.usefixtures("one_thread")
# 10 of 1000 times: diffusers' DDIM keeps to its own grid where their number divides that.
STEPS = 4
TINY = packaged_assets() / "tiny"
FILES = sorted(path.relative_to(TINY).as_posix() for path in TINY.rglob("*") if path.is_file())


def make(folder: Folder, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    (tmp_path / "other").symlink_to(request.getfixturevalue("sd21_folder"))
    made = Path(shutil.copytree(request.getfixturevalue(folder.base), tmp_path / "model"))
    folder.change(made)
    return made


def theirs(folder: Folder, place: Path) -> tuple[Any, torch.Tensor]:
    """Return diffusers' pipeline and its latents."""
    of_sdxl = folder.base == "sdxl_folder"
    cls = StableDiffusionXLPipeline if of_sdxl else StableDiffusionPipeline
    extra: dict[str, Any] = {} if of_sdxl else {"safety_checker": None}
    with quiet():
        pipeline = cls.from_pretrained(place, torch_dtype=torch.float32, **extra, **folder.theirs)
    pipeline.set_progress_bar_config(disable=True)
    scheduler = DDIMScheduler.from_config(
        pipeline.scheduler.config,
        timestep_spacing=folder.spacing,
        set_alpha_to_one=True,
        clip_sample=False,
    )
    return pipeline, run_diffusers(pipeline, scheduler, STEPS)


@pytest.mark.parametrize("name", list(LOADS))
def test_a_folder_that_loads_computes_what_diffusers_does(name, request, tmp_path):
    folder = LOADS[name]
    place = make(folder, request, tmp_path)
    out, options = tmp_path / "out", dict(folder.options)
    teacher = build(place, **options)
    ours = run_ours(teacher, "ddim", folder.spacing, STEPS, "clean")
    pipeline, expected = theirs(folder, place)
    assert torch.equal(ours, expected)
    pictures = pipeline.vae.decode(ours / pipeline.vae.config.scaling_factor).sample
    assert torch.equal(teacher.decode(ours), pictures.clamp(-1, 1))
    assert not out.exists()


@pytest.mark.parametrize("name", list(REFUSED))
def test_a_folder_that_does_not_is_refused_by_file_and_key(name, request, tmp_path):
    folder, out = REFUSED[name], tmp_path / "out"
    place = make(folder, request, tmp_path)
    with pytest.raises(TeacherLoadError) as caught:
        pairgen.ode(model=str(place), out=str(out), executor="serial", steps=2, num_samples=1)
    for part in folder.refused:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not out.exists()


def test_what_is_left_out_is_told(sd15_folder, request, tmp_path, caplog):
    place = make(LOADS["a tensor too many"], request, tmp_path)
    build(place)
    (line,) = [line for line in caplog.messages if str(place) in line]
    assert "1 tensor is not of the network in its config.json, and are left out" in line
    assert "time_embedding.cond_proj.weight" in line


def test_the_table_is_as_long_as_promised():
    assert len(LOADS) >= 15
    assert len(LOADS) + len(REFUSED) >= 40


@pytest.mark.parametrize("name", FILES)
def test_a_fifo_is_refused_not_waited_for(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(TINY, folder)
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(NotAFileError, match=f"{name} is a FIFO, not a file"):
        pairgen.ode(model=str(folder), cfg=4, num_samples=2, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
