"""`pairgen report`: the page of a set and of a run shows what the folder holds."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

import pairgen
from pairgen.errors import ConfigError
from pairgen.jobs.report.drawn import even_places
from pairgen.pages.charts import column_chart, line_chart
from pairgen.pages.command import set_command, train_command
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from pairgen.training.students.grid_file import write_grid
from pairgen.training.students.shown_file import save_shown_file
from tests.pages.offline import check_offline


def held(page: Path) -> dict[str, Any]:
    """Return the data of a page."""
    found = re.search(r'id="data">(.*?)</script>', page.read_text(encoding="utf-8"))
    assert found
    return json.loads(found[1])


def test_the_page_of_a_set_shows_its_samples_and_says_how_many(gaussian: Path) -> None:
    whole = pairgen.report(gaussian)
    assert whole.page == gaussian / "report.html"
    text = whole.page.read_text(encoding="utf-8")
    check_offline(text)
    assert "All 24 samples." in text and text.count('<img src="data:') == 24
    data = held(whole.page)
    assert [card["key"] for card in data["cards"]] == [f"{i:09}" for i in range(24)]
    columns = {each["name"]: each for each in data["columns"]}
    assert columns["guidance_scale"]["values"] == [3.0, 8.0] * 12
    assert len(columns["prompt"]["values"]) == 24
    titles = [chart["title"] for chart in data["charts"]]
    assert titles[-1] == "Samples per second" and "Prompt index" not in titles
    rates = data["charts"][-1]["bins"]
    assert len(rates) == min(12, len(list(gaussian.glob("train/*.tar")))) > 1
    # The last shard ended in the last of them.
    assert rates[-1]["y"] > 0
    (guidance,) = (each for each in data["charts"] if each.get("column") == "guidance_scale")
    assert guidance["title"] == "Guidance scale"
    assert guidance["bars"] == [{"name": "3", "count": 12}, {"name": "8", "count": 12}]
    command = "pairgen ode --model gaussian --cfg 3,8 --end t0 --steps 2"
    assert command in text and "fingerprint" in text
    # A page lies beside the shards, where nothing reads it.
    assert pairgen.verify(gaussian).clean


def test_some_samples_are_drawn_evenly_and_again_the_same(gaussian: Path, tmp_path: Path) -> None:
    options = {"num": 6, "where": "guidance_scale == 8"}
    page = pairgen.report(gaussian, **options, out=str(tmp_path / "a.html")).page
    keys = [card["key"] for card in held(page)["cards"]]
    assert len(keys) == 6 and all(int(key) % 2 for key in keys)
    text = page.read_text(encoding="utf-8")
    assert "6 of 12 samples that meet &#39;guidance_scale == 8&#39; are shown" in text
    again = pairgen.report(gaussian, **options, out=str(tmp_path / "b.html")).page
    assert [card["key"] for card in held(again)["cards"]] == keys
    other = pairgen.report(gaussian, **options, seed=1, out=str(tmp_path / "c.html")).page
    assert [card["key"] for card in held(other)["cards"]] != keys


def test_one_sample_comes_from_each_equal_part() -> None:
    counts = np.array([10, 0, 30, 60])
    ends = np.cumsum(counts)
    places = even_places(counts, 10, 0)
    ranks = [int(ends[shard] - counts[shard]) + row for shard, row in places]
    assert [rank // 10 for rank in ranks] == list(range(10))
    assert all(row < counts[shard] for shard, row in places)
    assert even_places(counts, 200, 0) == [(s, r) for s in (0, 2, 3) for r in range(counts[s])]
    assert even_places(np.zeros(2, np.int64), 5, 0) == []


def test_an_unfinished_set_is_told(tmp_path: Path) -> None:
    options = {"model": "gaussian", "num_samples": 8, "samples_per_shard": 4, "steps": 2}
    out = tmp_path / "half"
    pairgen.ode(**options, out=str(out), executor="serial", shard_range="1/2")
    page = pairgen.report(out).page
    text = page.read_text(encoding="utf-8")
    assert "Not finished: 1 of 2 shards are missing." in text and "All 4 samples." in text
    # One shard has one rate, which is no chart.
    assert "Samples per second" not in [chart["title"] for chart in held(page)["charts"]]
    assert "samples/s while it was made" in text


def test_photographs_stand_beside_their_levels(tmp_path: Path) -> None:
    out = tmp_path / "degraded"
    pairgen.degrade(scales="4", crop=64, out=str(out), executor="serial")
    page = pairgen.report(str(out), num=2).page
    text = page.read_text(encoding="utf-8")
    assert "2 of 4 samples are shown" in text and text.count('<img src="data:') == 2 * 3
    labels = re.findall(r'data-label="([^"]+)"', text)
    assert labels == ["HR", "LR 1/2", "LR 1/4"] * 2
    assert re.findall(r'data-member="([^"]+)"', text) == ["png", "lr2.png", "lr4.png"] * 2
    charts = {chart.get("column"): chart["title"] for chart in held(page)["charts"]}
    assert charts["draw_shared_2_resize_factor"] == "First order: resize, factor"
    assert "seed" not in charts and "First order: resize (2 charts)" in text
    # What is no number, text or truth can be read, not filtered by.
    assert {each["type"] for each in held(page)["columns"]} <= {
        "int", "float", "text", "bool", "other"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"out": "page.txt"}, r"out must be an \.html file"),
        ({"num": 401}, "num must be"),
        ({"where": "nothing == 1"}, "no column 'nothing'"),
        ({"where": "guidance_scale == 5"}, "no sample that meets"),
    ],
)
def test_a_wrong_option_writes_nothing(
    gaussian: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    given = {"out": str(tmp_path / "page.html"), **options}
    with pytest.raises(ConfigError, match=message):
        pairgen.report(gaussian, **given)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_others_is_not_replaced(gaussian: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.html"
    path.write_text("<p>mine</p>")
    with pytest.raises(ConfigError, match="did not make"):
        pairgen.report(gaussian, out=str(path))
    assert path.read_text() == "<p>mine</p>"
    with pytest.raises(ConfigError, match="neither a dataset, a training run"):
        pairgen.report(tmp_path)


def test_an_evaluation_has_its_page_already(tmp_path: Path) -> None:
    (tmp_path / "eval.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"has lost its index\.html: run pairgen eval again"):
        pairgen.report(tmp_path)
    (tmp_path / "index.html").write_text("there")
    assert pairgen.report(tmp_path).page == tmp_path / "index.html"
    with pytest.raises(ConfigError, match="num must be left out"):
        pairgen.report(tmp_path, num=3)


def make_run(folder: Path, num_steps: int = 3) -> Path:
    """Write what a run of a student from text leaves, with two prompts and a grid a step."""
    folder.mkdir()
    config = "method: regression\ndata: [pairs]\nsteps: 3\nbatch_size: 4\nlr: 0.5\noptions: {}\n"
    (folder / "config.yaml").write_text(config)
    lines = [{"step": i + 1, "student/loss": 1 / (i + 1)} for i in range(num_steps)]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "metrics.jsonl").write_text(text + '{"step": 9, "cut')
    prompts = ["a fox", "<b>a crab</b>"]
    teacher = np.full((2, 16, 16, 3), 10, np.uint8)
    for step in range(1, num_steps + 1):
        rows = [teacher, np.full((2, 16, 16, 3), 50 * step, np.uint8)]
        write_grid(rows, folder / f"grids/{step:08}.png")
    save_shown_file(folder / "validation.npz", prompts, {"pictures": teacher})
    return folder


def test_the_page_of_a_run_labels_its_grids(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    text = pairgen.report(run).page.read_text(encoding="utf-8")
    check_offline(text)
    assert "Not finished" in text and "&lt;b&gt;a crab&lt;/b&gt;" in text
    labels = re.findall(r'data-label="([^"]+)"(?: data-note="([^"]+)")?', text)
    student = [("student", f"step {step}") for step in (1, 2, 3)]
    assert labels == [("teacher", ""), *student] * 2
    (chart,) = held(run / "report.html")["charts"]
    assert chart["title"] == "Loss (student)" and chart["column"] == "student/loss"
    assert len(chart["points"]) == 3
    assert "pairgen train regression --data pairs --batch-size 4 --lr 0.5 --steps 3" in text or (
        "--lr 0.5" in text and "--steps 3" in text
    )


def test_the_options_of_a_run_are_told_as_they_are_read(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", num_steps=1)
    config = (
        "method: regression\ndata: [pairs, b]\nsteps: 25000\nseed: 1234567\n"
        "options: {student_time: null}\n"
    )
    (run / "config.yaml").write_text(config)
    (run / "metrics.jsonl").write_text('{"step": 1, "data_wait": 0.23}\n')
    text = pairgen.report(run).page.read_text(encoding="utf-8")
    rows = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", text))
    assert rows["student_<wbr>time"] == "not set" and rows["data"] == "pairs, b"
    assert (rows["steps"], rows["seed"]) == ("25,000", "1234567")
    assert rows["Waiting for data"] == "23 % after step 1"


def test_a_grid_without_what_it_shows_is_shown_whole(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    (run / "validation.npz").write_bytes(b"no archive")
    (run / "grids/00000002.png").write_bytes(b"no image")
    text = pairgen.report(run).page.read_text(encoding="utf-8")
    assert re.findall(r'data-label="([^"]+)"', text) == ["step 1", "step 3"]
    assert "2 of 3 grids" in text


def test_long_lines_are_thinned_and_keep_their_ends() -> None:
    chart = line_chart("loss", [(float(i), float(i)) for i in range(5000)], "step")
    assert len(chart["points"]) == 400 and "400 of 5,000 points shown" in chart["about"]
    assert chart["points"][0] == [0, 0] and chart["points"][-1] == [4999, 4999]


def test_columns_without_a_choice_have_no_chart() -> None:
    def chart(*values: Any) -> Any:
        return column_chart("x", pa.chunked_array([list(values)]))

    assert chart(1, 1, None) is None and chart(None, None) is None
    assert chart(*map(str, range(20))) is None and chart([1], [2]) is None
    assert [each["y"] for each in chart(1, 2, 4, None)["bins"]] == [1, 1, 0, 1]
    assert chart(1, 2, 2, None)["about"] == "3 of 4 have one"
    assert chart(True, False, True)["bars"] == [
        {"name": "false", "count": 1}, {"name": "true", "count": 2}
    ]  # fmt: skip
    assert sum(each["y"] for each in chart(0.5, float("nan"), 2.5)["bins"]) == 2


def test_few_numbers_that_repeat_are_bars_at_these_numbers() -> None:
    column = pa.chunked_array([[7.5, 3.0, 7.5, 3.0, 7.5]])
    bars = [{"name": "3", "count": 2}, {"name": "7.5", "count": 3}]
    assert column_chart("x", column)["bars"] == bars


def test_numbers_of_choices_are_the_names_of_what_was_chosen() -> None:
    column = pa.chunked_array([[1, 1, -1, 0, None]])
    found = column_chart("draw_0_choice", column, "Which one", ("blur", "noise"))
    assert [each["name"] for each in found["bars"]] == ["nothing", "blur", "noise"]
    assert (found["title"], found["column"]) == ("Which one", "draw_0_choice")


def test_the_command_of_a_page_makes_the_same_set(gaussian: Path, tmp_path: Path) -> None:
    words = set_command(read_plan(open_store(gaussian)), str(tmp_path / "again")).split()
    flags = dict(zip(words[2::2], words[3::2], strict=True))
    options = {name[2:].replace("-", "_"): value for name, value in flags.items()}
    numbers = ("steps", "num_samples", "samples_per_shard", "seed")
    given = {name: int(value) if name in numbers else value for name, value in options.items()}
    pairgen.ode(**given, executor="serial")
    plans = [read_plan(open_store(each)).fingerprint() for each in (gaussian, tmp_path / "again")]
    assert plans[0] == plans[1]


def test_the_command_of_a_set_holds_a_place_for_inputs_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "my prompts.txt").write_text("a fox\n")
    given = {"steps": 2, "num_samples": 2, "limit": 1, "executor": "serial"}
    pairgen.ode(prompts=str(tmp_path / "my prompts.txt"), **given, out=tmp_path / "pairs")
    command = set_command(read_plan(open_store(tmp_path / "pairs")), "out")
    assert "--prompts 'PATH/my prompts.txt' --limit 1" in command and "--model" not in command
    folder = tmp_path / "photographs"
    folder.mkdir()
    Image.new("RGB", (64, 64)).save(folder / "one.png")
    pairgen.degrade(images=folder, scales="2", crop=64, executor="serial", out=tmp_path / "own")
    pairgen.degrade(scales="2", crop=64, executor="serial", out=tmp_path / "packaged")
    pairgen.collect(from_ode=tmp_path / "pairs", size=64, executor="serial", out=tmp_path / "ode")
    painted = {"images": "package:painted", "num_images": 2, "split": "held-out"}
    pairgen.collect(**painted, size=64, executor="serial", out=tmp_path / "painted")
    inputs = {
        "own": "--images PATH/photographs",
        "ode": "--from-ode PATH/pairs",
        "painted": "--images package:painted --num-images 2 --split held-out",
    }
    for name, flags in inputs.items():
        assert flags in set_command(read_plan(open_store(tmp_path / name)), "out"), name
    assert "--images" not in set_command(read_plan(open_store(tmp_path / "packaged")), "out")
    # A set that has grown is told to have.
    assert "It has grown" not in pairgen.report(tmp_path / "own").page.read_text()
    more = {"scales": "2", "crop": 64, "samples_per_image": 2, "executor": "serial"}
    pairgen.degrade(images=folder, **more, out=tmp_path / "own")
    assert "It has grown" in pairgen.report(tmp_path / "own").page.read_text()


def test_the_paths_of_a_run_are_seen_from_one_folder(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    assert f"--out {run}" in pairgen.report(run).page.read_text()
    (tmp_path / "pairs").mkdir()
    text = pairgen.report(run).page.read_text()
    assert "--out run<" in text and f"Its paths are relative to {tmp_path}." in text


def test_the_command_of_a_run_names_what_is_not_the_default() -> None:
    config = {"method": "regression", "data": ["a b", "c"], "flip": True, "options": {}}
    assert train_command(config, "out") == (
        "pairgen train regression --data 'a b' --data c --flip --out out"
    )


def test_images_of_a_page_keep_their_pixels(tmp_path: Path) -> None:
    from base64 import b64decode
    from io import BytesIO

    from pairgen.pages.pictures import picture_data

    pixels = np.random.default_rng(0).integers(0, 256, (128, 64, 3), np.uint8)
    source = picture_data(pixels, "HR")["src"]
    with Image.open(BytesIO(b64decode(source.partition(",")[2]))) as image:
        assert np.array_equal(np.asarray(image), pixels)
    large = picture_data(np.zeros((10, 2048, 3), np.uint8), "HR")
    assert (large["width"], large["height"]) == (2048, 10)
    with Image.open(BytesIO(b64decode(large["src"].partition(",")[2]))) as image:
        assert image.size == (1024, 5)
