"""What annotations add stands in the gallery, sample by sample."""

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
from PIL import Image

import pairgen
from pairgen.shards.format import layout
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.loading.stored import find_sample
from pairgen.shards.storage.store import open_store
from pairgen.sources.photographs import decode_rgb
from tests.pages.offline import check_offline

IMAGE = re.compile(r'<img src="data:image/png;base64,([^"]+)"[^>]*data-label="([^"]*)"')


def shown(page: Path) -> list[dict[str, np.ndarray]]:
    """Return the images of each card by their labels."""
    text = page.read_text(encoding="utf-8")
    check_offline(text)
    cards = text.split('<li class="card strip" data-card=')[1:]
    return [
        {
            label: np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
            for data, label in IMAGE.findall(card)
        }
        for card in cards
    ]


def degraded(root: Path) -> Path:
    """Make a set of 12 crops in shards of 4."""
    shards = {"samples_per_image": 3, "samples_per_shard": 4, "executor": "serial"}
    pairgen.degrade(scales="2", crop=64, out=str(root), **shards)
    return root


def test_edges_and_masks_stand_beside_their_own_sample(tmp_path: Path) -> None:
    root = degraded(tmp_path / "set")
    pairgen.annotate(root, add="canny,mask", executor="serial")
    overlay = open_store(f"{root}.annotations/canny")
    found = shown(pairgen.report(root, num=7).page)
    assert len(found) == 7
    text = (root / "report.html").read_text(encoding="utf-8")
    keys = re.findall(r"Enlarge (\d{9})", text)
    plan = read_plan(overlay)
    for key, pictures in zip(keys, found, strict=True):
        assert list(pictures) == ["HR", "LR 1/2", "edges (canny)", "mask"]
        stored, _ = find_sample(overlay, plan, int(key))
        edges = decode_rgb(bytes(stored.members["canny.png"]))
        np.testing.assert_array_equal(pictures["edges (canny)"], edges)


def test_a_sample_that_an_annotation_refused_has_no_value_there(tmp_path: Path) -> None:
    root = degraded(tmp_path / "set")
    pairgen.annotate(root, add="tests.own_annotator", executor="serial", max_rejected=1)
    text = pairgen.report(root).page.read_text(encoding="utf-8")
    found = re.search(r'id="data">(.*?)</script>', text)
    assert found
    columns = {each["name"]: each["values"] for each in json.loads(found[1])["columns"]}
    for key, bright in zip(columns["key"], columns["bright"], strict=True):
        assert (bright is None) == (int(key) % 3 == 2)
    # Its value is that of the sample, not of the next one that has one.
    overlay = open_store(f"{root}.annotations/own_annotator")
    stored, _ = find_sample(overlay, read_plan(overlay), 10)
    assert columns["bright"][10] == json.loads(bytes(stored.members["json"]))["bright"]


def test_an_unfinished_annotation_is_left_out(tmp_path: Path) -> None:
    root = degraded(tmp_path / "set")
    pairgen.annotate(root, add="canny", executor="serial")
    overlay = open_store(f"{root}.annotations/canny")
    for path in (layout.receipt_path(1), layout.shard_path(1), layout.index_path(1)):
        overlay.remove(path)
    text = pairgen.report(root).page.read_text(encoding="utf-8")
    assert "canny.png" not in text and text.count('class="card"') == 12
    assert "The annotation canny is left out, because it is not up to date: 1 shard to make" in text
    command = f"pairgen annotate {root} --add canny"
    assert command in text
    # Which completes it.
    pairgen.annotate(root, add="canny", executor="serial")
    assert "is left out" not in pairgen.report(root).page.read_text(encoding="utf-8")


def test_an_annotation_of_a_set_that_has_grown_is_told_to_lack_samples(tmp_path: Path) -> None:
    root = degraded(tmp_path / "set")
    pairgen.annotate(root, add="canny", executor="serial")
    shards = {"samples_per_image": 4, "samples_per_shard": 4, "executor": "serial"}
    pairgen.degrade(scales="2", crop=64, out=str(root), **shards)
    text = pairgen.report(root).page.read_text(encoding="utf-8")
    assert "The annotation canny is left out" in text and "canny.png" not in text
