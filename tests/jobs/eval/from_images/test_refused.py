"""What `pairgen eval` refuses of students from images, in one sentence and before it writes."""

import re
import shutil
from dataclasses import replace

import pytest

import pairgen
from pairgen.config import packaged_assets
from pairgen.errors import ConfigError
from pairgen.jobs.train.run import run_train
from pairgen.judging.from_images.seen import seen_notes
from pairgen.judging.judged import find_judged
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from tests.training.conftest import OPTIONS, make_degraded, make_pairs


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
    judged = find_judged(run)
    assert seen_notes(judged, plan, held, False) == []
    assert judged.record is not None
    gone = tuple(replace(each, url=str(tmp_path / "gone")) for each in judged.record.sets)
    moved = replace(judged, record=replace(judged.record, sets=gone))
    (note,) = seen_notes(moved, plan, held, False)
    assert note.startswith(f"The images of {held} could not be compared with those of {tmp_path}")


def test_a_run_without_a_record_and_a_model_that_is_no_run_are_told(folder):
    plan = read_plan(open_store(str(folder / "held")))
    run = str(folder / "run")
    judged = find_judged(run)
    with pytest.raises(ConfigError, match=r"no record\.json .* evaluate it on other images, or"):
        seen_notes(replace(judged, record=None), plan, "held", False)
    given = replace(judged, record=None, is_run=False)
    (note,) = seen_notes(given, plan, "held", False)
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
            r"--teacher-steps must be left out: run makes images from images \(restoration of lr4",
        ),
        (
            ["text", "--data=pairs", "--protocol=rgb"],
            "protocol must be left out: text makes images",
        ),
        (["text", "--data=pairs", "--beside=a=b"], "beside must be left out: text makes images"),
        (
            ["conditional", "--data=held", "--protocol=rgb"],
            r"protocol must be left out: the targets of conditional \(conditional of lr2",
        ),
        (["run", "--data=held", "--protocol=y"], "protocol must be one of|protocol.*real-isr"),
        (["run", "--data=held", "--iqa=lpips"], r"iqa needs pyiqa: pip install 'pairgen\[iqa\]'"),
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
    # Whoever edits a run says so.
    (run / "files.json").unlink()
    model = (run / "model.yaml").read_text().replace("source: lr4.png", "source: lr2.png")
    (run / "model.yaml").write_text(model)
    with pytest.raises(
        ConfigError, match=r"png of .*held must be 4 times as large as lr2.png, 32 x 32 px, got 16"
    ):
        pairgen.evaluate(run, data=str(folder / "held"))
    (run / "model.yaml").write_text(model.replace("source: lr2.png", "source: txt"))
    with pytest.raises(ConfigError, match=r"txt must be an image, one of png, jpg, webp"):
        pairgen.evaluate(run, data=str(folder / "held"))
