"""`pairgen eval` of students that make images from images: figures recomputed, what is refused."""

import json
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from diffusers import StableDiffusionPipeline
from PIL import Image

import pairgen
from pairgen.cli import main
from pairgen.config import packaged_assets
from pairgen.errors import ConfigError
from pairgen.evaluation.frechet import frechet_distance, statistics
from pairgen.evaluation.judge import load_judge
from pairgen.jobs.eval.evaluation import Asked
from pairgen.jobs.eval.from_images.seen import seen_notes
from pairgen.jobs.eval.judged import find_judged
from pairgen.jobs.eval.options import EvalConfig
from pairgen.jobs.eval.page import figure_table, ledger_table
from pairgen.jobs.train.run import run_train
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.format.store import open_store
from tests.training.conftest import OPTIONS, make_degraded, make_pairs

TOY = "tests.training.toy_restorer"
NUM = 140


@pytest.fixture(scope="module")
def folder(tmp_path_factory, sd15_folder) -> Path:
    """Training pairs, held-out pairs of other photographs, two students. Do not change them."""
    folder = tmp_path_factory.mktemp("eval")
    make_degraded(folder / "seen", ("bridge", "citrus"))
    held = {"samples_per_image": NUM // 2, "samples_per_shard": 50}
    make_degraded(folder / "held", ("honey-bee", "seeding"), **held)
    conditional = {"kind": "conditional", "source": "lr2.png", "scale": 2, "prompts": "txt"}
    for name, options in {
        "run": {"student.encoder.lora_rank": 2, "train_encoder": True},
        "conditional": {**conditional, "start": "noise", "concat": True, "posterior": "sample"},
    }.items():
        given = {**OPTIONS, "method": TOY, "model": str(sd15_folder), "data": str(folder / "seen")}
        run_train({**given, "out": str(folder / name), "steps": 4, "batch_size": 4, **options})
    return folder


@pytest.fixture
def call(folder, monkeypatch, capsys):
    """Run the command beside the runs; return its exit code, stdout and stderr."""
    monkeypatch.chdir(folder)

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["pairgen", "eval", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        output = capsys.readouterr()
        return stop.value.code or 0, output.out, output.err

    return run


def held_out(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return LR and HR of all held-out pairs, in their order."""
    loader = pairgen.Loader(folder / "held", fields=["lr4.png", "png"], batch_size=NUM)
    batch = next(iter(loader))
    order = batch.indices.argsort()
    return batch["lr4.png"][order].numpy(), batch["png"][order].numpy()


def psnr_by_hand(found: np.ndarray, target: np.ndarray) -> float:
    errors = ((found.astype(float) - target) ** 2).reshape(len(found), -1).mean(axis=1)
    return float(np.median(20 * np.log10(255) - 10 * np.log10(errors)))


def levels(images: torch.Tensor) -> np.ndarray:
    return np.round((images.permute(0, 2, 3, 1).numpy() + 1) * 127.5).astype(np.uint8)


def image(pictures: torch.Tensor) -> torch.Tensor:
    return pictures.permute(0, 3, 1, 2).float() / 127.5 - 1


def features(pictures: np.ndarray) -> np.ndarray:
    return load_judge().features(image(torch.from_numpy(pictures)))


def test_figures_are_those_computed_by_hand(call, folder):
    code, out, err = call("run", "--data=held", "--batch-size=50", "--cpu-threads=1")
    assert code == 0, err
    assert "140 of 140 pairs; student: restoration of lr4.png." in err
    assert "140 of 140 images (100.0 %)" in err
    found = json.loads((folder / "run/eval/eval.json").read_text())
    assert figure_table(found) in out and ledger_table(found) in out
    target, enlarged, student = found["rows"]
    assert [row["name"] for row in found["rows"]] == ["target", "given, enlarged", "student"]

    given, targets = held_out(folder)
    larger = F.interpolate(image(torch.from_numpy(given)), scale_factor=4, mode="bicubic")
    bicubic = levels(larger.clamp(-1, 1))
    assert (target["psnr_rgb_db"], target["equal_pictures"]) == (None, 1)
    assert enlarged["psnr_rgb_db"] == pytest.approx(psnr_by_hand(bicubic, targets))
    distances = np.linalg.norm(features(bicubic).astype(float) - features(targets), axis=1)
    assert enlarged["feature_distance"] == pytest.approx(np.median(distances), rel=1e-5)
    assert target["feature_distance"] == 0 and target["frechet_distance"] == pytest.approx(0)
    assert 0 < target["frechet_distance_halves"] < enlarged["frechet_distance_halves"]
    a, b = statistics(features(bicubic)), statistics(features(targets))
    expected = frechet_distance(a.mean, a.cov, b.mean, b.cov)
    assert enlarged["frechet_distance"] == pytest.approx(expected, rel=1e-5)

    # The student's, by the parts that diffusers loads.
    made = by_diffusers(folder / "run/student", larger.clamp(-1, 1), time=700)
    assert student["psnr_rgb_db"] == pytest.approx(psnr_by_hand(levels(made), targets), abs=0.01)
    distances = np.linalg.norm(features(levels(made)).astype(float) - features(targets), axis=1)
    assert student["feature_distance"] == pytest.approx(np.median(distances), rel=1e-3)
    assert student["evaluations_per_picture"] == 1 and student["seconds_per_picture"] > 0
    assert target["seconds_per_picture"] is None
    with Image.open(folder / "run/eval/grid.png") as grid:
        # Given, bicubic, student, target of eight samples.
        assert grid.size[0] == 10 + 4 * (128 + 10)
    page = (folder / "run/eval/index.html").read_text(encoding="utf-8")
    assert page.count("<img") == 4 * 8
    assert "restoration: lr4.png to png" in page

    assert found["missing"] == {}
    assert found["not_meaningful"].keys() == {
        "feature_distance",
        "frechet_distance",
        "frechet_distance_halves",
    }
    assert "does not know the words" in out and "made for 64 x 64 px, these are 16 x 16" in out
    # 4 steps of 4 samples, an image pair costs no evaluation.
    assert found["ledger"]["together"]["evaluations"] == 4 * 4 * 3
    assert "No break-even: no teacher makes these images" in out
    assert found["recipe"]["source"] == "lr4.png" and found["data"]["kind"] == "degrade"

    # The noises belong to the samples: other batches make the same images, but for rounding.
    again = pairgen.evaluate("run", data="held", batch_size=7, cpu_threads=1)
    for name in ("psnr_rgb_db", "feature_distance"):
        assert again.figures["rows"][2][name] == pytest.approx(student[name], rel=1e-3)


def by_diffusers(student: Path, larger: torch.Tensor, time: float) -> torch.Tensor:
    """Return the images of a student that starts at the image's latent, in one step."""
    pipe = StableDiffusionPipeline.from_pretrained(student, safety_checker=None)
    scale, alpha = pipe.vae.config.scaling_factor, pipe.scheduler.alphas_cumprod[int(time)] ** 0.5
    with torch.no_grad():
        text = pipe.encode_prompt("a cat", "cpu", 1, False)[0].expand(len(larger), -1, -1)
        x = scale * pipe.vae.encode(larger).latent_dist.mode()
        x0 = (x - (1 - alpha**2) ** 0.5 * pipe.unet(x, time, text).sample) / alpha
        return pipe.vae.decode(x0 / scale).sample.clamp(-1, 1)


def test_a_conditional_student_has_no_psnr_and_its_condition_is_shown(call, folder):
    code, out, err = call("conditional", "--data=held", "--num-samples=9", "--cpu-threads=1")
    assert code == 0, err
    found = json.loads((folder / "conditional/eval/eval.json").read_text())
    assert [row["name"] for row in found["rows"]] == ["target", "student"]
    assert all("psnr_rgb_db" not in row for row in found["rows"])
    assert "PSNR" not in figure_table(found)
    assert "No frechet_distance: Statistics in 64 dimensions take 65 images" in out
    with Image.open(folder / "conditional/eval/grid.png") as grid:
        # Condition, student, target.
        assert grid.size[0] == 10 + 3 * (128 + 10)
    page = (folder / "conditional/eval/index.html").read_text(encoding="utf-8")
    assert page.count("<figcaption>honey-bee</figcaption>") == 3 * 8
    same = pairgen.evaluate("conditional", data="held", num_samples=9, cpu_threads=1).figures
    assert [row["feature_distance"] for row in same["rows"]] == [
        row["feature_distance"] for row in found["rows"]
    ]


def test_training_images_are_refused_unless_they_are_meant(call, folder):
    make_degraded(folder / "reseeded", ("bridge", "citrus"), seed=1)
    make_degraded(folder / "mixed", ("citrus", "seeding"), seed=2)
    renamed = folder / "renamed.jpg"
    shutil.copyfile(packaged_assets() / "photographs/citrus.jpg", renamed)
    collected = folder / "collected"
    pairgen.degrade(images=str(renamed), out=str(collected), crop=16, scales=4, executor="serial")
    for data, words in (
        ("mixed", "/seen, which shares 1 source image with mixed: evaluate it on other images"),
        ("collected", "/seen, which shares 1 source image with collected: evaluate it"),
        ("seen", "run was trained on seen (fingerprint"),
        ("reseeded", "/seen, which has the source images of reseeded: evaluate it on other images"),
    ):
        code, _, err = call("run", f"--data={data}", "--out=new")
        assert code == 2 and words in err and not (folder / "new").exists(), err
    options = ["--out=meant", "--allow-training-data", "--num-samples=2"]
    code, _, err = call("run", "--data=reseeded", *options)
    assert code == 0 and "has the source images of reseeded" in err


def test_sets_that_are_gone_cannot_be_compared(folder, tmp_path):
    plan = read_plan(open_store(str(folder / "held")))
    run, held = str(folder / "run"), str(folder / "held")
    config = EvalConfig(run=run, data=held)
    judged = find_judged(run)
    assert seen_notes(Asked(config, frozenset(), judged), plan) == []
    assert judged.record is not None
    gone = tuple(replace(each, url=str(tmp_path / "gone")) for each in judged.record.sets)
    moved = replace(judged, record=replace(judged.record, sets=gone))
    (note,) = seen_notes(Asked(config, frozenset(), moved), plan)
    assert note.startswith(f"The images of {held} could not be compared with those of {tmp_path}")


def test_a_run_without_a_record_and_a_model_that_is_no_run_are_told(folder):
    plan = read_plan(open_store(str(folder / "held")))
    run = str(folder / "run")
    config = EvalConfig(run=run, data="held")
    judged = find_judged(run)
    with pytest.raises(ConfigError, match=r"no record\.json .* evaluate it on other images, or"):
        seen_notes(Asked(config, frozenset(), replace(judged, record=None)), plan)
    given = replace(judged, record=None, is_run=False)
    (note,) = seen_notes(Asked(config, frozenset(), given), plan)
    assert "nothing says what it has seen" in note and given.kind == "model given"


def test_what_does_not_fit_is_one_sentence_and_nothing_is_written(call, folder, sd15_folder):
    make_degraded(folder / "other", ("honey-bee",), levels=[2])
    make_pairs(sd15_folder, folder / "pairs", num_samples=8)
    text = {**OPTIONS, "steps": 1, "data": str(folder / "pairs"), "out": str(folder / "text")}
    run_train(text)
    before = sorted(folder.rglob("*"))
    for arguments, message in (
        (["run", "--data=other"], r"has no member 'lr4\.png'.*; it has json, lr2\.png, png, txt"),
        (["run", "--data=pairs"], r"has no member 'lr4\.png'"),
        (["text", "--data=held"], "data must be a dataset of kind 'ode', held is 'degrade'"),
        (
            ["run", "--data=held", "--teacher-steps=1,2"],
            r"teacher_steps must be left out: run makes images from images \(restoration of lr4",
        ),
        (["run", "--data=held", "--num-samples=141"], "at most the 140 samples"),
        (["run", "--data=held", "--where=image_row == 77"], "no sample that meets"),
        (["run", "--data=held", "--real-statistics=x"], "no statistics of real images 'x'"),
    ):
        code, out, err = call(*arguments, "--out=new")
        assert code == 2 and out == ""
        assert re.search(message, err) and err.count("\n") == 1, err
        assert sorted(folder.rglob("*")) == before


def test_sizes_that_do_not_fit_the_scale_are_refused(folder, tmp_path):
    """A set of levels 2 for a student that was trained to enlarge by 4."""
    run = tmp_path / "run"
    shutil.copytree(folder / "run", run)
    model = (run / "model.yaml").read_text().replace("source: lr4.png", "source: lr2.png")
    (run / "model.yaml").write_text(model)
    with pytest.raises(
        ConfigError, match=r"png of .*held must be 4 times as large as lr2.png, 32 x 32 px, got 16"
    ):
        pairgen.evaluate(run, data=str(folder / "held"))
    (run / "model.yaml").write_text(model.replace("source: lr2.png", "source: txt"))
    with pytest.raises(ConfigError, match=r"txt must be an image, one of png, jpg, webp"):
        pairgen.evaluate(run, data=str(folder / "held"))


def test_without_captions_the_evaluation_net_says_that_it_does_not_know(folder, tmp_path):
    photographs = packaged_assets() / "photographs/seeding.jpg"
    pairgen.degrade(
        images=str(photographs), out=str(tmp_path / "set"), crop=64, scales=4, executor="serial"
    )
    found = pairgen.evaluate(folder / "run", data=str(tmp_path / "set"), out=str(tmp_path / "out"))
    assert set(found.figures["not_meaningful"].values()) == {
        "the evaluation net was made for images of captions, these have none"
    }
