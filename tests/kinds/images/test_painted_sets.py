"""Sets of painted pictures, from `collect` and `degrade` to verified shards that can grow."""

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pairgen
from pairgen.errors import ConfigError, PlanMismatchError
from pairgen.execution.executor import run_serial
from pairgen.execution.progress import Progress
from pairgen.execution.ray.executor import RayOptions, run_ray
from pairgen.execution.worker import Job
from pairgen.jobs.collect.dry_run import run_collect_dry
from pairgen.jobs.collect.run import run_collect
from pairgen.jobs.replay.run import run_replay
from pairgen.kinds.images.painted_plan import check_painter
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from pairgen.sources.painted.images import PaintedImages
from pairgen.sources.painted.painter import paint
from pairgen.sources.photographs import decode_as_stored, decode_rgb
from tests.runs import samples, shas

PAINTED = "package:painted"
RUN = {"executor": "serial", "seed": 1, "samples_per_shard": 4}
COLLECT = {"images": PAINTED, "num_images": 10, "size": 64, "split": "held-out", **RUN}
DEGRADE = {"images": PAINTED, "num_images": 5, "crop": 64, "scales": "8", **RUN}


def collect(out: Path, **options: Any) -> Path:
    assert pairgen.collect(out=str(out), **(COLLECT | options)).complete
    return out


def assert_clean(out: Path) -> None:
    report = pairgen.verify(out)
    assert report.clean, report.table()


@pytest.fixture(scope="module")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return collect(tmp_path_factory.mktemp("painted") / "held-out")


def test_a_sample_is_a_picture_with_its_caption_its_mask_and_its_words(held_out):
    images = PaintedImages(seed=1, split="held-out", side=64)
    found = samples(held_out)
    assert len(found) == 10
    for row, sample in enumerate(found):
        file = images[row].file
        painted = paint(file.scene, 64)
        np.testing.assert_array_equal(decode_rgb(sample["png"]), painted.picture)
        np.testing.assert_array_equal(decode_as_stored(sample["mask.png"]), painted.mask)
        assert sample["txt"].decode() == file.scene.composition.caption
        assert sample["tag.txt"].decode() == file.scene.composition.tag
        assert json.loads(sample["json"])["image"] == file.name
    assert_clean(held_out)
    assert run_replay(held_out, "7").equal
    assert not (held_out / "__meta__/images.arrow").exists()


def test_a_mirrored_picture_has_a_mirrored_mask(tmp_path):
    found = samples(collect(tmp_path / "out", flip=True))
    flips = [json.loads(sample["json"])["flip"] for sample in found]
    assert 0 < sum(flips) < len(flips)
    images = PaintedImages(seed=1, split="held-out", side=64)
    for row, (sample, flip) in enumerate(zip(found, flips, strict=True)):
        expected = images[row].file.mask()[:, :: -1 if flip else 1]
        np.testing.assert_array_equal(decode_as_stored(sample["mask.png"]), expected)


def test_a_set_that_grew_equals_one_made_at_once(held_out, tmp_path):
    grown = collect(tmp_path / "grown", num_images=6)
    # Its own options are remembered.
    pairgen.collect(out=str(grown), num_images=8, executor="serial")
    collect(grown)
    assert shas(grown) == shas(held_out)
    assert_clean(grown)
    assert collect(grown, num_images=9) == grown
    assert shas(grown) == shas(held_out)


def test_a_lost_shard_is_painted_again(held_out, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(held_out, broken)
    (broken / "train/00001.tar").unlink()
    pairgen.repair(broken, executor="serial")
    assert shas(broken) == shas(held_out)


def test_serial_runs_in_any_order_give_equal_bytes(held_out, tmp_path):
    plan, job = prepared(held_out, tmp_path / "other")
    tasks = plan.tasks()[::-1]
    run_serial(job, tasks, Progress(plan.num_samples, 0), threading.Event())
    assert shas(tmp_path / "other") == shas(held_out)


@pytest.mark.slow
@pytest.mark.ray
def test_ray_gives_equal_bytes(held_out, tmp_path, cluster):
    plan, job = prepared(held_out, tmp_path / "ray")
    options = RayOptions(num_workers=2, gpus_per_worker=0.0, address="")
    run_ray(job, plan.tasks(), Progress(plan.num_samples, 0), threading.Event(), options)
    assert shas(tmp_path / "ray") == shas(held_out)


def prepared(reference: Path, out: Path) -> tuple[Any, Job]:
    """Lay a copy of the plan, which is all that workers need, into a new folder."""
    target = open_store(out)
    target.put_bytes("__meta__/plan.yaml", open_store(reference).read_bytes("__meta__/plan.yaml"))
    plan = read_plan(target)
    return plan, Job(plan=plan.to_dict(), store_url=target.url)


def test_a_degraded_picture_is_the_painted_one_with_its_texts(tmp_path):
    out = tmp_path / "out"
    pairgen.degrade(**DEGRADE, samples_per_image=2, out=str(out))
    found = samples(out)
    assert len(found) == 10
    images = PaintedImages(seed=1, split="train", side=64)
    for index, sample in enumerate(found):
        file = images[index // 2].file
        np.testing.assert_array_equal(decode_rgb(sample["png"]), decode_rgb(file.read()))
        assert sample["txt"].decode() == file.caption
        assert sample["tag.txt"].decode() == file.tag
        assert decode_rgb(sample["lr8.png"]).shape == (8, 8, 3)
    assert_clean(out)
    assert run_replay(out, "3").equal
    grown = pairgen.degrade(out=str(out), num_images=6, executor="serial")
    assert grown.num_samples == 12
    assert_clean(out)


def test_tiles_of_a_picture_are_the_picture(tmp_path):
    manifest = pairgen.degrade(**DEGRADE, crops="tiled", out=str(tmp_path / "out"))
    assert manifest.num_samples == 5
    assert_clean(tmp_path / "out")


def test_an_edit_is_source_instruction_and_target(tmp_path):
    out = tmp_path / "out"
    options = {"edit_triples": PAINTED, "num_images": 6, "size": 64, **RUN}
    assert pairgen.collect(**options, out=str(out)).complete
    images = PaintedImages(seed=1, split="train", side=64, edits=True)
    for row, sample in enumerate(samples(out)):
        file = images[row].file
        assert sorted(sample) == ["json", "png", "src.png", "txt"]
        assert sample["txt"].decode() == file.caption
        np.testing.assert_array_equal(decode_rgb(sample["png"]), decode_rgb(file.read()))
        np.testing.assert_array_equal(
            decode_rgb(sample["src.png"]), decode_rgb(file.partner.read())
        )
    assert_clean(out)
    assert run_replay(out, "2").equal


def test_a_trial_writes_nothing_and_knows_the_bytes(tmp_path):
    result = run_collect_dry({**COLLECT, "out": str(tmp_path / "out")}, num_samples=4)
    assert result.input_bytes == 0
    assert result.measured.num_samples == 4
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"num_images": 3}, "num_images is for pictures of package:painted: leave it out, got 3."),
        (
            {"images": "package:photographs", "split": "train"},
            "split is for pictures of package:painted: leave it out, got 'train'.",
        ),
        (
            {"images": PAINTED, "size": 64},
            "num_images must say how many pictures of package:painted to paint.",
        ),
        ({"images": PAINTED, "num_images": 0, "size": 64}, "num_images must say how many"),
        (
            {"images": PAINTED, "num_images": 3},
            "size must be from 16 to 128 for package:painted, got 512.",
        ),
        (
            {"images": [PAINTED, "photos"], "num_images": 3, "size": 64},
            "package:painted cannot be mixed with other images, got package:painted, photos: make "
            "a set of each.",
        ),
        (
            {"images": "package:emoji"},
            "Packaged images are package:painted and package:photographs, got 'package:emoji'.",
        ),
        (
            {"images": PAINTED, "num_images": 3, "size": 64, "label_column": "label"},
            "label_column is for images of your own, not for package:painted, got 'label'.",
        ),
        (
            {"images": PAINTED, "num_images": 3, "size": 64, "captions": "captions.csv"},
            "captions is for images of your own, not for package:painted, got 'captions.csv'.",
        ),
        (
            {"images": PAINTED, "num_images": 3, "size": 64, "format": "keep"},
            "format keep stores the bytes of files, and package:painted has none",
        ),
        (
            {"images": PAINTED, "num_images": 3, "size": 64, "min_size": 100},
            "min_size must be at most the size of the painted pictures, 64, got 100.",
        ),
    ],
)
def test_options_that_make_no_sense_are_refused(options, reason, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(ConfigError, match=f"^{reason}"):
        run_collect({**options, "out": str(out), "executor": "serial"})
    assert not out.exists()


def test_a_crop_that_cannot_be_painted_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"^crop must be from 16 to 128 .*, got 256\."):
        pairgen.degrade(**DEGRADE | {"crop": 256}, out=str(tmp_path / "out"))


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ({"split": "train"}, r"painted\.split \(was held-out, got train\)"),
        ({"seed": 2}, r"seed \(was 1, got 2\)"),
        ({"size": 32}, r"size \(was 64, got 32\)"),
        ({"images": "package:photographs", "size": 64}, "cannot add other images"),
    ],
)
def test_other_pictures_are_another_set(held_out, option, told):
    with pytest.raises(PlanMismatchError, match=told):
        pairgen.collect(**option, out=str(held_out), executor="serial")


def test_pictures_of_another_painter_are_refused(held_out, tmp_path):
    folder = tmp_path / "older"
    shutil.copytree(held_out, folder)
    plan = read_plan(open_store(folder))
    plan.source["sha256"] = "0" * 64
    with pytest.raises(ConfigError, match="paints other pictures"):
        check_painter(plan)


def test_packaged_photographs_are_the_default(tmp_path):
    options = {"size": 32, "executor": "serial"}
    named, default = tmp_path / "named", tmp_path / "default"
    pairgen.collect(images="package:photographs", out=str(named), **options)
    pairgen.collect(out=str(default), **options)
    assert shas(named) == shas(default)
