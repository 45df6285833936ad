"""`pairgen push` of a training run: its student arrives as a model, and nothing else does."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pairgen
from pairgen.errors import ConfigError
from pairgen.jobs.push.card import split_card
from pairgen.model_config import find_model
from tests.jobs.push.hub_server import Hub


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student of `tiny` after two steps. Do not change it."""
    folder = tmp_path_factory.mktemp("pushed run")
    pairs, out = folder / "my pairs", folder / "student"
    pairgen.ode(
        model="tiny",
        cfg=2,
        steps=2,
        num_samples=4,
        out=str(pairs),
        executor="serial",
        cpu_threads=1,
    )
    pairgen.train(
        "regression",
        data=str(pairs),
        out=str(out),
        steps=2,
        batch_size=2,
        grid_every=1,
        num_grid_prompts=2,
        checkpoint_every=1,
        cpu_threads=1,
        tracker="none",
    )
    return out


def test_a_pushed_student_is_a_model(hub: Hub, run: Path, tmp_path: Path) -> None:
    pushed = pairgen.push(run, "hf://me/student", license="apache-2.0")
    repo = hub.repos["model", "me/student"]
    names = set(repo.files) - {".gitattributes"}
    assert names == set(pushed.files) and repo.private
    assert {"README.md", "model.yaml", "files.json", "preview.png"} <= names
    others = [name for name in names if "/" in name]
    assert others and all(name.startswith("student/") for name in others)
    copy = tmp_path / "copy"
    for name, content in repo.files.items():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes(content)
    # Compares the files with their hashes.
    assert find_model(str(copy)).location == str(copy / "student")
    grids = [tmp_path / "here.png", tmp_path / "there.png"]
    for model, grid in zip((run, copy), grids, strict=True):
        pairgen.sample(model=str(model), prompts="a cat", seed=3, cpu_threads=1, out=str(grid))
    pictures = [np.asarray(Image.open(grid)) for grid in grids]
    assert np.array_equal(*pictures)
    assert pairgen.push(run, "hf://me/student", license="apache-2.0").files == {}


def test_the_card_of_a_student_tells_no_path_of_the_machine(hub: Hub, run: Path) -> None:
    pairgen.push(run, "hf://me/student")
    repo = hub.repos["model", "me/student"]
    text = repo.files["README.md"].decode()
    front, body = split_card(text)
    assert str(run.parent) in (run / "README.md").read_text()
    assert str(run.parent.parent) not in text and "pushed run" not in text
    assert "| my pairs | 4 |" in body
    # `tiny` lies in the package, and is no model of the hub.
    assert "base_model" not in front and front["library_name"] == "diffusers"
    assert "The model tiny, from which the weights come, has the license apache-2.0" in body
    assert "below: the student's after 2 steps](preview.png)" in body
    assert repo.files["preview.png"] == (run / "grids/00000002.png").read_bytes()
    for name in repo.files:
        if name.endswith((".yaml", ".json")):
            assert str(run.parent) not in repo.files[name].decode()


def test_a_damaged_student_and_one_that_needs_this_machine_are_refused(
    hub: Hub, run: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(run, broken)
    with (broken / "student/unet/config.json").open("a") as file:
        file.write(" ")
    with pytest.raises(ConfigError, match=r"unet/config\.json is not the file of files\.json"):
        pairgen.push(broken, "hf://me/student")
    (broken / "files.json").unlink()
    model = broken / "model.yaml"
    model.write_text(model.read_text().replace("location: student", "location: /mnt/models/mine"))
    with pytest.raises(ConfigError, match="names /mnt/models/mine, which only this machine has"):
        pairgen.push(broken, "hf://me/student")
    with pytest.raises(ConfigError, match="is a training run: push it to hf://me/student"):
        pairgen.push(run, "hf://datasets/me/student")
    assert hub.repos == {}
