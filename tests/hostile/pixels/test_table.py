"""Every odd file of the table is taken with its pixels or refused with its reason, none is lost."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from pairgen.shards.format import layout
from pairgen.sources.image_list import PlannedImages
from pairgen.sources.photographs import decode_rgb
from pairgen.sources.pixels.reasons import as_utf8
from tests.runs import run, samples

pytest.importorskip("tifffile")
from tests.hostile.pixels.table import NO_UTF8, Odd, table

SIDE = 24
OPTIONS = {
    "degrade": {"degradation": "bicubic", "scales": "4", "crop": SIDE},
    "collect": {"size": SIDE},
}


@pytest.fixture(scope="module")
def odd() -> dict[str, Odd]:
    """The table, by the names that are recorded."""
    return {as_utf8(_name(each)): each for each in table()}


@pytest.fixture(scope="module")
def folder(odd, tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("odd")
    for each in odd.values():
        path = root / _name(each)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(each.data)
    return root


def _name(odd: Odd) -> str:
    return odd.name.decode("utf-8", "surrogateescape")


@pytest.fixture(scope="module", params=OPTIONS)
def made(request, folder, tmp_path_factory) -> tuple[Path, str]:
    """A set of all files, and what was said."""
    out = tmp_path_factory.mktemp(request.param) / "out"
    options = OPTIONS[request.param] | {"executor": "serial", "max_rejected": 1}
    result = run(request.param, images=folder, out=out, **options)
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    return out, result.stdout + result.stderr


def test_every_file_is_taken_or_has_its_reason(made, odd):
    out, said = made
    planned = PlannedImages(out / layout.IMAGES)
    rejected = (out / layout.REJECTED).read_text(encoding="utf-8").splitlines()
    reasons = {row["image"]: row["reason"] for row in map(json.loads, rejected)}
    failed = {slot["image"]: slot["reason"] for slot in _failed(out)}
    found = {json.loads(each["json"])["image"]: each for each in samples(out)}
    assert {planned[row].file.name for row in range(len(planned))} == failed.keys() | found.keys()
    assert odd.keys() == reasons.keys() | failed.keys() | found.keys()
    assert len(odd) == len(table()) == len(reasons) + len(failed) + len(found)
    told = [_wrong(key, each, reasons, failed, found) for key, each in odd.items()]
    wrong = [each for each in told if each]
    assert not wrong, "\n".join(wrong)
    num_first = sum(each.is_first for each in odd.values())
    assert f"rejected; of {num_first} the first frame or page is taken." in said


def test_a_failed_slot_names_its_image_wherever_it_is_told(made):
    out, said = made
    slot = _failed(out)[0]
    told = f"{slot['image']}: {slot['reason']}"
    assert f"samples failed, the first because: {told}. The receipts" in said
    key = f"{slot['index']:09d}"
    for command, arguments in (("inspect", (str(out),)), ("repair", (str(out),))):
        result = run(command, *arguments)
        assert told in result.stdout + result.stderr, command
    assert f"Sample {key} was not made: {told}." in run("inspect", str(out), key).stderr
    described = json.loads(run("inspect", str(out), "--json").stdout)
    assert slot["image"] in {each["image"] for each in described["failed"]}


def _failed(out: Path) -> list[dict]:
    receipts = map(json.loads, (path.read_text() for path in sorted(_receipts(out))))
    return [slot for receipt in receipts for slot in receipt["failed"]]


def _receipts(out: Path) -> list[Path]:
    return list((out / "__meta__/shards").glob("*.json"))


def _wrong(key: str, odd: Odd, reasons: dict, failed: dict, made: dict) -> str:
    """Return what is not as the table says; empty if all is."""
    if odd.pixels is None:
        found = (reasons if odd.refused else failed).get(key, "not refused")
        return "" if re.search(odd.refused or odd.failed, found) else f"{key}: {found}"
    if key not in made:
        return f"{key}: {reasons.get(key) or failed.get(key)}"
    facts, shown = json.loads(made[key]["json"]), decode_rgb(made[key]["png"]).astype(int)
    top, left = facts["top"], facts["left"]
    expected = odd.pixels[top : top + SIDE, left : left + SIDE].astype(int)
    difference = np.abs(shown - expected).max() if shown.shape == expected.shape else 255
    return "" if difference <= odd.allowed else f"{key}: {difference} levels off"


def test_the_table_has_three_files_for_each_of_its_parts(odd):
    assert sum(each.refused == NO_UTF8 for each in odd.values()) >= 3
    assert sum(each.pixels is not None for each in odd.values()) >= 20
    assert sum(bool(each.refused) for each in odd.values()) >= 20
