"""A single file of the user's is a part of pairgen, by its path or its name."""

import os
import sys
from pathlib import Path

import pytest
import yaml

from tests import warm
from tests.runs import run_many

ROOT = Path(__file__).parents[2]
SCRIPT = Path(sys.executable).parent / "pairgen"
WAYS = {"pairgen": [str(SCRIPT)], "python -m pairgen": warm.AS_MODULE}
GAUSSIAN = yaml.safe_load((ROOT / "configs/models/gaussian.yaml").read_text())
ANNOTATOR = """
import numpy as np
from pairgen.annotators.base import Added, Annotator, picture_member

def build(*, setup):
    picture = picture_member(setup.members)
    spec = {"dtype": "float32", "shape": [1]}

    def annotate(samples):
        return [Added({"own.npy": np.float32([1])}, {}) for _ in samples]

    return Annotator(reads=(picture,), adds={"own.npy": spec}, open=lambda _: annotate)
"""
SMALL = ("--steps", "1", "--num-samples", "2", "--batch-size", "2")
TRUST = ["--trust-code"]
DEGRADE = ("degrade", "--scales", "2", "--crop", "64", "--executor", "serial")


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A working directory with a part of each family, and configs with their parts beside them."""
    desk = tmp_path / "desk"
    (desk / "mine").mkdir(parents=True)
    (desk / "my_method.py").write_text("from pairgen.methods.regression import *\n")
    (desk / "my_annotator.py").write_text(ANNOTATOR)
    for folder in (desk, desk / "mine"):
        (folder / "my_blur.py").write_text("from pairgen.degradations.isotropic_blur import *\n")
        (folder / "my_teacher.py").write_text("from pairgen.teachers.gaussian import *\n")
    (desk / "my_blur.py").rename(desk / "blur_here.py")
    (desk / "my_teacher.py").rename(desk / "teacher_here.py")
    for name, blur, teacher in (
        ("mine/path", "./my_blur.py", "./my_teacher.py"),
        ("mine/name", "my_blur", "my_teacher"),
        ("mine/far", "./blur_here.py", "./teacher_here.py"),
        ("here", "blur_here", "teacher_here"),
    ):
        model = {**GAUSSIAN, "teacher": teacher}
        (desk / f"{name}-model.yaml").write_text(yaml.safe_dump(model))
        preset = {"levels": [blur, {"resize_to_target": {}}]}
        (desk / f"{name}-preset.yaml").write_text(yaml.safe_dump(preset))
    return desk


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.timeout(400)
def test_a_single_file_is_a_part_however_pairgen_is_started(desk: Path, way: str) -> None:
    def run(*line: str) -> None:
        first = SCRIPT.parent if way == "pairgen" else None
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        places = {} if first is None else {"first": first}
        done = warm.run([*WAYS[way], *line], cwd=desk, env=environment, **places)
        assert done.returncode == 0, done.stderr

    for name in ("mine/path", "mine/name", "mine/far", "here"):
        out = name.replace("/", "-")
        run("ode", "--model", f"{name}-model.yaml", "--cfg", "1", *SMALL, "--out", f"{out}-pairs")
        run(*DEGRADE, "--degradation", f"{name}-preset.yaml", "--out", f"{out}-degraded")
    for name in ("./my_annotator.py", "my_annotator"):
        run("annotate", "here-degraded", "--add", name, "--out", f"{name[-3:]}-overlay")
    run("ode", "--model", "tiny", "--cfg", "1", *SMALL, "--out", "pairs")
    for name in ("./my_method.py", "my_method"):
        train = ("--batch-size", "2", "--steps", "1", "--set", "num_grid_prompts=1")
        run("train", name, "--data", "pairs", *train, "--out", f"{name[-3:]}-run")
    # A plan holds the name, wherever the file lay.
    recipes = [
        yaml.safe_load((desk / f"mine-{name}-degraded/__meta__/plan.yaml").read_text())["recipe"]
        for name in ("path", "name")
    ]
    assert recipes[0]["operations"] == recipes[1]["operations"]
    assert recipes[0]["operations"]["levels"][0] == "my_blur"


def test_what_is_not_found_and_what_cannot_be_imported_are_two_sentences(desk: Path) -> None:
    (desk / "broken.py").write_text("import a_package_nobody_has\n")
    (desk / "canny.py").touch()
    said, codes = run_many(
        desk,
        [*DEGRADE, "--out", "set"],
        ["annotate", "set", "--add", "./broken.py"],
        ["annotate", "set", "--add", "broken"],
        ["annotate", "set", "--add", "absent"],
        ["annotate", "set", "--add", "./absent.py"],
        ["annotate", "set", "--add", "./canny.py"],
        ["train", "absent", "--data", "set", "--model", "tiny"],
    )
    assert codes == [0, 2, 2, 2, 2, 2, 2], said
    assert (
        said.count(
            f"The module 'broken' ({desk}/broken.py) was found, but importing it failed in its "
            "line 1 because ModuleNotFoundError: No module named 'a_package_nobody_has'."
        )
        == 2
    )
    assert "There is no annotator 'absent'" in said
    assert f"There is no file {desk}/absent.py." in said
    assert "./canny.py has the name of pairgen's own annotator: rename the file." in said
    assert "There is no method 'absent'" in said
    assert "Traceback" not in said


def test_data_names_no_single_file(desk: Path) -> None:
    said, codes = run_many(
        desk,
        [*DEGRADE, "--samples-per-shard", "2", "--degradation", "here-preset.yaml", "--out", "set"],
    )
    assert codes == [0], said
    (desk / "set/__meta__/shards/00001.json").unlink()
    said, codes = run_many(
        desk, ["repair", "set"], ["degrade", "--out", "set"], ["repair", "set", "--trust-code"]
    )
    assert codes == [2, 2, 0], said
    assert said.count("The module 'blur_here' is outside pairgen") == 2


def test_elsewhere_the_module_that_is_missing_is_named_with_its_file(desk: Path) -> None:
    preset = ("--degradation", "here-preset.yaml")
    said, codes = run_many(desk, [*DEGRADE, *preset, "--out", "set"])
    assert codes == [0], said
    elsewhere = desk.parent / "elsewhere"
    elsewhere.mkdir()
    lines = [["replay", str(desk / "set"), "0"], ["repair", str(desk / "set")]]
    said, codes = run_many(elsewhere, *(line + more for line in lines for more in ([], TRUST)))
    assert codes == [2] * 4, said
    found = f"{desk}/set was made with your own module 'blur_here' (SHA-256 "
    assert said.count(found) == 4
    assert said.count("run the command in the folder that holds blur_here.py, or add") == 4
    # Without the file, nothing says that it was refused for a lack of trust.
    assert "There is no degradation" not in said and "--trust-code" not in said
    said, codes = run_many(desk, ["replay", "set", "0", *TRUST])
    assert codes == [0], said
