"""`pairgen compare` of models from text: the figures of `pairgen eval`, rows kept and added."""

import itertools
import json
import os
import re
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest

import pairgen
from pairgen.config import packaged_assets
from pairgen.jobs.compare import facts
from pairgen.jobs.compare.cost import cost_table
from pairgen.jobs.compare.page import best_table
from tests.jobs.compare.conftest import change
from tests.pages.offline import check_offline

RUNS = ("runs/one", "runs/few@1,2")
NAMES = ("end points", "one, 1 step", "few, 1 step", "few, 2 steps", "teacher, 1 step")


def times_of(folder: Path) -> dict[str, int]:
    """Return when each row was written."""
    return {path.parent.name: path.stat().st_mtime_ns for path in folder.glob("rows/*/row.json")}


@pytest.fixture(scope="module")
def compared(text) -> Path:
    """A comparison. Do not change it."""
    os.chdir(text)
    pairgen.compare(RUNS, data="held", teacher_steps=1, out="compared")
    return text / "compared"


def without(row: dict, *names: str) -> dict:
    return {name: value for name, value in row.items() if name not in names}


def test_figures_are_those_of_eval_to_the_last_digit(text, compared, monkeypatch):
    monkeypatch.chdir(text)
    found = json.loads((compared / "compare.json").read_text())
    assert [row["name"] for row in found["rows"]] == list(NAMES)
    end_points, one, _, two, teacher = found["rows"]
    varying = ("name", "seconds_per_picture")
    for run, steps, row in (("runs/one", {}, one), ("runs/few", {"steps": 2}, two)):
        folder = f"e{Path(run).name}"
        judged = pairgen.evaluate(run, data="held", teacher_steps=1, out=folder, **steps)
        for theirs, ours in zip(judged.figures["rows"], (end_points, row, teacher), strict=True):
            assert without(ours, *varying) == without(theirs, *varying)
        for shared in ("missing", "not_meaningful", "data", "real", "judge_version"):
            assert found[shared] == judged.figures[shared], shared
        training = next(each for each in found["models"] if each.get("path") == run)["training"]
        for cost in ("data", "before", "training", "together"):
            assert training[cost] == judged.figures["ledger"][cost]


def test_table_json_and_page_tell_the_same(text, compared, call):
    before = times_of(compared)
    code, out, err = call(
        text, "compare", *RUNS, "--data=held", "--teacher-steps=1", "--out=compared"
    )
    assert code == 0, err
    assert "8 of 8 pairs; 5 of 5 rows are done in" in err and "evaluations (" not in err
    assert times_of(compared) == before
    found = json.loads((compared / "compare.json").read_text())
    assert best_table(found) in out and cost_table(found) in out
    # The teacher's row may be better than the marked one.
    marked = best_table({**found, "best": {"psnr_db": found["rows"][1]["name"]}})
    assert "* the best of the models compared, the teacher aside, in 95 % of" in marked
    # 8 samples of 3 guided steps; a step of 2 samples.
    assert re.search(r"^one +regression +1 +2 +6 +54 +\d+ +([\d,]+) +\1$", out, re.MULTILINE)
    assert "one: " in out and "/pairs (ode, 8 samples); on cpu" in out
    page = (compared / "index.html").read_text(encoding="utf-8")
    assert "<title>held</title>" in page and page.count('<img src="data:') == 5 * 8
    assert "Cost of the training" in page and '<th scope="row" data-value="few">few</th>' in page
    check_offline(page)
    left = sorted(path.name for path in compared.iterdir())
    assert left == ["compare.json", "index.html", "rows"]
    (row,) = compared.glob("rows/one-1-*")
    pictures = sorted(path.name for path in (row / "pictures").iterdir())
    assert pictures == [f"{key:09}.png" for key in range(8)]


def test_a_vae_in_another_file_is_the_same_as_long_as_it_encodes_alike(text, call):
    shutil.copytree(packaged_assets() / "tiny", text / "same-vae")
    config = text / "same-vae/vae/config.json"
    config.write_text(config.read_text() + " ")
    options = ("--data=held", "--num-samples=2", "--teacher-steps=", "--out=same")
    code, out, err = call(text, "compare", "same-vae@1", *options)
    assert code == 0 and "same-vae, 1 step " in out, err


def test_only_what_is_missing_or_has_changed_is_computed(desk, call):
    def compare(*arguments: str) -> tuple[str, str, dict[str, int]]:
        code, out, err = call(desk, "compare", *arguments, "--data=held", "--out=out")
        assert code == 0, err
        return out, err, times_of(desk / "out")

    _, err, first = compare("one.yaml", "--teacher-steps=1")
    assert "0 of 3 rows are done in" in err and len(first) == 3
    out, err, second = compare("one.yaml", "two.yaml@1,2", "--teacher-steps=1")
    assert "3 of 5 rows are done in" in err and len(second) == 5
    assert {slot: second[slot] for slot in first} == first
    assert re.search(r"one.*3 steps .*two.*1 step .*two.*2 steps .*teacher, 1", out, re.DOTALL)
    # A model that has moved is the same; rows that were not asked for stay in the table.
    (desk / "one.yaml").rename(desk / "moved.yaml")
    out, err, third = compare("moved.yaml", "--teacher-steps=2")
    assert "2 of 3 rows are done in" in err and len(third) == 6
    assert "moved.yaml appears in the table as one.yaml, the same model." in err
    assert re.search(r"one.*3 steps .*two.*2 steps .*teacher, 1 step .*teacher, 2", out, re.DOTALL)
    # Another model in the same place takes its row's place.
    change(desk / "two.yaml")
    for standing in ("1 of 3", "3 of 3"):
        _, err, fourth = compare("two.yaml@1,2", "--teacher-steps=")
        assert f"{standing} rows are done in" in err
    changed = {slot for slot, time in fourth.items() if third[slot] != time}
    assert len(fourth) == 6 and len(changed) == 2 and all("two-" in slot for slot in changed)
    # Options that figures depend on are another row, too.
    _, err, _ = compare("two.yaml@1", "--teacher-steps=", "--batch-size=3")
    assert "1 of 2 rows are done in" in err
    # A damaged row is told and made again.
    slot = changed.pop()
    (desk / f"out/rows/{slot}/scores.safetensors").write_bytes(b"no")
    _, err, fifth = compare("two.yaml@1,2", "--teacher-steps=")
    assert f"{slot} cannot be read and is left aside" in err and fifth[slot] > fourth[slot]
    # So is one that was removed.
    shutil.rmtree(desk / "out/rows/end-points")
    _, err, _ = compare("two.yaml@1,2", "--teacher-steps=")
    assert "2 of 3 rows are done in" in err


def test_a_moved_model_and_another_in_its_place_both_have_a_row(desk, call):
    options = ("--data=held", "--out=out", "--teacher-steps=")
    code, _, err = call(desk, "compare", "one.yaml@1", *options)
    assert code == 0, err
    shutil.copy(desk / "one.yaml", desk / "moved.yaml")
    change(desk / "one.yaml")
    code, _, err = call(desk, "compare", "one.yaml@1", "moved.yaml@1", *options)
    assert code == 0 and "1 of 3 rows are done in" in err, err
    found = json.loads((desk / "out/compare.json").read_text())
    assert [row["name"] for row in found["rows"][1:]] == ["one.yaml, 1 step", "moved.yaml, 1 step"]
    _, _, err = call(desk, "compare", "one.yaml@1", "moved.yaml@1", *options)
    assert "3 of 3 rows are done in" in err
    assert found["rows"][1]["latent_relative_rms"] != found["rows"][2]["latent_relative_rms"]


@pytest.mark.parametrize(
    ("file", "change_it"),
    [
        ("row.json", lambda text: text.replace('"psnr_db": ', '"psnr_db": 1')),
        ("row.json", lambda text: text.replace('"role": "model"', '"role": "zebra"')),
        ("row.json", lambda _: "[]"),
        ("scores.safetensors", None),
        ("row.json", os.mkdir),
        ("scores.safetensors", os.mkdir),
        ("pictures", Path.touch),
    ],
    ids=[
        *("a figure", "a word", "no mapping", "scores of another row"),
        *("a folder of facts", "a folder of scores", "a file of pictures"),
    ],
)
def test_a_row_that_was_altered_is_told_and_made_again(desk, call, file, change_it):
    command = ("compare", "one.yaml@1", "--data=held", "--out=out", "--teacher-steps=")
    code, _, err = call(desk, *command)
    assert code == 0, err
    before = json.loads((desk / "out/compare.json").read_text())["rows"]
    (row,) = desk.glob("out/rows/one-*")
    if change_it is os.mkdir:
        (row / file).unlink()
        os.mkdir(row / file)
        (row / file / "more").touch()
    elif change_it is Path.touch:
        shutil.rmtree(row / file)
        (row / file).touch()
    elif change_it is None:
        shutil.copy(desk / "out/rows/end-points" / file, row / file)
    else:
        (row / file).write_text(change_it((row / file).read_text()))
    code, _, err = call(desk, *command)
    assert code == 0 and f"{row.name} cannot be read and is left aside" in err, err
    assert "1 of 2 rows are done in" in err
    after = json.loads((desk / "out/compare.json").read_text())["rows"]
    assert [without(each, "seconds_per_picture") for each in after] == [
        without(each, "seconds_per_picture") for each in before
    ]


def test_a_model_that_changes_while_it_is_measured_has_no_row(desk, call, monkeypatch):
    others = itertools.count()
    monkeypatch.setattr(facts, "decoder_identity", lambda _: {"weights": next(others)})
    command = ("compare", "one.yaml@1", "--data=held", "--out=out", "--teacher-steps=")
    code, _, err = call(desk, *command)
    assert code == 1 and "The weights of one.yaml changed while it was measured" in err, err
    assert not list(desk.glob("out/rows/one-*/row.json"))


def test_a_link_gives_a_model_its_name(desk, call):
    (desk / "mine.yaml").symlink_to(desk / "one.yaml")
    command = ("compare", "mine.yaml@1", "--data=held", "--out=out", "--teacher-steps=")
    code, out, err = call(desk, *command)
    assert code == 0 and "mine.yaml, 1 step " in out, err


def test_seconds_of_different_numbers_of_threads_are_not_compared(desk, call):
    for model, threads in (("one.yaml", 1), ("two.yaml", 2)):
        command = ("compare", model, "--data=held", "--out=out", "--teacher-steps=")
        code, out, err = call(desk, *command, f"--cpu-threads={threads}")
        assert code == 0, err
    assert "( ) not meaningful: seconds of different machines: cpu" in out


def test_ctrl_c_keeps_finished_rows_and_the_same_command_goes_on(desk, call):
    command = ("compare", "one.yaml@998,999", "--data=held", "--teacher-steps=1000", "--out=out")

    def stop() -> None:
        while not list(desk.glob("out/rows/*/row.json")):
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)

    # Python drops an exception that reaches a finalizer, this one too.
    for _ in range(40):
        shutil.rmtree(desk / "out", ignore_errors=True)
        watcher = threading.Thread(target=stop)
        watcher.start()
        code, _, err = call(desk, *command)
        watcher.join()
        if code:
            break
    assert (
        code == 130 and "Stopped. Run the same command again: whatever is finished is kept." in err
    ), err
    kept = times_of(desk / "out")
    assert 0 < len(kept) < 4
    found = json.loads((desk / "out/compare.json").read_text())
    assert len(found["rows"]) == len(kept) and (desk / "out/index.html").is_file()
    code, _, err = call(desk, *command)
    assert code == 0, err
    assert f"{len(kept)} of 4 rows are done in" in err
    now = times_of(desk / "out")
    assert len(now) == 4 and {slot: now[slot] for slot in kept} == kept


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data=held"], "runs must be given, such as runs/student"),
        (["runs/one"], "data must be given"),
        (["./nothing", "--data=held"], r"There is no model '\./nothing'"),
        (["runs/one@2", "--data=held"], "runs/one@2: @2 must be left out: one takes 1 at times"),
        (["runs/few@0", "--data=held"], "runs/few@0: steps must be an integer >= 1, got '0'"),
        (["runs/few@1,1", "--data=held"], "steps are given twice: 1, 1"),
        (["runs/few", "runs/few@1", "--data=held"], "runs/few is given twice in 1 step"),
        (["gaussian", "--data=held"], r"gaussian makes latents of \[1, 16, 16\]"),
        (["other-vae", "--data=held"], "other-vae has another VAE than tiny"),
        (["runs/one", "--data=pairs"], "runs/one was trained on pairs"),
        (["runs/one", "bicubic", "--data=held"], "bicubic must be left out"),
        (["bicubic", "--data=held"], "runs must name a model besides bicubic"),
        (["runs/one", "--data=held", "--protocol=rgb"], "protocol must be left out"),
        (["runs/one", "--data=held", "--out=held"], "holds other files: give another --out"),
        (["runs/one", "--data=held", "--out=s3://a/b"], "must be a local folder"),
        (["runs/one", "--data=held", "--teacher-steps=1001"], r"steps must be .* 1\.\.1,000"),
        (
            ["runs/one", "--data=held", "--num-samples=4", "--out=compared"],
            r"such as .*; these differ: num_samples \(was 8, got 4\), samples \(.*\): give another",
        ),
    ],
)
def test_what_does_not_fit_is_one_sentence_and_nothing_is_written(
    text, compared, call, arguments, message
):
    if "other-vae" in arguments and not (text / "other-vae").exists():
        shutil.copytree(packaged_assets() / "tiny", text / "other-vae")
        config = text / "other-vae/vae/config.json"
        config.write_text(json.dumps({**json.loads(config.read_text()), "scaling_factor": 0.5}))
    before = sorted(path for path in text.rglob("*"))
    code, out, err = call(text, "compare", *arguments)
    assert code == 2 and out == ""
    assert re.search(message, err) and err.count("\n") == 1, err
    assert sorted(path for path in text.rglob("*")) == before
