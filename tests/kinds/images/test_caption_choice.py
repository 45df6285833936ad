"""Several captions of an image: which samples they give, and that each says which it has."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import pairgen
from pairgen.errors import ConfigError, PlanMismatchError
from pairgen.jobs.collect.run import run_collect
from pairgen.jobs.degrade.run import run_degrade
from pairgen.seeding import Stream, generator_for
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.local_store import LocalStore
from tests.hostile.tables.case import SIDE, lines, parquet, picture
from tests.runs import run, samples, shas

SEED = 3
# Captions of a.png, b.png and so on: several, a text, nothing, a list of one.
TEXTS = (["zero", "one", "two"], "alone", None, ["only"], ["red", "green"])
NUMS = (3, 1, 0, 1, 2)
LOOSE = {"executor": "serial", "seed": SEED}
COMMANDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "collect": (run_collect, {"size": SIDE, **LOOSE}),
    "degrade": (run_degrade, {"crop": SIDE, "scales": 4, "degradation": "bicubic", **LOOSE}),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "told"
    root.mkdir()
    rows = []
    for number, text in enumerate(TEXTS):
        name = f"{'abcde'[number]}.png"
        (root / name).write_bytes(picture(number))
        rows.append({"file_name": name, "text": text})
    (root / "metadata.jsonl").write_bytes(lines(*rows))
    return root


def made(command: str, folder: Path, out: Path, **options: Any) -> list[str]:
    """Run a command; return what it said."""
    run_it, usual = COMMANDS[command]
    said: list[str] = []
    given = {**usual, "images": str(folder), "out": str(out), **options}
    assert run_it(given, said.append).manifest.complete
    return said


def told(out: Path) -> list[tuple[str, str, int, int]]:
    """Return image, caption, its number, and the number of captions of each sample, in order."""
    found = []
    for each in samples(out):
        facts = json.loads(each["json"])
        numbers = facts["caption_number"], facts["num_captions"]
        found.append((facts["image"], each["txt"].decode(), *numbers))
    return found


def captions_of(image: int) -> list[str]:
    text = TEXTS[image]
    return text if isinstance(text, list) else [text or ""]


ALL = [
    (f"{'abcde'[image]}.png", caption, number, NUMS[image])
    for image in range(len(TEXTS))
    for number, caption in enumerate(captions_of(image))
]


@pytest.mark.parametrize("command", COMMANDS)
def test_all_gives_a_sample_for_each(command: str, folder: Path, tmp_path: Path) -> None:
    said = "\n".join(made(command, folder, tmp_path / "out", caption_choice="all"))
    assert told(tmp_path / "out") == ALL
    assert "5 images, " in said and "0 images rejected" in said
    assert "4 images have a caption; " in said
    assert "2 images have several captions, 5 in all: each is a sample of its own." in said


def test_all_is_multiplied_by_the_samples_of_an_image(folder: Path, tmp_path: Path) -> None:
    made("degrade", folder, tmp_path / "out", caption_choice="all", samples_per_image=2)
    assert told(tmp_path / "out") == [each for each in ALL for _ in range(2)]
    numbers = [json.loads(each["json"])["crop_number"] for each in samples(tmp_path / "out")]
    assert numbers == [0, 1] * len(ALL)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_first_is_taken(command: str, folder: Path, tmp_path: Path) -> None:
    said = "\n".join(made(command, folder, tmp_path / "out", caption_choice="first"))
    assert told(tmp_path / "out") == [each for each in ALL if each[2] == 0]
    assert "2 images have several captions, 5 in all: the first of each is taken." in said


@pytest.mark.parametrize(("command", "each"), [("collect", 1), ("degrade", 4)])
def test_one_is_drawn_for_each_sample(
    command: str, each: int, folder: Path, tmp_path: Path
) -> None:
    further = {"samples_per_image": each} if each > 1 else {}
    said = made(command, folder, tmp_path / "out", caption_choice="random", **further)
    expected = []
    for index in range(len(TEXTS) * each):
        image = index // each
        texts = captions_of(image)
        several = isinstance(TEXTS[image], list)
        draws = generator_for(SEED, index, Stream.CAPTION)
        number = int(draws.integers(len(texts))) if several else 0
        expected.append((f"{'abcde'[image]}.png", texts[number], number, NUMS[image]))
    assert told(tmp_path / "out") == expected
    if each > 1:
        assert len({caption for _, caption, _, _ in expected[:each]}) > 1
    assert any("5 in all: one is drawn for each sample." in line for line in said)


@pytest.mark.parametrize("choice", ["first", "random", "all"])
@pytest.mark.parametrize("command", COMMANDS)
def test_bytes_do_not_depend_on_how_it_is_made(
    command: str, choice: str, folder: Path, tmp_path: Path
) -> None:
    usual = {"caption_choice": choice, "samples_per_shard": 3}
    made(command, folder, tmp_path / "a", **usual)
    made(command, folder, tmp_path / "b", **usual, cpu_threads=2)
    for part in ("2/3", "1/3", "3/3"):
        run_it, options = COMMANDS[command]
        run_it(
            {**options, **usual, "images": str(folder), "out": str(tmp_path / "c"),
             "shard_range": part},
            lambda _: None,
        )  # fmt: skip
    first = shas(tmp_path / "a")
    assert len(first) > 1
    assert first == shas(tmp_path / "b") == shas(tmp_path / "c")


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize("choice", ["random", "all"])
def test_workers_and_batches_give_the_same_bytes(choice: str, folder: Path, tmp_path: Path) -> None:
    usual = {"caption_choice": choice, "samples_per_shard": 3, "pixel_path": "torch"}
    made("degrade", folder, tmp_path / "a", **usual, gpus_per_worker=0, batch_size=1)
    made("degrade", folder, tmp_path / "b", **usual, gpus_per_worker=0, batch_size=4)
    workers = {"executor": "ray", "num_workers": 2, "gpus_per_worker": 0}
    made("degrade", folder, tmp_path / "c", **usual, **workers, batch_size=4)
    first = shas(tmp_path / "a")
    assert first == shas(tmp_path / "b") == shas(tmp_path / "c")


@pytest.mark.parametrize("choice", ["first", "random", "all"])
def test_verify_replay_and_inspect_know_the_caption(
    choice: str, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    made("collect", folder, out, caption_choice=choice)
    assert not pairgen.verify(out).problems
    for index, (_, caption, number, num) in enumerate(told(out)):
        assert "equal in every byte" in run("replay", str(out), str(index)).stdout
        shown = run("inspect", str(out), str(index)).stdout
        assert caption in shown
        assert re.search(rf"^caption_number +{number}$", shown, re.MULTILINE)
        assert re.search(rf"^num_captions +{num}$", shown, re.MULTILINE)
        if index == 1:
            break
    assert choice in (out / "README.md").read_text()


def test_what_verify_expects_is_what_is_made(folder: Path, tmp_path: Path) -> None:
    """What the facts say follows from the plan, so `verify` compares it."""
    from pairgen.shards.check.planned import open_inputs

    out = tmp_path / "out"
    made("collect", folder, out, caption_choice="random")
    store = LocalStore(out)
    planned = open_inputs(store, read_plan(store)).samples(0, len(TEXTS))
    for index, (_, caption, number, num) in enumerate(told(out)):
        assert planned(index).text == caption
        assert planned(index).facts["caption_number"] == number
        assert planned(index).facts["num_captions"] == num


def test_an_interrupted_set_continues_with_its_choice(folder: Path, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    options = {"caption_choice": "all", "samples_per_shard": 3}
    made("collect", folder, whole, **options)
    made("collect", folder, out, **options)
    for path in (out / "train").glob("*1.tar"):
        path.unlink()
        (out / "__meta__/shards" / f"{path.stem}.json").unlink()
    said: list[str] = []
    run_collect({"out": str(out), "executor": "serial"}, said.append)
    assert any("with its 8 images, counted once for each caption." in line for line in said)
    assert shas(out) == shas(whole)
    with pytest.raises(PlanMismatchError, match="caption_choice"):
        run_collect({"out": str(out), "caption_choice": "first"}, said.append)


def test_a_refused_image_is_refused_once(tmp_path: Path) -> None:
    table = parquet(image=[picture(0), b"none"], caption=[["a", "b"], ["c", "d"]])
    (tmp_path / "t.parquet").write_bytes(table)
    out = tmp_path / "out"
    said = made(
        "collect", tmp_path / "t.parquet", out, caption_choice="all", max_rejected=1
    )  # fmt: skip
    assert [each[1:] for each in told(out)] == [("a", 0, 2), ("b", 1, 2)]
    assert any(line.startswith("1 image, 64 px; 1 image rejected") for line in said)
    assert len((out / "__meta__/rejected/00000.jsonl").read_text().splitlines()) == 1


def test_sets_without_a_choice_are_as_before(folder: Path, tmp_path: Path) -> None:
    made("collect", folder, tmp_path / "out", max_rejected=1)
    plan = read_plan(LocalStore(tmp_path / "out"))
    assert "caption_choice" not in plan.recipe
    assert not {"caption_number", "num_captions"} & {*plan.members["json"]["keys"]}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"from_ode": "pairs"}, "caption_choice is for images of your"),
        (
            {"images": "package:painted", "num_images": 2},
            "caption_choice is for images of your",
        ),
        ({"edit_triples": "edits.csv"}, "caption_choice is for images, not for edit_triples"),
    ],
)
def test_it_is_for_images_whose_captions_may_be_lists(given: dict, named: str) -> None:
    with pytest.raises(ConfigError, match=f"^{named}"):
        pairgen.collect(**given, size=64, caption_choice="all", out="unused")
