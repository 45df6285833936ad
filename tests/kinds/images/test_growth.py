"""Sets of images that gain images, or samples of each: what stays, and what comes behind."""

import json
import shutil
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pairgen
from pairgen.errors import ConfigError, PlanMismatchError
from pairgen.jobs.collect.dry_run import run_collect_dry
from pairgen.jobs.degrade.dry_run import run_degrade_dry
from pairgen.jobs.replay.run import run_replays
from pairgen.shards.format import layout
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from tests.degradations.pictures import make_picture
from tests.kinds.degrade.test_degrade import assert_clean, encoded
from tests.runs import receipts, samples, shas

DEGRADE = {"crop": 32, "samples_per_shard": 4, "executor": "serial", "degradation": "bicubic"}
COLLECT = {"size": 32, "samples_per_shard": 4, "executor": "serial"}


def paint(folder: Path, *names: str, side: int = 48) -> Path:
    """Write a picture of its own under each name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        seed = sum(map(ord, name))
        (folder / f"{name}.png").write_bytes(encoded(make_picture(side, side + 8, seed=seed)))
    return folder


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return paint(tmp_path / "images", "b", "d", "f")


def degrade(images: Path | str, out: Path, **options: object) -> Path:
    assert pairgen.degrade(images=str(images), out=str(out), **(DEGRADE | options)).complete
    return out


def facts(out: Path) -> list[dict]:
    return [json.loads(sample["json"]) for sample in samples(out)]


def numbers(out: Path) -> list[tuple[str, int, int]]:
    """Return the image of each sample, its row, and the sample's number of the image."""
    return [(each["image"], each["image_row"], each["crop_number"]) for each in facts(out)]


def kept_shards(before: dict[str, str], out: Path, num_samples: int) -> None:
    """Check that every full shard of before has its bytes still."""
    now = shas(out)
    full = num_samples // 4
    names = [layout.shard_path(number) for number in range(full)]
    tars = {Path(name).name for name in names}
    assert {k: v for k, v in before.items() if Path(k).name in tars}.items() <= now.items()
    assert full


def replays(out: Path, *keys: int) -> None:
    assert not any(each.differences for each in run_replays(out, [*map(str, keys)]))


def test_more_samples_of_each_image_come_behind_the_others(images, tmp_path):
    out = degrade(images, tmp_path / "out", samples_per_image=2)
    before, bytes_before, fingerprint = shas(out), samples(out), read_plan(open_store(out))
    assert pairgen.degrade(out=str(out), samples_per_image=3, executor="serial").complete
    kept_shards(before, out, 6)
    assert samples(out)[:6] == bytes_before
    first = [(name, row, i) for row, name in enumerate(("b.png", "d.png", "f.png")) for i in (0, 1)]
    assert numbers(out) == [*first, ("b.png", 0, 2), ("d.png", 1, 2), ("f.png", 2, 2)]
    places = {(each["image"], each["top"], each["left"], each["draw"]) for each in facts(out)}
    assert len(places) == 9
    plan = read_plan(open_store(out))
    assert plan.origin == fingerprint.fingerprint() != plan.fingerprint()
    assert plan.recipe == fingerprint.recipe
    assert plan.resolved["options"]["samples_per_image"] == 3
    assert_clean(out)
    replays(out, 0, 5, 6, 8)
    # The same command, and one without options, have nothing to do.
    whole = shas(out)
    for given in ({"samples_per_image": 3}, {}):
        assert pairgen.degrade(out=str(out), executor="serial", **given).complete
        assert shas(out) == whole


def test_new_images_come_behind_the_others_whatever_their_names(images, tmp_path, caplog):
    caplog.set_level("INFO")
    out = degrade(images, tmp_path / "out", samples_per_image=2)
    before, bytes_before = shas(out), samples(out)
    paint(images, "a", "e")
    degrade(images, out, samples_per_image=2)
    assert "2 new images behind the 3" in caplog.text
    kept_shards(before, out, 6)
    assert samples(out)[:6] == bytes_before
    assert numbers(out)[6:] == [
        ("a.png", 3, 0),
        ("a.png", 3, 1),
        ("e.png", 4, 0),
        ("e.png", 4, 1),
    ]
    assert_clean(out)
    replays(out, 1, 6, 9)
    whole = shas(out)
    degrade(images, out)
    assert shas(out) == whole


def test_a_set_grows_again_and_again_and_each_shard_can_be_lost(images, tmp_path):
    out = degrade(images, tmp_path / "out")
    paint(images, "a")
    degrade(images, out, samples_per_image=2)
    paint(images, "c")
    degrade(images, out)
    pairgen.degrade(out=str(out), samples_per_image=4, executor="serial")
    grown = [[name for name, *_ in each] for _, each in groupby(numbers(out), lambda n: n[2])]
    assert [name for each in grown for name in each] == [
        *("b.png", "d.png", "f.png"),
        "a.png",
        *("b.png", "d.png", "f.png", "a.png"),
        *("c.png", "c.png"),
        *(name for name in ("b.png", "d.png", "f.png", "a.png", "c.png") for _ in (2, 3)),
    ]
    by_image = sorted(numbers(out))
    assert [n for *_, n in by_image] == [0, 1, 2, 3] * 5
    assert {name: row for name, row, _ in by_image} == {
        "b.png": 0,
        "d.png": 1,
        "f.png": 2,
        "a.png": 3,
        "c.png": 4,
    }
    assert_clean(out)
    whole = shas(out)
    for shard in range(5):
        for path in (layout.shard_path(shard), layout.receipt_path(shard)):
            (out / path).unlink()
        assert pairgen.degrade(out=str(out), executor="serial").complete
        assert shas(out) == whole
    described = (
        "3 from images; then 1 new image from images; then 1 more sample of each of 4 images; "
        "then 1 new image from images"
    )
    assert described in (out / layout.CARD).read_text()


def test_images_that_moved_are_found_again_in_every_list(images, tmp_path):
    out = degrade(images, tmp_path / "out")
    paint(images, "a", "c", "e")
    degrade(images, out)
    whole = shas(out)
    moved = tmp_path / "moved"
    images.rename(moved)
    degrade(moved, out)
    (out / layout.receipt_path(0)).unlink()
    assert pairgen.degrade(out=str(out), executor="serial").complete
    assert shas(out) == whole
    assert_clean(out)


@pytest.mark.parametrize("lost", ["__meta__/images.arrow", "__meta__/images-2.arrow"])
def test_a_list_that_is_lost_is_named_and_made_again(images, tmp_path, lost):
    out = degrade(images, tmp_path / "out")
    paint(images, "g")
    degrade(images, out)
    content = (out / lost).read_bytes()
    (out / lost).unlink()
    with pytest.raises(ConfigError, match=f"{Path(lost).name} of .* is missing"):
        pairgen.degrade(out=str(out), executor="serial")
    degrade(images, out)
    assert (out / lost).read_bytes() == content
    assert_clean(out)
    (out / lost).write_bytes(content[:-9] + bytes(9))
    report = pairgen.verify(out)
    assert [problem.kind for problem in report.problems] == ["images"]


def test_what_is_smaller_or_lacks_images_changes_nothing(images, tmp_path):
    out = degrade(images, tmp_path / "out", samples_per_image=2)
    whole = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert pairgen.degrade(out=str(out), samples_per_image=1, executor="serial").complete
    paint(images, "a")
    (images / "d.png").unlink()
    with pytest.raises(PlanMismatchError, match=r"3 other images, of which 1 .*: 'd\.png'\."):
        degrade(images, out)
    paint(images, "d", side=56)
    changed = r"of which 1 is not among those given: 'd\.png', whose content has changed\. To add"
    with pytest.raises(PlanMismatchError, match=changed):
        degrade(images, out)
    with pytest.raises(PlanMismatchError, match=r"these differ: crops"):
        pairgen.degrade(out=str(out), crops="tiled", executor="serial")
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == whole


def test_tiles_of_new_images_come_behind(images, tmp_path):
    out = degrade(images, tmp_path / "out", crop=16, crops="tiled")
    num = len(samples(out))
    before = shas(out)
    paint(images, "a", side=32)
    degrade(images, out, crop=16, crops="tiled")
    assert [each[0] for each in numbers(out)[num:]] == ["a.png"] * 4
    assert [each[2] for each in numbers(out)[num:]] == [0, 1, 2, 3]
    kept_shards(before, out, num)
    assert_clean(out)


def test_painted_pictures_gain_samples_and_pictures(tmp_path):
    out = tmp_path / "out"
    given = {**DEGRADE, "crop": 64, "out": str(out)}
    pairgen.degrade(images="package:painted", num_images=3, samples_per_image=1, **given)
    before = shas(out)
    pairgen.degrade(num_images=5, samples_per_image=2, out=str(out), executor="serial")
    # Five pictures, and five further samples of them.
    rows = [(row, number) for _, row, number in numbers(out)]
    assert rows == [*((row, 0) for row in range(5)), *((row, 1) for row in range(5))]
    pairgen.degrade(num_images=6, out=str(out), executor="serial")
    rows = [(row, number) for _, row, number in numbers(out)]
    assert rows[10:] == [(5, 0), (5, 1)]
    assert_clean(out)
    replays(out, 0, 4, 5, 11)
    assert len(samples(out)) == 12
    assert before
    assert pairgen.degrade(num_images=4, out=str(out), executor="serial").num_samples == 12
    # Other samples would have to be made of some of its pictures.
    with pytest.raises(PlanMismatchError, match=r"num_images can grow .*was 6, got 4"):
        pairgen.degrade(num_images=4, samples_per_image=3, out=str(out), executor="serial")
    with pytest.raises(PlanMismatchError, match=r"samples_per_image can grow .*was 2, got 1"):
        pairgen.degrade(num_images=7, samples_per_image=1, out=str(out), executor="serial")
    with pytest.raises(PlanMismatchError, match="holds painted pictures"):
        degrade(paint(tmp_path / "images", "a", side=96), out, crop=64)


def test_painted_pictures_alone_keep_their_fingerprint(tmp_path):
    out = tmp_path / "out"
    given = {**DEGRADE, "crop": 64, "out": str(out)}
    pairgen.degrade(images="package:painted", num_images=4, **given)
    fingerprint = read_plan(open_store(out)).fingerprint()
    pairgen.degrade(num_images=6, out=str(out), executor="serial")
    assert read_plan(open_store(out)).fingerprint() == fingerprint


def collect(images: Path, out: Path, **options: object) -> Path:
    assert pairgen.collect(images=str(images), out=str(out), **(COLLECT | options)).complete
    return out


def test_a_collected_set_gains_images_and_keeps_its_shards(images, tmp_path):
    paint(images, "h", "j")
    (images / "b.txt").write_text("a caption")
    out = collect(images, tmp_path / "out")
    before, bytes_before = shas(out), samples(out)
    paint(images, "a", "i")
    (images / "a.txt").write_text("another")
    collect(images, out)
    kept_shards(before, out, 5)
    assert samples(out)[:5] == bytes_before
    assert [each["image"] for each in facts(out)[5:]] == ["a.png", "i.png"]
    assert [each["image_row"] for each in facts(out)] == [*range(7)]
    assert samples(out)[5]["txt"] == b"another"
    assert_clean(out)
    replays(out, 0, 5, 6)


def test_new_images_keep_the_classes_and_the_format_of_a_set(images, tmp_path):
    rows = "file_name,label\nb.png,0\nd.png,1\nf.png,0\n"
    (images / "metadata.csv").write_text(rows)
    out = collect(images, tmp_path / "out", label_column="label")
    paint(images, "a", "c")
    (images / "metadata.csv").write_text(f"{rows}a.png,1\nc.png,2\n")
    with pytest.raises(ConfigError, match="class 2, but the set has the classes 0 to 1"):
        collect(images, out, label_column="label")
    (images / "c.png").unlink()
    collect(images, out, label_column="label")
    assert [sample["cls"] for sample in samples(out)] == [b"0", b"1", b"0", b"1"]
    assert_clean(out)

    kept = tmp_path / "kept"
    kept.mkdir()
    for name in ("1.jpg", "2.jpg"):
        Image.fromarray(np.full((32, 32, 3), ord(name[0]), np.uint8)).save(kept / name)
    out = collect(kept, tmp_path / "as they are", format="keep")
    for name in ("0.png", "3.jpg"):
        Image.fromarray(np.full((32, 32, 3), ord(name[0]), np.uint8)).save(kept / name)
    collect(kept, out, format="keep", max_rejected=0.5)
    assert [each["image"] for each in facts(out)] == ["1.jpg", "2.jpg", "3.jpg"]
    assert "png, but keep stores one format" in (out / layout.REJECTED).read_text()
    assert_clean(out)


def test_buckets_gain_images_and_a_new_shape_is_a_new_bucket(tmp_path):
    images = tmp_path / "images"
    images.mkdir()

    def draw(name: str, width: int, height: int) -> None:
        pixels = make_picture(height, width, seed=sum(map(ord, name)))
        (images / f"{name}.png").write_bytes(encoded(pixels))

    for name in "bdf":
        draw(name, 128, 128)
    draw("c", 160, 96)
    out = collect(images, tmp_path / "out", size=64, bucket=True, samples_per_shard=2)
    before = {
        folder.name: shas(folder)
        for folder in out.iterdir()
        if folder.name != "__meta__" and folder.is_dir()
    }
    draw("a", 128, 128)
    draw("e", 96, 160)
    collect(images, out, size=64, bucket=True, samples_per_shard=2)
    assert [each["image"] for each in facts(out / "64x64")] == ["b.png", "d.png", "f.png", "a.png"]
    assert [each["image"] for each in facts(out / "48x80")] == ["e.png"]
    assert shas(out / "80x48") == before["80x48"]
    first = Path(layout.shard_path(0)).name
    now = shas(out / "64x64")
    assert {
        k: v for k, v in before["64x64"].items() if Path(k).name == first
    }.items() <= now.items()
    for bucket in ("64x64", "48x80", "80x48"):
        assert_clean(out / bucket)
    whole = shas(out / "64x64")
    assert pairgen.collect(out=str(out), executor="serial").complete
    assert shas(out / "64x64") == whole


def test_an_annotation_catches_up_with_a_set_that_has_gained_images(images, tmp_path):
    paint(images, "h", "j")
    out = collect(images, tmp_path / "out")
    pairgen.annotate(out, add="canny", executor="serial")
    overlay = next(tmp_path.glob("out.annotations/*"))
    before = shas(overlay)
    paint(images, "a", "c")
    collect(images, out)
    pairgen.annotate(out, add="canny", executor="serial")
    kept_shards(before, overlay, 5)
    assert len(samples(overlay)) == 7
    assert_clean(overlay)


def test_a_dry_run_of_growth_writes_nothing(images, tmp_path):
    out = degrade(images, tmp_path / "out")
    paint(images, "a")
    whole = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    found = run_degrade_dry(
        {"images": str(images), "out": str(out), "samples_per_image": 3, **DEGRADE}
    )
    assert sum(task.num_slots for task in found.manifest.missing) >= 12 - 3
    assert found.measured is not None
    assert found.measured.num_samples
    other = collect(images, tmp_path / "collected")
    paint(images, "i")
    run_collect_dry({"images": str(images), "out": str(other), **COLLECT})
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == whole


def test_parts_of_a_set_grow_it_together(images, tmp_path):
    whole = degrade(images, tmp_path / "whole", samples_per_image=2)
    shutil.copytree(whole, tmp_path / "parts")
    paint(images, "a", "c")
    degrade(images, whole, samples_per_image=3)
    for number in (2, 1, 3):
        pairgen.degrade(
            images=str(images),
            out=str(tmp_path / "parts"),
            shard_range=f"{number}/3",
            **(DEGRADE | {"samples_per_image": 3}),
        )
    assert shas(tmp_path / "parts") == shas(whole)
    assert_clean(tmp_path / "parts")


def test_the_plan_before_a_set_grew_is_not_taken_for_that_of_its_shards(images, tmp_path):
    out = degrade(images, tmp_path / "out", samples_per_image=2)
    plan = (out / layout.PLAN).read_bytes()
    pairgen.degrade(out=str(out), samples_per_image=4, executor="serial")
    shards = receipts(out)
    (out / layout.PLAN).write_bytes(plan)
    with pytest.raises(PlanMismatchError, match="more finished shards than its plan"):
        pairgen.degrade(out=str(out), executor="serial")
    with pytest.raises(ConfigError, match="older than"):
        pairgen.repair(out, executor="serial")
    assert receipts(out) == shards
    (out / layout.PLAN).unlink()
    assert pairgen.repair(out, executor="serial").complete
    assert_clean(out)
