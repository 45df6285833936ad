"""`pairgen eval` from end to end: a student of a few steps beside its teacher."""

import json
import re
import sys
from pathlib import Path

import pytest
from PIL import Image

import pairgen
from pairgen.cli import main
from pairgen.errors import ConfigError
from pairgen.jobs.eval.cost import ledger_table
from pairgen.jobs.train.run import run_train
from pairgen.judging.table import figure_table
from tests.pages.offline import check_offline

PAIRS = {
    "model": "tiny",
    "cfg": 4,
    "steps": 3,
    "num_samples": 16,
    "samples_per_shard": 8,
    "batch_size": 8,
    "executor": "serial",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Training pairs, held-out pairs of two noises a prompt, a run. Do not change them."""
    folder = tmp_path_factory.mktemp("eval")
    prompts = folder / "prompts.txt"
    prompts.write_text("a 3d red apple on a white background\na 3d tiger on a green background\n")
    pairgen.ode(**PAIRS, out=str(folder / "pairs"))
    held_out = {**PAIRS, "num_samples": 8, "prompts": str(prompts), "seed": 1}
    pairgen.ode(**held_out, out=str(folder / "held"))
    run_train(
        {
            "method": "regression",
            "data": str(folder / "pairs"),
            "out": str(folder / "run"),
            "steps": 2,
            "batch_size": 4,
            "num_grid_prompts": 1,
            "tensorboard": False,
        }
    )
    return folder


@pytest.fixture
def call(folder, monkeypatch, capsys):
    """Run the command beside the run; return its exit code, stdout and stderr."""
    monkeypatch.chdir(folder)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["pairgen", "eval", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        output = capsys.readouterr()
        return stop.value.code or 0, output.out, output.err

    return run


def without_seconds(found: dict) -> dict:
    rows = [{**row, "seconds_per_picture": None} for row in found["rows"]]
    ledger = {**found["ledger"], "break_even": None}
    return {**found, "rows": rows, "ledger": ledger, "seconds_per_decode": None}


def test_table_json_page_and_grid_tell_the_same(call, folder):
    code, out, err = call("run", "--data=held", "--teacher-steps=1,3")
    assert code == 0, err
    assert "8 of 8 pairs; student: 1 step; teacher: 1, 3 steps." in err
    assert "72 of 72 evaluations (100.0 %)" in err
    found = json.loads((folder / "run/eval/eval.json").read_text())
    assert figure_table(found) in out and ledger_table(found) in out

    names = [row["name"] for row in found["rows"]]
    assert names == ["end points", "student", "teacher, 1 step", "teacher, 3 steps"]
    assert [row["evaluations_per_picture"] for row in found["rows"]] == [6, 1, 2, 6]
    end, student, quick, again = found["rows"]
    assert (end["latent_relative_rms"], end["psnr_db"], end["equal_pictures"]) == (0, None, 1)
    # The teacher at the steps of the set makes the set again, but for the stored float16.
    assert again["latent_relative_rms"] < 1e-3 < student["latent_relative_rms"]
    assert again["psnr_db"] > 50 > quick["psnr_db"]
    assert all(row["diversity_within"] > 0 for row in found["rows"])
    assert all(0 <= row["caption_agreement"] <= 1 for row in found["rows"])
    # Eight pictures are too few, and that is said.
    assert set(found["missing"]) == {"frechet_distance", "frechet_distance_halves"}
    assert found["not_meaningful"] == {}
    assert "No Frechet: needs at least 65 pairs, has 8." in out

    page = (folder / "run/eval/index.html").read_text(encoding="utf-8")
    assert "<title>run</title>" in page and "run, trained by regression" in page
    assert "to the last timestep (end t0)" in page
    # All pairs are shown, so their worst and best are not shown again; each figure is named.
    assert "Worst pairs" not in page and page.count('<span class="note">latent error ') == 3 * 8
    assert "Cost of data and training" in page and "<pre" not in page

    # 16 samples of 3 guided steps; 2 steps of 4 samples.
    assert found["ledger"]["data"]["evaluations"] == 16 * 6
    assert found["ledger"]["training"]["evaluations"] == 2 * 4 * 3
    assert found["ledger"]["break_even"]["evaluations"]["pictures"] == 24
    assert "Paid for after 24 images in evaluations" in out

    assert page.count('<img src="data:') == 4 * 8 and "Errors of single pairs" in page
    check_offline(page)
    with Image.open(folder / "run/eval/grid.png") as grid:
        assert grid.size[0] == 10 + 4 * (128 + 10)
    left = sorted(path.name for path in (folder / "run/eval").iterdir())
    assert left == ["eval.json", "grid.png", "index.html"]

    # Again, over what stands: the same, but for the clock.
    same = pairgen.evaluate("run", data="held", teacher_steps=[1, 3])
    assert without_seconds(same.figures) == without_seconds(found)
    assert same.folder == folder / "run/eval"


def test_a_model_can_be_judged_in_other_steps_than_its_own(call, folder):
    pairgen.train(
        "reflow",
        data=str(folder / "pairs"),
        out=str(folder / "few"),
        steps=1,
        batch_size=2,
        num_grid_prompts=1,
        tensorboard=False,
    )
    options = ["--data=held", "--teacher-steps=2", "--out=two", "--steps=2"]
    code, _, err = call("few", *options)
    assert code == 0, err
    assert "student: 2 steps; teacher: 2 steps." in err
    student, teacher = json.loads((folder / "two/eval.json").read_text())["rows"][1:]
    assert (student["steps"], student["evaluations_per_picture"]) == (2, 2)
    # A teacher takes as many as the pairs, or as many as are asked for.
    code, _, err = call("tiny", *options)
    assert code == 0, err
    given, again = json.loads((folder / "two/eval.json").read_text())["rows"][1:]
    same = {"name": "", "seconds_per_picture": 0}
    assert {**given, **same} == {**again, **same} == {**teacher, **same}
    # One that has learned a single time takes that.
    code, _, err = call("run", *options)
    assert code == 2 and "run takes 1 at times that it was trained for, got 2" in err


def test_training_data_is_refused_unless_it_is_meant(call, folder):
    code, _, err = call("run", "--data=pairs", "--out=seen")
    assert code == 2 and "run was trained on pairs" in err and not (folder / "seen").exists()
    options = ["--num-samples=1", "--teacher-steps=", "--allow-training-data"]
    code, out, err = call("run", "--data=pairs", "--out=seen", *options)
    assert code == 0, err
    assert "run was trained on pairs" in err
    assert "No agreement: Caption agreement takes two prompts or more" in out
    assert "No break-even in seconds: the teacher was not timed here." in out


def test_a_teacher_can_be_judged_and_foreign_pictures_are_marked(call, folder):
    options = {"model": "gaussian", "cfg": "1,8", "steps": 2, "executor": "serial"}
    pairgen.ode(**options, num_samples=140, out="gaussians")
    code, out, err = call("gaussian", "--data=gaussians", "--out=teacher", "--teacher-steps=1")
    assert code == 0, err
    assert "gaussian is not a run of pairgen train: evaluating it as a teacher." in err
    assert "made for 64 x 64 px, these are 16 x 16." in out
    found = json.loads((folder / "teacher/eval.json").read_text())
    assert found["ledger"] is None and found["model"]["kind"] == "teacher given"
    given = found["rows"][1]
    assert given["evaluations_per_picture"] == 4 and given["latent_relative_rms"] < 1e-3
    assert f"({given['frechet_distance']:.3f})" in out
    halves = [row["frechet_distance_halves"] for row in found["rows"]]
    assert halves[0] > 0 and halves[1] == pytest.approx(halves[0], rel=0.05)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "data must be given"),
        (["nothing", "--data=held"], "no model 'nothing'"),
        (["run", "--data=prompts.txt"], "not a dataset folder"),
        (["tiny", "--data=held"], "out must be given"),
        (["run", "--data=held", "--out=held"], "holds other files"),
        (["run", "--data=held", "--out=mine"], "mine holds other files"),
        (["run", "--data=held", "--out=s3://bucket/eval"], "must be a local folder"),
        (["run", "--data=held", "--num-samples=0"], "--num-samples must be an integer >= 1, got 0"),
        (["run", "--data=held", "--num-samples=9"], "at most the 8 samples"),
        (["run", "--data=held", "--teacher-steps=2,two"], "--teacher-steps must be"),
        (["run", "--data=held", "--teacher-steps=2,2"], "holds a value twice: 2, 2"),
        (["run", "--data=held", "--teacher-steps=1001"], "steps must be an integer in 1..1,000"),
        (["run", "--data=held", "--where=prompt == 'none'"], "no sample that meets"),
        (["run", "--data=held", "--real-statistics=x"], "no statistics of real images 'x'"),
        (["run", "--data=held", "--set", "stepz=2"], "Unknown key 'stepz'"),
        (["gaussian", "--data=held", "--out=new"], r"latents of \[1, 16, 16\]"),
        (["unfinished", "--data=held"], "a training run without a student yet: finish it"),
    ],
)
def test_wrong_input_is_one_sentence_and_nothing_is_written(call, folder, arguments, message):
    (folder / "mine").mkdir(exist_ok=True)
    (folder / "mine/eval.json").write_text("[1, 2]")
    (folder / "unfinished").mkdir(exist_ok=True)
    (folder / "unfinished/config.yaml").write_text("method: regression\n")
    before = sorted(folder.rglob("*"))
    code, out, err = call(*arguments)
    assert code == 2 and out == ""
    assert re.search(message, err) and err.count("\n") == 1, err
    assert sorted(folder.rglob("*")) == before


def test_pairs_of_guidance_that_was_not_learned_are_refused(call, folder):
    scales = {**PAIRS, "cfg": "4,8", "steps": 1, "num_samples": 4, "samples_per_shard": 4}
    pairgen.ode(**scales, seed=2, out="scales")
    code, _, err = call("run", "--data=scales", "--out=other")
    assert code == 2 and not (folder / "other").exists()
    assert "scales have guidance scale 4, 8, but run has 4 in its weights" in err
    assert '--where "guidance_scale == 4".' in err
    options = ["--where=guidance_scale == 4", "--num-samples=1", "--teacher-steps="]
    code, _, err = call("run", "--data=scales", "--out=other", *options)
    assert code == 0, err


def test_a_student_that_is_told_the_guidance_gets_that_of_each_pair(sd15_folder, tmp_path):
    options = {
        "model": str(sd15_folder),
        "cfg": "2,6",
        "steps": 2,
        "num_samples": 4,
        "batch_size": 4,
        "dtype": "float32",
        "executor": "serial",
    }
    pairgen.ode(**options, out=str(tmp_path / "pairs"))
    pairgen.ode(**options, seed=1, out=str(tmp_path / "held"))
    run_train(
        {
            "method": "regression",
            "data": str(tmp_path / "pairs"),
            "out": str(tmp_path / "run"),
            "steps": 1,
            "batch_size": 4,
            "guidance_embedding": True,
            "num_grid_prompts": 1,
            "tensorboard": False,
        }
    )
    found = pairgen.evaluate(tmp_path / "run", data=str(tmp_path / "held"), teacher_steps=[1])
    _, student, teacher = found.figures["rows"]
    assert (student["evaluations_per_picture"], teacher["evaluations_per_picture"]) == (1, 2)
    assert "has the same prompts as" in found.figures["notes"][0]
    assert found.figures["not_meaningful"]
    pairgen.ode(**{**options, "cfg": "2,9"}, seed=1, out=str(tmp_path / "beyond"))
    with pytest.raises(ConfigError, match=r'was trained on \[2, 6\].*"guidance_scale == 2"'):
        pairgen.evaluate(tmp_path / "run", data=str(tmp_path / "beyond"))
