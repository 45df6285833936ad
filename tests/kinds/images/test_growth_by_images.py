"""Sets of images that grow: all images given again, a killed growth, a lost list, limits."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

import pairgen
from pairgen.errors import ConfigError
from pairgen.jobs.degrade.dry_run import run_degrade_dry
from pairgen.kinds.images.additions import with_pictures
from pairgen.shards.format import layout
from pairgen.shards.format.growing_shard import LostSampleError
from pairgen.shards.format.parsing.plan import MAX_ADDITIONS, check_limits, parse_plan
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from tests.degradations.pictures import make_picture
from tests.kinds.degrade.test_degrade import assert_clean, encoded
from tests.kinds.images.test_growth import (
    DEGRADE,
    collect,
    degrade,
    facts,
    images,
    numbers,
    paint,
    replays,
)
from tests.runs import run, samples, shas

__all__ = ["images"]


def test_more_samples_of_the_same_images_given_again_come_behind_the_others(images, tmp_path):
    out = degrade(images, tmp_path / "out", samples_per_image=2)
    before = samples(out)
    for number in (3, 4):
        degrade(images, out, samples_per_image=number)
        assert samples(out)[: len(before)] == before
        before = samples(out)
        assert_clean(out)
    names = ("b.png", "d.png", "f.png")
    assert numbers(out)[6:] == [(name, row, n) for n in (2, 3) for row, name in enumerate(names)]
    replays(out, 0, 5, 6, 11)


def test_a_growth_that_was_killed_with_a_list_in_place_goes_on(images, tmp_path):
    out = degrade(images, tmp_path / "out", samples_per_image=2)
    # The images moved: the list has other paths.
    moved = tmp_path / "moved"
    images.rename(moved)
    paint(moved, "a")
    whole = tmp_path / "whole"
    shutil.copytree(out, whole)
    degrade(moved, whole, samples_per_image=3)
    for name in ("images.arrow", "images-2.arrow"):
        # Killed between this list and the plan.
        shutil.copy(whole / "__meta__" / name, out / "__meta__" / name)
        again = tmp_path / f"after {name}"
        shutil.copytree(out, again)
        degrade(moved, again, samples_per_image=3)
        assert shas(again) == shas(whole)
        assert_clean(again)


@pytest.mark.parametrize("lost", ["images.arrow", "images-2.arrow", "images-3.arrow"])
def test_a_list_that_is_lost_is_made_again_whatever_the_names(images, tmp_path, lost):
    out = degrade(images, tmp_path / "out")
    for names in ("ac", "eg"):
        paint(images, *names)
        degrade(images, out)
    path = out / "__meta__" / lost
    content, whole = path.read_bytes(), shas(out)
    path.unlink()
    degrade(images, out)
    assert path.read_bytes() == content
    assert shas(out) == whole
    assert_clean(out)


def test_a_set_that_could_not_be_read_again_is_refused_and_nothing_changes(images, tmp_path):
    out = degrade(images, tmp_path / "out")
    whole = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    given = {"out": str(out), "executor": "serial"}
    with pytest.raises(ConfigError, match=r"at most 1,000,000,000 samples, got 3,000,000,000"):
        pairgen.degrade(samples_per_image=10**9, **given)
    with pytest.raises(ConfigError, match=r"at most 1,000,000,000 samples"):
        run_degrade_dry({"samples_per_image": 10**9, **given})
    with pytest.raises(ConfigError, match=r"at most 1,000,000 shards, got 2,250,000"):
        pairgen.degrade(images=str(images), samples_per_image=3 * 10**6, **(DEGRADE | given))
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == whole


def test_a_set_grows_as_often_as_its_plan_can_say(tmp_path):
    given = {**DEGRADE, "crop": 64, "out": str(tmp_path / "out")}
    pairgen.degrade(images="package:painted", num_images=1, **given)
    store = open_store(tmp_path / "out")
    begun = read_plan(store)
    additions = [
        {"first_slot": slot, "first_row": slot, "num_inputs": 1, "samples_per_image": 1}
        | {"first_number": 0}
        for slot in range(1, MAX_ADDITIONS + 1)
    ]
    grown = {"num_samples": MAX_ADDITIONS + 1, "source": {**begun.source, "additions": additions}}
    plan = replace(begun, **grown)
    assert parse_plan(plan.to_dict()) == plan
    check_limits(plan)
    fingerprints = plan.fingerprints()
    assert fingerprints[0] == plan.origin == begun.fingerprint()
    assert fingerprints[-2:] == (plan.fingerprint(MAX_ADDITIONS), plan.fingerprint())
    assert plan.tasks()[0].earlier == tuple(enumerate(fingerprints[:3], 1))
    with pytest.raises(ConfigError, match="at most 1,000 times"):
        check_limits(with_pictures(plan, MAX_ADDITIONS + 2))


def test_a_dry_run_takes_images_that_moved(images, tmp_path):
    out = degrade(images, tmp_path / "out")
    moved = paint(images.rename(tmp_path / "moved"), "a")
    given = {"images": str(moved), "out": str(out), "samples_per_image": 2, **DEGRADE}
    assert run_degrade_dry(given).measured is not None


# Dies, as if it was killed, before it puts a file in place.
KILLED = """
import os, sys, pairgen
def hook(event, args):
    if event == "os.rename" and str(args[1]).endswith(sys.argv[3]):
        os._exit(137)
sys.addaudithook(hook)
pairgen.collect(images=sys.argv[1], out=sys.argv[2], executor="serial")
"""


@pytest.mark.parametrize("killed_at", ["64x64/__meta__/plan.yaml", "__meta__/subsets.yaml"])
def test_buckets_go_on_after_a_growth_was_killed_between_two_plans(tmp_path, killed_at):
    images, out = tmp_path / "images", tmp_path / "out"
    images.mkdir()

    def draw(name: str, width: int, height: int) -> None:
        (images / name).write_bytes(encoded(make_picture(height, width, seed=len(name))))

    draw("a.png", 96, 160)
    draw("bb.png", 128, 128)
    collect(images, out, bucket=True, size=64)
    draw("ccc.png", 96, 160)
    draw("dddd.png", 128, 128)
    command = [sys.executable, "-c", KILLED, str(images), str(out), killed_at]
    assert subprocess.run(command, check=False).returncode == 137
    for given in ({}, {"images": str(images)}):
        assert pairgen.collect(out=str(out), executor="serial", **given).complete
    for bucket in ("48x80", "64x64"):
        assert len(samples(out / bucket)) == 2
        assert_clean(out / bucket)


def test_a_short_shard_that_would_lose_a_sample_stays_as_it_is(tmp_path):
    images = paint(tmp_path / "images", "b", "d", "f")
    out = degrade(images, tmp_path / "out", samples_per_image=2)
    before = shas(out)
    (images / "f.png").write_bytes(b"no image")
    with pytest.raises(LostSampleError, match=r"its sample 000000004 is lost: f\.png: .* remove"):
        pairgen.degrade(out=str(out), samples_per_image=3, executor="serial")
    tar = Path(layout.shard_path(1)).name
    assert shas(out)[tar] == before[tar]
    refused = run("degrade", out=out, executor="serial")
    assert (refused.returncode, "cannot grow" in refused.stderr) == (1, True)
    # Whoever wants to do without it says so.
    (out / layout.receipt_path(1)).unlink()
    grown = pairgen.degrade(out=str(out), executor="serial", max_rejected=1)
    assert grown.complete
    assert len(samples(out)) == 9 - 3


def test_a_short_shard_whose_image_is_another_now_stays_as_it_is(tmp_path):
    sources = []
    for name, level in (("a", 10), ("b", 200)):
        (tmp_path / name).mkdir()
        Image.new("RGB", (48, 48), (level,) * 3).save(tmp_path / name / "x.bmp")
        sources.append(str(tmp_path / name))
    out = tmp_path / "out"
    pairgen.degrade(images=sources[0], out=str(out), **DEGRADE)
    before = samples(out)
    with pytest.raises(LostSampleError, match="000000000 shows another image now"):
        pairgen.degrade(images=sources[::-1], out=str(out), **DEGRADE)
    assert samples(out) == before


def test_a_short_shard_without_its_index_grows(tmp_path):
    images = paint(tmp_path / "images", "b", "d")
    out = degrade(images, tmp_path / "out")
    (out / layout.index_path(0)).unlink()
    assert pairgen.degrade(out=str(out), samples_per_image=2, executor="serial").complete
    assert_clean(out)


def test_parts_go_on_with_images_that_moved(tmp_path):
    images = paint(tmp_path / "images", "b", "d", "f", "h")
    out = degrade(images, tmp_path / "out", samples_per_image=2)
    whole = shas(out)
    moved = tmp_path / "moved"
    images.rename(moved)
    for number in (0, 1):
        (out / layout.receipt_path(number)).unlink()
    for number in (2, 1):
        options = {**DEGRADE, "samples_per_image": 2, "shard_range": f"{number}/2"}
        pairgen.degrade(images=str(moved), out=str(out), **options)
    assert shas(out) == whole
    assert_clean(out)


def test_a_list_that_a_killed_growth_left_is_not_taken_for_that_of_a_part(tmp_path):
    images = paint(tmp_path / "images", "b", "d")
    out = degrade(images, tmp_path / "out")
    other = degrade(paint(tmp_path / "other", "x"), tmp_path / "of another")
    (out / layout.images_path(2)).write_bytes((other / layout.IMAGES).read_bytes())
    paint(images, "c")
    pairgen.degrade(images=str(images), out=str(out), shard_range="1/1", **DEGRADE)
    assert_clean(out)
    assert [each["image"] for each in facts(out)] == ["b.png", "d.png", "c.png"]


def test_repair_names_the_list_that_is_damaged(tmp_path):
    images = paint(tmp_path / "images", "b", "d")
    out = degrade(images, tmp_path / "out")
    paint(images, "c")
    degrade(images, out)
    second = out / layout.images_path(2)
    second.write_bytes(second.read_bytes()[:-9] + bytes(9))
    with pytest.raises(ConfigError, match=r"images-2\.arrow"):
        pairgen.repair(out, executor="serial")


def test_captions_of_new_images_are_left_out_where_none_had_one(tmp_path, caplog):
    caplog.set_level("INFO")
    images = paint(tmp_path / "images", "b", "d")
    out = degrade(images, tmp_path / "out")
    paint(images, "c")
    (images / "c.txt").write_text("a caption")
    degrade(images, out)
    assert "The set has no captions: those of new images are left out." in caplog.text
    assert_clean(out)
