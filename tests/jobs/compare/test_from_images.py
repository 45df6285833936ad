"""`pairgen compare` of models from images: the figures of `pairgen eval`, what is refused."""

import json
import re
import shutil

import pytest

import pairgen
from pairgen.judging.from_images.presentation import image_words
from tests.annotated_sets import write_pictures
from tests.branches import write_branch
from tests.jobs.restore.conftest import BY_BRANCH, write_student
from tests.training.conftest import make_degraded


def test_a_restoration_has_the_figures_of_eval(images, call):
    command = ("compare", "first", "second", "bicubic", "--data=held", "--out=compared")
    code, out, err = call(images, *command)
    assert code == 0, err
    found = json.loads((images / "compared/compare.json").read_text())
    names = ["target", "given, enlarged", "first, 1 step", "second, 1 step"]
    assert [row["name"] for row in found["rows"]] == names
    for place, run in ((2, "first"), (3, "second")):
        judged = pairgen.evaluate(run, data="held").figures
        for ours, theirs in zip(
            (*found["rows"][:2], found["rows"][place]), judged["rows"], strict=True
        ):
            same = {"name": "", "seconds_per_picture": 0}
            assert {**ours, **same} == {**theirs, **same}
        for shared in ("missing", "not_meaningful", "data", "protocol", "iqa"):
            assert found[shared] == json.loads(json.dumps(judged[shared])), shared
        assert judged["recipe"].items() >= found["recipe"].items()
    assert image_words(found).note in out and "PSNR Y dB" in out
    # Given, enlarged, two students, target: of each of 8 pairs.
    page = (images / "compared/index.html").read_text(encoding="utf-8")
    assert page.count('<img src="data:') == 5 * 8
    # LoRA of rank 2 changes few of the encoder's weights.
    first, second = (each["training"] for each in found["models"][2:])
    assert 0 < first["num_trained"] < first["num_weights"]
    assert second["num_trained"] > 0
    assert [each["kind"] for each in first["sets"]] == ["degrade"]
    code, _, err = call(images, *command)
    assert code == 0 and "4 of 4 rows are done in" in err
    # Figures of another protocol do not join them.
    code, _, err = call(images, *command, "--protocol=rgb")
    assert code == 2 and err.count("\n") == 1
    assert re.search(r"these differ: protocol \(was real-isr \w+, got rgb \w+\)", err), err


def test_a_conditional_model_has_no_psnr(images, call):
    code, out, err = call(images, "compare", "conditional", "--data=held", "--out=conditions")
    assert code == 0, err
    found = json.loads((images / "conditions/compare.json").read_text())
    assert [row["name"] for row in found["rows"]] == ["target", "conditional, 1 step"]
    assert "PSNR Y dB" not in out and "psnr_db" not in found["rows"][0]
    code, _, err = call(images, "compare", "conditional", "bicubic", "--data=held")
    assert code == 2 and "bicubic must be left out: it enlarges the given images" in err


def test_edges_that_were_found_anew_are_another_set(sd15_folder, tmp_path, call):
    pairs = write_pictures(tmp_path / "set")
    recipe = {**BY_BRANCH, "kind": "conditional", "source": "canny.png", "scale": 1}
    write_student(
        tmp_path / "edges",
        sd15_folder,
        branch_of=write_branch(tmp_path / "b", sd15_folder),
        **recipe,
    )
    command = ("compare", "edges", "--data=set", "--out=out", "--allow-training-data")
    for options in ({}, {"low": 20.0, "high": 40.0}):
        pairgen.annotate(pairs, add="canny", executor="serial", **options)
        code, _, err = call(tmp_path, *command)
        shutil.rmtree(tmp_path / "set.annotations/canny")
        assert code == (2 if options else 0), err
    assert re.search(r"these differ: annotations.canny.png \(was \w{16}, got \w{16}\)", err), err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["first", "tiny"], "tiny makes images from text, the pairs of held are of images"),
        (
            ["first", "conditional"],
            r"conditional does not do what first does, .*: its kind is 'conditional', not "
            r"'restoration', its source is 'lr2\.png', not 'lr4\.png', its scale is 2, not 4\.",
        ),
        (["first@2"], "first@2: @2 must be left out: first takes 1 at times that it was trained"),
        (["first", "--teacher-steps=1"], "--teacher-steps must be left out"),
        (["conditional", "--protocol=rgb"], "protocol must be left out"),
        (["first", "--data=seen"], "first was trained on seen"),
        (["first", "--data=half"], r"first: .*half.*lr4\.png|first: .*lr4\.png"),
        (["first", "--iqa=lpips"], "iqa needs pyiqa"),
    ],
)
def test_what_does_not_fit_is_one_sentence_and_nothing_is_written(images, call, arguments, message):
    if not (images / "half").exists():
        make_degraded(images / "half", ("honey-bee",), levels=[2])
    data = [] if any(each.startswith("--data") for each in arguments) else ["--data=held"]
    code, out, err = call(images, "compare", *arguments, *data, "--out=new")
    assert code == 2 and out == ""
    assert re.search(message, err) and err.count("\n") == 1, err
    assert not (images / "new").exists()
