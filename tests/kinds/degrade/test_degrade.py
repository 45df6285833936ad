"""`pairgen degrade` from photographs to verified shards: what a sample is and depends on."""

import io
import json
import logging
import random
import threading
import zlib
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import pairgen
from pairgen.errors import ConfigError, OutOfDeviceMemoryError, PlanMismatchError
from pairgen.execution.executor import run_serial
from pairgen.execution.progress import Progress
from pairgen.execution.ray.executor import RayOptions, run_ray
from pairgen.execution.worker import Job
from pairgen.jobs.degrade.dry_run import run_degrade_dry
from pairgen.jobs.degrade.run import run_degrade
from pairgen.jobs.replay.run import run_replay
from pairgen.kinds.degrade.pyramid import find_preset, preset_names, render
from pairgen.seeding import Stream, generator_for
from pairgen.shards.format.index import decode_index, index_columns
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from pairgen.sources.photographs import decode_rgb
from tests.degradations.pictures import make_picture
from tests.runs import kill_group, receipts, run, samples, shas, start, wait_until

OPTIONS = {"crop": 64, "samples_per_shard": 4, "executor": "serial", "scales": "4,8", "seed": 3}


def encoded(picture: np.ndarray, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray((picture * 255).round().astype(np.uint8)).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five images; two have a caption."""
    folder = tmp_path_factory.mktemp("photographs")
    for number in range(5):
        data = encoded(make_picture(80 + 8 * number, 100, seed=number))
        (folder / f"{number}.png").write_bytes(data)
    (folder / "1.txt").write_text("a red square")
    (folder / "3.txt").write_text("é\n")
    return folder


def degrade(photographs: Path, out: Path, **options: object) -> Path:
    manifest = pairgen.degrade(images=str(photographs), out=str(out), **(OPTIONS | options))
    assert manifest.complete
    return out


def assert_clean(out: Path) -> None:
    report = pairgen.verify(out)
    assert report.clean, report.table()


def test_a_sample_is_a_crop_and_its_levels_from_the_recorded_draw(photographs, tmp_path):
    out = degrade(photographs, tmp_path / "out", samples_per_image=2)
    made, preset = samples(out), find_preset("realesrgan")
    assert len(made) == 10
    for index, sample in enumerate(made):
        facts, hr = json.loads(sample["json"]), decode_rgb(sample["png"])
        data = (photographs / facts["image"]).read_bytes()
        top, left = facts["top"], facts["left"]
        np.testing.assert_array_equal(hr, decode_rgb(data)[top : top + 64, left : left + 64])
        assert facts["image"] == f"{index // 2}.png"
        assert facts["crop_number"] == index % 2
        assert facts["image_crc32"] == zlib.crc32(data)
        draw = json.loads(facts["draw"])
        assert draw == preset.draw(generator_for(3, index, Stream.DEGRADATION))
        for level, picture in render(preset, hr, draw, (2, 4, 8)).items():
            np.testing.assert_array_equal(decode_rgb(sample[f"lr{level}.png"]), picture)
            assert picture.shape == (64 // level, 64 // level, 3)
    assert len({sample["json"] for sample in made}) == 10
    assert_clean(out)


def test_a_level_has_equal_bytes_whatever_is_stored_beside_it(photographs, tmp_path):
    both = samples(degrade(photographs, tmp_path / "both"))
    four = samples(degrade(photographs, tmp_path / "four", scales="4"))
    only = samples(degrade(photographs, tmp_path / "only", levels="4"))
    assert set(both[0]) == {"json", "txt", "png", "lr2.png", "lr4.png", "lr8.png"}
    assert set(four[0]) == {"json", "txt", "png", "lr2.png", "lr4.png"}
    assert set(only[0]) == {"json", "txt", "png", "lr4.png"}
    for one, two, three in zip(both, four, only, strict=True):
        assert one["lr4.png"] == two["lr4.png"] == three["lr4.png"]
        assert one["json"] == two["json"]


def test_captions_travel_and_a_set_without_any_has_no_txt(photographs, tmp_path):
    made = samples(degrade(photographs, tmp_path / "with"))
    assert [sample["txt"].decode() for sample in made] == ["", "a red square", "", "é", ""]
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "a.png").write_bytes((photographs / "0.png").read_bytes())
    assert "txt" not in samples(degrade(bare, tmp_path / "without"))[0]


@pytest.mark.parametrize("preset", ["bicubic", "osediff", "realesrgan-light"])
@pytest.mark.parametrize("hr_format", ["png", "webp-lossless", "jpg"])
def test_presets_and_formats(photographs, tmp_path, preset, hr_format):
    out = degrade(photographs, tmp_path / "out", degradation=preset, hr_format=hr_format)
    extension = hr_format.removesuffix("-lossless")
    hr = decode_rgb(samples(out)[0][extension])
    facts = json.loads(samples(out)[0]["json"])
    source = decode_rgb((photographs / "0.png").read_bytes())
    crop = source[facts["top"] : facts["top"] + 64, facts["left"] : facts["left"] + 64]
    error = np.abs(hr.astype(int) - crop).mean()
    assert error < 8 if hr_format == "jpg" else error == 0
    assert_clean(out)


def test_tiles_cover_the_image_and_flat_ones_are_left_out(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    picture = np.full((128, 192, 3), 0.5, np.float32)
    picture[:64, 64:128] = make_picture(64, 64)
    picture[64:, 128:] = make_picture(64, 64, seed=1)
    (folder / "a.png").write_bytes(encoded(picture))
    result = run_degrade(
        {
            **OPTIONS,
            "images": str(folder),
            "crops": "tiled",
            "min_sharpness": 1,
            "out": str(tmp_path / "out"),
        }
    )
    made = samples(tmp_path / "out")
    places = [(f["top"], f["left"]) for f in (json.loads(sample["json"]) for sample in made)]
    assert places == [(0, 64), (64, 128)]
    failed = [slot for receipt in result.manifest.receipts for slot in receipt.failed]
    assert [slot.index for slot in failed] == [0, 2, 3, 4]
    assert all("flat or blurred: sharpness 0.0, below 1" in slot.reason for slot in failed)
    assert all(slot.skipped for slot in failed)
    assert (result.manifest.num_skipped, result.manifest.num_failed) == (4, 0)
    assert "| samples left out by a threshold | 4 |" in (tmp_path / "out/README.md").read_text()
    assert not result.too_many_rejected
    assert_clean(tmp_path / "out")


def test_what_a_threshold_leaves_out_is_told_and_is_no_failure(photographs, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for path in photographs.glob("*.png"):
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "flat.png").write_bytes(encoded(np.full((80, 80, 3), 0.5, np.float32)))
    (folder / "long.png").write_bytes(encoded(make_picture(64, 400)))
    options = {"images": folder, "crop": 64, "max-rejected": 0, "max-aspect": 2}
    result = run("degrade", **options, min_sharpness=1, out=tmp_path / "out", executor="serial")
    assert result.returncode == 0, result.stderr
    assert "0 images rejected, 1 skipped by --max-aspect." in result.stderr
    assert "1 sample skipped by --min-sharpness; their receipts say why." in result.stdout
    assert "failed" not in result.stdout
    (rejected,) = (tmp_path / "out/__meta__/rejected/00000.jsonl").read_text().splitlines()
    assert json.loads(rejected)["reason"] == "aspect above 2: 400 x 64 is 6.25"
    # What cannot be read counts, as before.
    (folder / "broken.png").write_bytes(b"no image")
    result = run("degrade", **options, min_sharpness=1, out=tmp_path / "two", executor="serial")
    assert result.returncode == 3, result.stderr
    assert "Error: 1 of 7 images (14.3 %) was rejected, more" in result.stderr


def test_pairgens_own_shards_are_a_source(photographs, tmp_path):
    first = degrade(photographs, tmp_path / "first")
    again = degrade(first, tmp_path / "again", scales="2")
    for before, after in zip(samples(first), samples(again), strict=True):
        np.testing.assert_array_equal(decode_rgb(before["png"]), decode_rgb(after["png"]))
        assert before["txt"] == after["txt"]
    assert_clean(again)


def test_a_folder_continues_with_its_own_options_and_refuses_others(photographs, tmp_path):
    out = degrade(photographs, tmp_path / "out")
    before = shas(out)
    (out / "train/00001.tar").unlink()
    (out / "__meta__/shards/00001.json").unlink()
    assert pairgen.degrade(out=str(out), executor="serial").complete
    assert shas(out) == before
    with pytest.raises(PlanMismatchError, match=r"crop \(was 64, got 32\)"):
        pairgen.degrade(out=str(out), crop=32)
    with pytest.raises(PlanMismatchError, match=r"degradation"):
        pairgen.degrade(out=str(out), degradation="bicubic")
    others = tmp_path / "others"
    others.mkdir()
    (others / "0.png").write_bytes((photographs / "0.png").read_bytes())
    # All that is asked for is there.
    assert pairgen.degrade(out=str(out), images=str(others)).complete
    Image.fromarray(np.full((80, 80, 3), 90, np.uint8)).save(others / "new.png")
    with pytest.raises(PlanMismatchError, match=r"5 other images, of which 4 are not"):
        pairgen.degrade(out=str(out), images=str(others))
    with pytest.raises(ConfigError, match="kind 'degrade', not 'ode'"):
        pairgen.ode(out=str(out))
    assert shas(out) == before


def test_verify_finds_an_altered_picture_and_repair_makes_it_again(photographs, tmp_path):
    out = degrade(photographs, tmp_path / "out")
    before = shas(out)
    path = out / "train/00001.tar"
    data = bytearray(path.read_bytes())
    data[data.index(b"IDAT") + 40] ^= 1
    path.write_bytes(data)
    report = pairgen.verify(out)
    assert {problem.shard_index for problem in report.problems} == {1}
    assert {"sha256", "unreadable"} <= {problem.kind for problem in report.problems}
    assert pairgen.repair(out, executor="serial").complete
    assert shas(out) == before
    assert_clean(out)


def test_a_changed_source_fails_its_slots_and_hurts_no_other(photographs, tmp_path, caplog):
    folder = tmp_path / "photos"
    folder.mkdir()
    for path in photographs.glob("*.png"):
        (folder / path.name).write_bytes(path.read_bytes())
    out = degrade(folder, tmp_path / "out")
    expected = samples(out)
    (folder / "1.png").write_bytes(encoded(make_picture(70, 70)))
    (folder / "2.png").unlink()
    for path in (*out.glob("train/*"), *out.glob("__meta__/shards/*")):
        path.unlink()
    manifest = pairgen.degrade(out=str(out), executor="serial")
    failed = {slot.index: slot.reason for each in manifest.receipts for slot in each.failed}
    assert set(failed) == {1, 2}
    assert "bytes, planned with" in failed[1]
    assert "No such file" in failed[2]
    assert samples(out) == [expected[0], *expected[3:]]
    with caplog.at_level(logging.INFO, logger="pairgen"):
        assert pairgen.repair(out, executor="serial").num_failed == 2
    assert "1 image that failed has changed since the plan was made, such as 1.png" in caplog.text
    # Away altogether, as on a disk that is not mounted: nothing is lost.
    before = shas(out)
    folder.rename(tmp_path / "away")
    assert pairgen.repair(out, executor="serial").num_failed == 2
    assert shas(out) == before
    (tmp_path / "away").rename(folder)
    # When the images are back, repair tries the failed slots again.
    for path in photographs.glob("*.png"):
        (folder / path.name).write_bytes(path.read_bytes())
    assert pairgen.repair(out, executor="serial").num_failed == 0
    assert samples(out) == expected


def test_every_index_file_has_the_same_columns(photographs, tmp_path):
    for preset in preset_names():
        out = degrade(photographs, tmp_path / preset, samples_per_shard=1, degradation=preset)
        files = sorted(out.glob("__meta__/index/*.parquet"))
        first, *others = (pq.read_schema(path) for path in files)
        assert len(others) == 4
        assert all(schema.equals(first) for schema in others)
        # The plan tells them, for conditions and loaders.
        assert set(index_columns(read_plan(open_store(out)))) == set(first.names)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": ""}, "images must not be empty"),
        ({"from_ode": ""}, "from_ode must not be empty"),
        ({"crops": "tiled", "samples_per_image": 3}, "samples_per_image is for random crops"),
        ({"degradation": "own.yaml"}, "ends at 64 x 64 px, not at 32 x 32"),
    ],
)
def test_what_is_wrong_leaves_nothing(photographs, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.yaml").write_text("levels: [jpeg]")
    with pytest.raises(ConfigError, match=message):
        pairgen.degrade(**{**OPTIONS, "images": str(photographs), "out": "new", **options})
    assert not (tmp_path / "new").exists()


def test_another_way_to_cut_is_another_dataset(photographs, tmp_path):
    out = degrade(photographs, tmp_path / "random", samples_per_image=2)
    # The number of random crops is the plan's word, not the user's.
    with pytest.raises(PlanMismatchError, match=r"crops \(was random, got tiled\)"):
        pairgen.degrade(out=str(out), crops="tiled", executor="serial")
    with pytest.raises(ConfigError, match="batch_size must be left out with pixel_path 'cpu'"):
        pairgen.degrade(out=str(out), batch_size=4)
    assert pairgen.repair(str(out)).complete


def test_an_image_that_two_values_name_is_used_once(photographs, tmp_path):
    values = [str(photographs), f"{photographs}/*.png"]
    manifest = pairgen.degrade(**{**OPTIONS, "images": values, "out": str(tmp_path / "out")})
    assert manifest.num_samples == 5


def test_captions_that_name_no_image_are_refused(photographs, tmp_path):
    (tmp_path / "c.csv").write_text("file_name,caption\nother.png,a boat\n")
    with pytest.raises(ConfigError, match="match none of the images"):
        degrade(photographs, tmp_path / "out", captions=str(tmp_path / "c.csv"))
    assert not (tmp_path / "out").exists()


def test_the_index_holds_what_was_drawn(photographs, tmp_path):
    out = degrade(photographs, tmp_path / "out")
    rows = decode_index((out / "__meta__/index/00000.parquet").read_bytes())
    assert [row["image"] for row in rows] == ["0.png", "1.png", "2.png", "3.png"]
    facts = [json.loads(members["json"]) for members in samples(out)[:4]]
    drawn = [json.loads(each["draw"])["shared"]["operations"] for each in facts]
    assert [row["draw_shared_2_resize_factor"] for row in rows] == [
        operations[2]["resize"]["factor"] for operations in drawn
    ]
    assert [row["draw_shared_1_choice"] for row in rows] == [
        operations[1]["one_of"]["choice"] for operations in drawn
    ]


def test_the_torch_path_makes_a_set_with_the_same_draws_and_nearly_the_same_pixels(
    photographs, tmp_path
):
    options = {"samples_per_image": 3, "samples_per_shard": 6}
    by_cpu = degrade(photographs, tmp_path / "cpu", **options)
    by_torch = degrade(photographs, tmp_path / "torch", **options, pixel_path="torch", batch_size=4)
    plans = [read_plan(open_store(out)) for out in (by_cpu, by_torch)]
    assert [plan.recipe["pixel_path"] for plan in plans] == ["cpu", "torch"]
    assert [plan.execution for plan in plans] == [
        {"cpu_threads": 1},
        {"cpu_threads": 1, "batch_size": 4},
    ]
    off = []
    for one, other in zip(samples(by_cpu), samples(by_torch), strict=True):
        assert {one[name] == other[name] for name in ("json", "txt", "png")} == {True}
        for level in (2, 4, 8):
            pictures = [decode_rgb(each[f"lr{level}.png"]).astype(int) for each in (one, other)]
            off.append(np.abs(pictures[0] - pictures[1]).max())
    assert (np.array(off) > 1).sum() <= 5
    again = degrade(photographs, tmp_path / "again", **options, pixel_path="torch", batch_size=4)
    assert shas(again) == shas(by_torch)
    assert_clean(by_torch)


def test_a_set_of_the_torch_path_continues_and_replays(photographs, tmp_path):
    out = tmp_path / "out"
    options = {"images": photographs, "out": out, "crop": 64, "executor": "serial"}
    options |= {"samples-per-image": 3, "samples-per-shard": 6, "pixel-path": "torch"}
    result = run("degrade", **options, **{"batch-size": 4})
    assert result.returncode == 0, result.stderr
    before = shas(out)
    (out / "train/00001.tar").unlink()
    (out / "__meta__/shards/00001.json").unlink()
    assert pairgen.degrade(out=str(out), executor="serial").complete
    assert shas(out) == before
    with pytest.raises(PlanMismatchError, match=r"pixel_path \(was torch, got cpu\)"):
        pairgen.degrade(out=str(out), pixel_path="cpu")
    # The shard that is made again is replayed in its own batches, those of two.
    (out / "train/00001.tar").unlink()
    (out / "__meta__/shards/00001.json").unlink()
    assert pairgen.degrade(out=str(out), executor="serial", batch_size=2).complete
    for index in (0, 5, 6, 7, 9, 11, 14):
        result = run_replay(out, str(index))
        assert result.differences == result.software == ()


def test_a_slot_that_fails_keeps_its_place_in_a_batch(photographs, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for path in photographs.glob("*.png"):
        (folder / path.name).write_bytes(path.read_bytes())
    options = {"pixel_path": "torch", "samples_per_shard": 5, "batch_size": 2}
    out = degrade(folder, tmp_path / "out", **options)
    expected = samples(out)
    for path in (*out.glob("train/*"), *out.glob("__meta__/shards/*")):
        path.unlink()
    for name in ("0.png", "2.png", "3.png"):
        (folder / name).unlink()
    manifest = pairgen.degrade(out=str(out), executor="serial")
    failed = [slot.index for each in manifest.receipts for slot in each.failed]
    assert failed == [0, 2, 3]
    assert samples(out) == [expected[1], expected[4]]


def test_full_memory_names_a_smaller_batch(photographs, tmp_path):
    preset = tmp_path / "hungry.yaml"
    preset.write_text("levels: [{tests.degradations.own_hungry: {max_batch: 2}}, resize_to_target]")
    options = {**OPTIONS, "images": str(photographs), "degradation": str(preset)}
    options |= {"out": str(tmp_path / "out"), "pixel_path": "torch"}
    with pytest.raises(OutOfDeviceMemoryError, match=r"batch of 4 does not fit.*--batch-size 2"):
        pairgen.degrade(**options, batch_size=4)
    manifest = pairgen.degrade(**options, batch_size=2)
    assert manifest.complete
    assert {receipt.made["batch_size"] for receipt in manifest.receipts} == {2}


def test_a_batch_size_needs_the_torch_path(photographs, tmp_path):
    with pytest.raises(ConfigError, match="batch_size must be left out with pixel_path 'cpu'"):
        degrade(photographs, tmp_path / "out", batch_size=4)
    with pytest.raises(ConfigError, match="batch_size must be left out with pixel_path 'cpu'"):
        run_degrade_dry({"images": str(photographs), "out": str(tmp_path / "out"), "batch_size": 4})
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.parametrize("path", [{}, {"pixel_path": "torch", "batch_size": 3}], ids=str)
def test_bytes_are_equal_for_serial_ray_and_any_order(photographs, tmp_path, cluster, path):
    reference = degrade(photographs, tmp_path / "serial", samples_per_image=6, **path)
    expected = shas(reference)

    def prepare(out: Path) -> tuple[list, Job]:
        source, target = open_store(reference), open_store(out)
        for path in ("__meta__/plan.yaml", "__meta__/images.arrow"):
            target.put_bytes(path, source.read_bytes(path))
        plan = read_plan(target)
        return plan.tasks(), Job(plan=plan.to_dict(), store_url=target.url)

    tasks, job = prepare(tmp_path / "shuffled")
    random.Random(0).shuffle(tasks)
    run_serial(job, tasks, Progress(30, 0), threading.Event())
    assert shas(tmp_path / "shuffled") == expected
    tasks, job = prepare(tmp_path / "ray")
    options = RayOptions(num_workers=2, gpus_per_worker=0, address="")
    run_ray(job, tasks, Progress(30, 0), threading.Event(), options)
    assert shas(tmp_path / "ray") == expected


@pytest.mark.slow
def test_a_killed_run_continues_to_the_same_bytes(photographs, tmp_path):
    options = {
        "images": photographs,
        "crop": 64,
        "scales": "4,8",
        "samples-per-image": 60,
        "samples-per-shard": 10,
        "executor": "serial",
    }
    assert run("degrade", **options, out=tmp_path / "whole").returncode == 0
    out = tmp_path / "killed"
    for stop_at in (3, 11, 19):
        process = start(tmp_path / "log", "degrade", **options, out=out)
        wait_until(lambda stop_at=stop_at: len(receipts(out)) >= stop_at)
        kill_group(process)
    result = run("degrade", **options, out=out)
    assert result.returncode == 0, result.stderr
    assert shas(out) == shas(tmp_path / "whole")
    assert_clean(out)
