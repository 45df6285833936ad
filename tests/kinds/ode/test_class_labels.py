"""Pairs of pixels and class labels: made, read back, verified, shown; bad labels are refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import webdataset as wds
import yaml
from PIL import Image

import pairgen
from pairgen.errors import ConfigError, PlanMismatchError
from pairgen.jobs.sample.run import run_sample
from pairgen.kinds.card import render_card
from pairgen.shards.format import layout
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.format.reader import map_file, read_samples
from pairgen.shards.storage.local_store import LocalStore
from pairgen.types import Sample
from tests.small_sets import write_shard
from tests.true_classes import write_pixels

NAMES = ["cat", "golden retriever"]
NULL = 2
OPTIONS = {"steps": 3, "executor": "serial"}
# Lines of the file, and the class of each that is kept.
LINES = ["cat", "1", "", "golden retreiver", "golden retriever", "7", "0"]
KEPT = {"cat": 0, "1": 1, "golden retriever": 1, "0": 0}


def write_config(path: Path, location: Path, **options: Any) -> str:
    """Write a model config; return its path."""
    config = {
        "teacher": "pixel_unet",
        "location": str(location),
        "options": options,
        "dtype": "float32",
        "batch_size": 4,
        "samples_per_shard": 6,
    }
    path.write_text(yaml.safe_dump(config))
    return str(path)


@pytest.fixture
def model(tmp_path: Path) -> str:
    folder = write_pixels(tmp_path / "weights", NAMES)
    return write_config(tmp_path / "pets.yaml", folder, null_label=NULL)


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "labels.txt"
    path.write_text("\n".join(LINES))
    return path


def read_set(out: Path) -> list[dict[str, Any]]:
    shards = [str(path) for path in sorted((out / "train").glob("*.tar"))]
    return list(wds.WebDataset(shards, shardshuffle=False).decode())


# webdataset 1.0.2 leaves its files to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("one_thread")
def test_labels_become_pairs_that_webdataset_reads(tmp_path, model, prompts) -> None:
    out = tmp_path / "pairs"
    manifest = pairgen.ode(
        model=model, prompts=prompts, out=out, cfg="1,3", num_samples=12, **OPTIONS
    )
    samples = read_set(out)
    assert len(samples) == 12
    assert [sample["txt"] for sample in samples[::2]] == [*KEPT, "cat", "1"]
    for sample in samples:
        assert type(sample["cls"]) is int
        assert sample["cls"] == KEPT[sample["txt"]]
        assert sample["latent.npy"].shape == sample["noise.npy"].shape == (3, 8, 8)
        assert sample["latent.npy"].dtype == np.float16
    refused = [json.loads(line) for line in (out / layout.REJECTED).read_text().splitlines()]
    assert [(entry["entry"], entry["prompt"]) for entry in refused] == [
        (4, "golden retreiver"),
        (6, "7"),
    ]
    assert "did you mean 'golden retriever'?" in refused[0]["reason"]
    assert manifest.plan.source["num_rejected"] == 2
    report = pairgen.verify(out)
    assert report.clean, report.problems
    assert "| `cls` | number of the class" in render_card(manifest)


def test_the_set_continues_with_its_labels_and_refuses_other_names(
    tmp_path, model, prompts
) -> None:
    out = tmp_path / "pairs"
    pairgen.ode(model=model, prompts=prompts, out=out, cfg=1, num_samples=6, **OPTIONS)
    assert pairgen.ode(out=out, num_samples=8, executor="serial").num_samples == 8
    config = yaml.safe_load(Path(model).read_text())
    write_config(Path(model), Path(config["location"]), null_label=NULL, labels=["dog", "cow"])
    with pytest.raises(PlanMismatchError, match=r"members\.cls\.names"):
        pairgen.ode(out=out, num_samples=12, executor="serial")


@pytest.mark.parametrize(
    ("member", "value", "found"),
    [
        ("cls", "1", "cls is not the class of its label"),
        ("cls", "cat", "cls cannot be read"),
        ("cls", "01", "cls cannot be read"),
        ("txt", "cow", "txt differs from its input"),
        ("cls", None, "planned members are missing"),
    ],
)
def test_verify_finds_a_wrong_class(tmp_path, model, member, value, found) -> None:
    labels = tmp_path / "one.txt"
    labels.write_text("cat")
    pairgen.ode(model=model, prompts=labels, out=tmp_path / "s", cfg=1, num_samples=2, **OPTIONS)
    store = LocalStore(tmp_path / "s")
    plan = read_plan(store)
    with map_file(store.root / layout.shard_path(0)) as view:
        samples = []
        for stored in read_samples(view):
            fields = {name: stored.decode(name) for name in stored.members if name != "json"}
            fields["cls"] = str(fields["cls"])
            index, facts = int(stored.key), stored.decode("json")
            samples.append(Sample(index=index, fields=fields, facts=facts))
            stored.members.clear()
    changed = {**samples[1].fields, member: value}
    if value is None:
        del changed[member]
    samples[1] = replace(samples[1], fields=changed)
    (store.root / layout.receipt_path(0)).unlink()
    write_shard(store, plan.tasks()[0], samples)
    details = [problem.detail for problem in pairgen.verify(store.root).problems]
    assert any(found in detail and "000000001" in detail for detail in details), details


@pytest.mark.usefixtures("one_thread")
def test_sample_shows_the_pictures_of_the_set(tmp_path, model, prompts) -> None:
    told: list[str] = []
    options = {"model": model, "cfg": 3, "steps": 3, "num_per_prompt": 2}
    made = pairgen.sample(**options, prompts=["cat", "1"], out=tmp_path / "grid.png")
    assert made.pictures.shape == (4, 8, 8, 3)
    assert made.prompts == ("cat", "1", "cat", "1")
    with Image.open(made.path) as grid:
        assert grid.width > 16
    labels = tmp_path / "two.txt"
    labels.write_text("cat\n1\n")
    out = tmp_path / "pairs"
    pairgen.ode(model=model, prompts=labels, out=out, cfg=3, num_samples=4, **OPTIONS)
    with map_file(out / layout.shard_path(0)) as view:
        for stored, picture in zip(read_samples(view), made.pictures, strict=True):
            pixels = stored.decode("latent.npy").astype(np.float32).clip(-1, 1)
            levels = np.rint((pixels + 1) * np.float32(127.5)).astype(np.uint8)
            assert np.array_equal(levels.transpose(1, 2, 0), picture)
            stored.members.clear()
    run_sample({**options, "prompts": ["cat", "cow"], "out": str(tmp_path / "a.png")}, told.append)
    assert any("Refused: 'cow' is no class label" in line for line in told)


@pytest.mark.usefixtures("one_thread")
def test_an_unconditional_teacher_takes_any_prompt_and_has_no_classes(
    tmp_path, unconditional_folder
) -> None:
    model = write_config(tmp_path / "free.yaml", unconditional_folder)
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("anything\nwhatever\n")
    out = tmp_path / "pairs"
    manifest = pairgen.ode(model=model, prompts=prompts, out=out, cfg=1, num_samples=5, **OPTIONS)
    assert "cls" not in manifest.plan.members
    assert manifest.num_samples == 5
    assert pairgen.verify(out).clean


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "cfg must be 1, because plain has no null_label in its options .*, got 7.5"),
        ({"cfg": "1,2"}, "cannot be guided, got 1, 2"),
        ({"cfg": 1, "negative_prompt": "blurry"}, "negative_prompt is wrong: 'blurry' is no class"),
        ({"cfg": 1, "store_embeddings": True}, "plain has no prompt embeddings"),
        ({"cfg": 1, "prompts": "texts.txt"}, "no usable prompt: .* 2 rejected; the first reason"),
        ({"model": "free.yaml"}, "cfg must be 1, because free is unconditional"),
    ],
)
def test_what_cannot_be_is_one_sentence_before_anything_is_written(
    options, message, tmp_path, monkeypatch, unconditional_folder
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = write_pixels(tmp_path / "weights", NAMES, null_class=False)
    write_config(tmp_path / "plain.yaml", folder)
    write_config(tmp_path / "free.yaml", unconditional_folder)
    (tmp_path / "labels.txt").write_text("cat\n")
    (tmp_path / "texts.txt").write_text("a fox\nan owl\n")
    given = {"model": "plain.yaml", "prompts": "labels.txt", **options}
    with pytest.raises(ConfigError, match=message) as caught:
        pairgen.ode(**given, out=tmp_path / "pairs", **OPTIONS)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "pairs").rglob("*.*"))
