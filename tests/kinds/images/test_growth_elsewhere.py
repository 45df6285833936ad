"""Sets of images that grow in a bucket, and by several commands at the same moment."""

import shutil
from pathlib import Path

import pairgen
from pairgen.shards.format import layout
from tests.kinds.degrade.test_degrade import assert_clean
from tests.kinds.images.test_growth import DEGRADE, degrade, paint
from tests.runs import shas, start
from tests.s3_server import bucket, quiet, server

__all__ = ["bucket", "server"]
pytestmark = [*quiet]


def test_a_set_in_a_bucket_grows_as_one_in_a_folder(bucket: str, tmp_path: Path) -> None:
    images = paint(tmp_path / "images", "b", "d")
    local, there = tmp_path / "out", f"{bucket}/set"
    degrade(images, local)
    assert pairgen.degrade(images=str(images), out=there, **DEGRADE).complete
    paint(images, "a", "c")
    for out in (str(local), there):
        assert pairgen.degrade(images=str(images), out=out, **DEGRADE, samples_per_image=2).complete
        assert pairgen.verify(out).clean
    found = pairgen.status(there).data
    assert found["num_shards"] == len(list(local.glob("train/*.tar")))
    assert {each.sha256 for each in manifest(there)} == {each.sha256 for each in manifest(local)}


def manifest(out: str | Path) -> list:
    return list(pairgen.degrade(out=str(out), executor="serial").receipts)


def test_parts_that_begin_at_the_same_moment_grow_a_set(tmp_path: Path) -> None:
    images = paint(tmp_path / "images", "b", "d", "f")
    whole = degrade(images, tmp_path / "whole", samples_per_image=2)
    shutil.copytree(whole, tmp_path / "parts")
    paint(images, "a", "c")
    degrade(images, whole, samples_per_image=3)
    options = {**DEGRADE, "images": images, "out": tmp_path / "parts", "samples_per_image": 3}
    begun = [
        start(tmp_path / f"{number}.log", "degrade", **options, shard_range=f"{number}/3")
        for number in (1, 2, 3)
    ]
    assert [each.wait(120) for each in begun] == [0, 0, 0]
    assert shas(tmp_path / "parts") == shas(whole)
    assert (tmp_path / "parts" / layout.images_path(2)).is_file()
    assert_clean(tmp_path / "parts")
