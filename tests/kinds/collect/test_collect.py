"""`pairgen collect` from images to verified shards: what a sample is and depends on."""

import io
import json
import random
import threading
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageCms

import pairgen
from pairgen.errors import ConfigError, PlanMismatchError
from pairgen.execution.executor import run_serial
from pairgen.execution.progress import Progress
from pairgen.execution.ray.executor import RayOptions, run_ray
from pairgen.execution.worker import Job
from pairgen.jobs.collect.dry_run import run_collect_dry
from pairgen.jobs.collect.run import run_collect
from pairgen.jobs.replay.run import run_replay, run_replays
from pairgen.seeding import Stream, generator_for
from pairgen.shards.format.index import decode_index, index_columns
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from pairgen.sources.photographs import decode_rgb
from tests.degradations.pictures import make_picture
from tests.kinds.degrade.test_hostile_images import hostile_files
from tests.runs import kill_group, receipts, run, samples, shas, start, undo_shards, wait_until

OPTIONS = {"size": 64, "samples_per_shard": 4, "executor": "serial", "seed": 3}


def located(height: int, width: int, number: int = 0) -> Image.Image:
    """Return an image whose pixels tell row, column and its number."""
    rows, columns = np.mgrid[:height, :width]
    values = np.stack([rows, columns, np.full_like(rows, number)], axis=-1)
    return Image.fromarray(values.astype(np.uint8))


def textured(height: int, width: int, seed: int) -> Image.Image:
    return Image.fromarray((make_picture(height, width, seed=seed) * 255).round().astype(np.uint8))


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten images; two have a caption."""
    folder = tmp_path_factory.mktemp("photographs")
    for number in range(10):
        (folder / f"{number}.png").write_bytes(encoded(textured(80 + 8 * number, 100, number)))
    (folder / "1.txt").write_text("a red square")
    (folder / "3.txt").write_text("é\n")
    return folder


def collect(images: Path, out: Path, **options: object) -> Path:
    assert pairgen.collect(images=str(images), out=str(out), **(OPTIONS | options)).complete
    return out


def facts_of(out: Path) -> list[dict]:
    return [json.loads(sample["json"]) for sample in samples(out)]


def assert_clean(out: Path) -> None:
    report = pairgen.verify(out)
    assert report.clean, report.table()


def test_a_sample_is_the_resized_middle(photographs, tmp_path):
    out = collect(photographs, tmp_path / "out")
    made = samples(out)
    assert len(made) == 10
    for number, sample in enumerate(made):
        data = (photographs / f"{number}.png").read_bytes()
        source = Image.open(io.BytesIO(data)).convert("RGB")
        facts = json.loads(sample["json"])
        short = min(source.size)
        size = tuple(round(64 * side / short) for side in source.size)
        assert (facts["source_width"], facts["source_height"]) == source.size
        assert (facts["resized_width"], facts["resized_height"]) == size
        left, top = ((side - 64) // 2 for side in size)
        assert (facts["left"], facts["top"], facts["flip"]) == (left, top, False)
        small = source.resize(size, Image.Resampling.LANCZOS)
        expected = np.asarray(small)[top : top + 64, left : left + 64]
        np.testing.assert_array_equal(decode_rgb(sample["png"]), expected)
        assert facts["image"] == f"{number}.png"
        assert facts["image_crc32"] == zlib.crc32(data)
        assert isinstance(facts["sharpness"], float)
    assert [sample["txt"].decode() for sample in made[:4]] == ["", "a red square", "", "é"]
    assert_clean(out)


def test_random_crops_and_flips_show_the_pixels_that_they_say(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(16):
        (folder / f"{number:02d}.png").write_bytes(encoded(located(64, 200, number)))
    out = collect(folder, tmp_path / "out", crop="random", flip=True)
    flips, places = set(), set()
    for index, sample in enumerate(samples(out)):
        facts, picture = json.loads(sample["json"]), decode_rgb(sample["png"])
        generator = generator_for(3, index, Stream.CROP)
        top, left = generator.integers((1, 137))
        assert (facts["top"], facts["left"]) == (top, left)
        assert facts["flip"] == bool(generator.integers(2))
        shown = picture[:, ::-1] if facts["flip"] else picture
        expected = np.asarray(located(64, 200, index))[:, left : left + 64]
        np.testing.assert_array_equal(shown, expected)
        flips.add(facts["flip"])
        places.add(left)
    assert flips == {True, False}
    assert len(places) > 8
    assert_clean(out)
    # Flips do not move crops.
    still = collect(folder, tmp_path / "still", crop="random")
    assert [each["left"] for each in facts_of(still)] == [each["left"] for each in facts_of(out)]


def test_every_input_is_taken_refused_or_passed_over(photographs, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for path in photographs.glob("*"):
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "broken.png").write_bytes(b"no image")
    (folder / "empty.jpg").write_bytes(b"")
    # Cut behind its header: found when it is decoded.
    (folder / "cut.jpg").write_bytes(encoded(textured(80, 80, 0), "JPEG")[:-400])
    (folder / "flat.png").write_bytes(encoded(Image.new("RGB", (80, 80))))
    (folder / "long.png").write_bytes(encoded(textured(64, 400, 0)))
    (folder / "short.png").write_bytes(encoded(textured(60, 100, 0)))
    (folder / "tiny.png").write_bytes(encoded(textured(20, 20, 0)))
    given = {**OPTIONS, "images": str(folder), "out": str(tmp_path / "out"), "max_aspect": 2}
    result = run_collect({**given, "min_sharpness": 1, "min_size": 32})
    lines = (tmp_path / "out/__meta__/rejected/00000.jsonl").read_text().splitlines()
    rejected = {row["image"]: row["reason"] for row in map(json.loads, lines)}
    assert rejected == {
        "broken.png": "no JPEG, PNG, WEBP, TIFF, BMP, GIF, HEIF, AVIF, JXL image",
        "empty.jpg": "empty file",
        "long.png": "aspect above 2: 400 x 64 is 6.25",
        "short.png": "smaller than 64 px: 100 x 60",
        "tiny.png": "shorter side below 32 px: 20 x 20",
    }
    source, manifest = result.manifest.plan.source, result.manifest
    assert (source["num_inputs"], source["num_rejected"], source["num_skipped"]) == (12, 3, 2)
    assert (manifest.num_samples, manifest.num_failed, manifest.num_skipped) == (10, 1, 1)
    assert result.too_many_rejected
    reasons = [slot.reason for receipt in manifest.receipts for slot in receipt.failed]
    assert reasons[0].startswith("cannot be decoded")
    assert reasons[1] == "flat or blurred: sharpness 0.0, below 1"
    assert_clean(tmp_path / "out")
    taken = run_collect({**given, "out": str(tmp_path / "two"), "enlarge": True, "min_size": 32})
    assert taken.manifest.plan.source["num_inputs"] == 13


def test_too_many_refused_images_are_exit_code_3(photographs, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.png").write_bytes((photographs / "0.png").read_bytes())
    (folder / "b.png").write_bytes(encoded(textured(60, 60, 0)))
    options = {"images": folder, "size": 64, "executor": "serial"}
    result = run("collect", **options, out=tmp_path / "out")
    assert result.returncode == 3
    assert "1 image, 64 px; 1 image rejected." in result.stderr
    assert "1 of 2 images (50 %) was rejected" in result.stderr
    result = run("collect", **options, **{"max-rejected": 0.5}, out=tmp_path / "two")
    assert result.returncode == 0, result.stderr


def test_upright_grey_transparent_deep_and_palette_images_are_rgb_as_in_degrade(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    picture = textured(64, 100, 1)
    exif = Image.Exif()
    exif[0x0112] = 6
    files = {
        "a.jpg": encoded(picture, "JPEG", exif=exif),
        "b.png": encoded(picture.convert("L")),
        "c.png": encoded(picture.convert("P")),
        "d.png": encoded(Image.new("RGBA", (64, 64), (255, 0, 0, 0))),
        "e.png": encoded(Image.fromarray(np.full((64, 64), 257 * 77, np.uint16))),
        "f.webp": encoded(picture, "WEBP"),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    out = collect(folder, tmp_path / "out")
    made = samples(out)
    (upright, *_) = facts_of(out)
    assert (upright["source_width"], upright["source_height"]) == (64, 100)
    for sample, data in zip(made, files.values(), strict=True):
        facts, source = json.loads(sample["json"]), decode_rgb(data)
        top, left = facts["top"], facts["left"]
        expected = source[top : top + 64, left : left + 64]
        np.testing.assert_array_equal(decode_rgb(sample["png"]), expected)
    assert decode_rgb(made[3]["png"]).min() == 255
    assert (decode_rgb(made[4]["png"]) == 77).all()
    assert_clean(out)


@pytest.mark.parametrize(("kind", "tolerance"), [("png", 0), ("webp", 0), ("jpg", 8)])
def test_formats(photographs, tmp_path, kind, tolerance):
    lossless = samples(collect(photographs, tmp_path / "png"))
    out = collect(photographs, tmp_path / "out", format=kind)
    for one, other in zip(lossless, samples(out), strict=True):
        pictures = [decode_rgb(one["png"]).astype(int), decode_rgb(other[kind])]
        assert np.abs(pictures[0] - pictures[1]).mean() <= tolerance
        assert one["json"] == other["json"]
    assert_clean(out)


def test_kept_files_are_equal_in_every_byte_and_others_are_refused(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    kept = {f"{n}.jpg": encoded(textured(64, 64, n), "JPEG", quality=70 + n) for n in range(3)}
    kept["3.jpg"] = encoded(textured(64, 64, 3).convert("L"), "JPEG")
    others = {
        "4.png": encoded(textured(64, 64, 4)),
        "5.jpg": encoded(textured(64, 80, 5), "JPEG"),
        "6.bmp": encoded(textured(64, 64, 6), "BMP"),
    }
    for name, data in (kept | others).items():
        (folder / name).write_bytes(data)
    out = collect(folder, tmp_path / "out", format="keep")
    assert [sample["jpg"] for sample in samples(out)] == list(kept.values())
    lines = (out / "__meta__/rejected/00000.jsonl").read_text().splitlines()
    assert {row["image"]: row["reason"] for row in map(json.loads, lines)} == {
        "4.png": "png, but keep stores one format, that of the first image: jpg",
        "5.jpg": "not 64 x 64 px, which keep needs: 80 x 64",
        "6.bmp": "BMP cannot be kept: only JPEG, PNG and WEBP",
    }
    assert_clean(out)
    assert run_replay(out, "1").differences == ()
    # The folder knows its format.
    undo_shards(out)
    assert pairgen.collect(out=str(out), executor="serial").num_samples == 4
    with pytest.raises(ConfigError, match="leave out flip"):
        collect(folder, tmp_path / "two", format="keep", flip=True)


def test_kept_files_are_loaded_as_they_look_and_what_needs_a_conversion_is_refused(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    image = textured(64, 64, 1)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    xyz = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    clear = image.copy()
    clear.putalpha(Image.fromarray(np.eye(64, dtype=np.uint8) * 255))
    exif = Image.Exif()
    exif[0x0112] = 6
    data = {
        "0.png": encoded(image),
        "1.png": encoded(image, icc_profile=srgb),
        "2.png": encoded(image, exif=exif),
        "3.png": encoded(image, icc_profile=xyz),
        "4.png": encoded(clear),
        "5.png": encoded(image.quantize(8), transparency=0),
        "6.png": encoded(Image.fromarray(np.full((64, 64), 40_000, np.uint16))),
    }
    for name, content in data.items():
        (folder / name).write_bytes(content)
    out = collect(folder, tmp_path / "out", format="keep")
    lines = (out / "__meta__/rejected/00000.jsonl").read_text().splitlines()
    assert {row["image"]: row["reason"] for row in map(json.loads, lines)} == {
        "3.png": "a color profile other than sRGB, which keep cannot convert",
        "4.png": "transparency, which keep cannot convert",
        "5.png": "transparency, which keep cannot convert",
        "6.png": "16 bits, which keep cannot convert",
    }
    loader = pairgen.Loader(str(out), fields=["png"], batch_size=3)
    batch = next(iter(loader))
    for index, found in zip(batch.indices.tolist(), batch["png"].numpy(), strict=True):
        expected = decode_rgb(data[f"{index}.png"]).astype(int)
        assert np.abs(expected - found).max() <= 1


def write_labelled(folder: Path, labels: list[object]) -> Path:
    """Write a Parquet file of images with captions and labels, as hub datasets have them."""
    rows = [
        {"image": {"bytes": encoded(textured(64, 64, n))}, "text": f"image {n}", "label": label}
        for n, label in enumerate(labels)
    ]
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "images.parquet")
    return folder


def test_classes_are_stored_checked_and_loaded(tmp_path):
    images = write_labelled(tmp_path / "images", [3, 0, None, 11, -1])
    out = collect(images, tmp_path / "out", label_column="label")
    assert [sample["cls"] for sample in samples(out)] == [b"3", b"0", b"11"]
    assert [sample["txt"] for sample in samples(out)] == [b"image 0", b"image 1", b"image 3"]
    lines = (out / "__meta__/rejected/00000.jsonl").read_text().splitlines()
    assert [json.loads(line)["reason"] for line in lines] == [
        "no class label",
        "class label '-1' is no integer from 0 to 999999999, such as 1 (not 1.0)",
    ]
    plan = read_plan(open_store(out))
    assert plan.members["cls"] == {"num_classes": 12, "names": []}
    assert_clean(out)
    assert run_replay(out, "2").differences == ()
    options = {"fields": ["png", "txt"], "facts": ["class_label"], "where": "class_label > 0"}
    batch = next(iter(pairgen.Loader(str(out), **options, batch_size=2)))
    assert sorted(batch.facts["class_label"].tolist()) == [3, 11]
    # A class that is not the label of its image is found.
    path = out / "train/00000.tar"
    path.write_bytes(path.read_bytes().replace(b"3" + bytes(511), b"4" + bytes(511), 1))
    assert any(problem.kind == "class" for problem in pairgen.verify(out).problems)
    with pytest.raises(ConfigError, match="has no column 'lable'"):
        collect(images, tmp_path / "two", label_column="lable")


def test_labels_of_a_table_of_captions_and_of_tars(photographs, tmp_path):
    rows = "".join(f"{n}.png,{n % 3}\n" for n in range(9))
    (tmp_path / "labels.csv").write_text(f"file_name,label\n{rows}")
    options = {"label_column": "label", "captions": str(tmp_path / "labels.csv")}
    out = collect(photographs, tmp_path / "out", **options)
    assert [sample["cls"] for sample in samples(out)] == [b"0", b"1", b"2"] * 3
    assert "txt" not in samples(out)[0]
    again = collect(out, tmp_path / "again", label_column="cls")
    assert [sample["cls"] for sample in samples(again)] == [b"0", b"1", b"2"] * 3
    assert_clean(again)


def test_captions_from_a_table(photographs, tmp_path):
    (tmp_path / "c.csv").write_text("file_name,caption\n2.png,a boat\ngone.png,nothing\n")
    said: list[str] = []
    given = {**OPTIONS, "images": str(photographs), "captions": str(tmp_path / "c.csv")}
    run_collect({**given, "out": str(tmp_path / "out")}, said.append)
    assert [sample["txt"] for sample in samples(tmp_path / "out")][1:4] == [b"", b"a boat", b""]
    assert "1 image has a caption" in said[-1]
    assert "names without an image: 1" in said[-1]
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "a.png").write_bytes((photographs / "0.png").read_bytes())
    assert "txt" not in samples(collect(bare, tmp_path / "without"))[0]


def test_a_folder_continues_with_its_own_options_and_refuses_others(photographs, tmp_path):
    out = collect(photographs, tmp_path / "out", crop="random")
    before = shas(out)
    (out / "train/00001.tar").unlink()
    (out / "__meta__/shards/00001.json").unlink()
    assert pairgen.collect(out=str(out), executor="serial").complete
    assert shas(out) == before
    for options, what in (
        ({"size": 32}, r"size \(was 64, got 32\)"),
        ({"flip": True}, r"differ: flip"),
        ({"format": "jpg"}, r"differ: format"),
    ):
        with pytest.raises(PlanMismatchError, match=what):
            pairgen.collect(out=str(out), **options)
    with pytest.raises(ConfigError, match="kind 'collect', not 'degrade'"):
        pairgen.degrade(out=str(out))
    assert shas(out) == before


def test_verify_repair_and_replay(photographs, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for path in photographs.glob("*.png"):
        (folder / path.name).write_bytes(path.read_bytes())
    out = collect(folder, tmp_path / "out", crop="random", flip=True)
    before = shas(out)
    for result in run_replays(out, [str(index) for index in range(10)]):
        assert result.differences == result.software == ()
    path = out / "train/00001.tar"
    data = bytearray(path.read_bytes())
    data[data.index(b"IDAT") + 40] ^= 1
    path.write_bytes(data)
    assert {problem.shard_index for problem in pairgen.verify(out).problems} == {1}
    assert pairgen.repair(out, executor="serial").complete
    assert shas(out) == before
    (folder / "2.png").unlink()
    assert run_replay(out, "2").differences == (
        "the source can no longer be used: No such file or directory",
    )
    undo_shards(out)
    assert pairgen.collect(out=str(out), executor="serial").num_failed == 1
    # When the image is back, repair tries the failed slot again.
    (folder / "2.png").write_bytes((photographs / "2.png").read_bytes())
    assert pairgen.repair(out, executor="serial").num_failed == 0
    assert shas(out) == before
    (out / "__meta__/images.arrow").write_bytes(b"")
    with pytest.raises(ConfigError, match="run `pairgen collect` on the folder"):
        pairgen.repair(out, executor="serial")


def test_index_and_plan_name_the_same_columns_and_where_finds_flips(photographs, tmp_path):
    out = collect(photographs, tmp_path / "out", flip=True)
    rows = decode_index((out / "__meta__/index/00000.parquet").read_bytes())
    assert set(index_columns(read_plan(open_store(out)))) == set(rows[0])
    num_flipped = sum(each["flip"] for each in facts_of(out))
    found = pairgen.inspect(out, where="flip == True").data
    assert found["where"]["num_samples"] == num_flipped > 0
    assert found["members"]["png"]["about"] == "the image"
    assert "pairgen collect --out DIR" in (out / "README.md").read_text()


def test_decoded_samples_are_images_and_their_prompts_captions(tmp_path):
    (tmp_path / "prompts.txt").write_text("a red apple\na panda\n")
    options = {"model": "tiny", "cfg": 4, "steps": 2, "num_samples": 3, "executor": "serial"}
    pairgen.ode(prompts=str(tmp_path / "prompts.txt"), out=str(tmp_path / "made"), **options)
    out = tmp_path / "out"
    given = {"from_ode": str(tmp_path / "made"), "size": 48, "executor": "serial"}
    assert pairgen.collect(**given, out=str(out)).complete
    made = samples(out)
    assert [sample["txt"] for sample in made] == [b"a red apple", b"a panda", b"a red apple"]
    degraded = tmp_path / "degraded"
    options = {"crop": 64, "scales": 2, "degradation": "bicubic", "executor": "serial"}
    pairgen.degrade(from_ode=given["from_ode"], out=str(degraded), **options)
    for one, other in zip(made, samples(degraded), strict=True):
        decoded = Image.fromarray(decode_rgb(other["png"]))
        small = np.asarray(decoded.resize((48, 48), Image.Resampling.LANCZOS))
        np.testing.assert_array_equal(decode_rgb(one["png"]), small)
    assert_clean(out)
    assert run_replay(out, "1").differences == ()
    with pytest.raises(ConfigError, match="size must be at most 64"):
        pairgen.collect(**{**given, "size": 65}, out=str(tmp_path / "large"))


def test_a_dry_run_writes_nothing(photographs, tmp_path):
    out = tmp_path / "out"
    found = run_collect_dry({**OPTIONS, "images": str(photographs), "out": str(out)}, 4)
    assert found.measured.num_samples == 4
    assert set(found.cost.member_bytes) >= {"png", "json", "txt"}
    assert not out.exists()


def test_bytes_are_equal_for_any_number_of_threads(photographs, tmp_path):
    one = collect(photographs, tmp_path / "one", crop="random")
    three = collect(photographs, tmp_path / "three", crop="random", cpu_threads=3)
    assert shas(one) == shas(three)


def test_options_come_from_a_config_file(photographs, tmp_path):
    config = tmp_path / "collect.yaml"
    config.write_text(f"collect:\n  images: [{photographs}]\n  size: 48\n  min-size: 90\n")
    result = run("collect", config=config, executor="serial", out=tmp_path / "out")
    assert result.returncode == 0, result.stderr
    assert "8 images, 48 px; 0 images rejected, 2 skipped by --min-size" in result.stderr


def test_hostile_files_have_their_reasons_and_the_run_finishes(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    hostile = hostile_files()
    for name, data in hostile.items():
        (folder / name).write_bytes(data)
    (folder / "good.png").write_bytes(encoded(textured(64, 64, 0)))
    given = {**OPTIONS, "images": str(folder), "out": str(tmp_path / "out")}
    result = run_collect({**given, "samples_per_shard": 100})
    source, manifest = result.manifest.plan.source, result.manifest
    assert manifest.num_samples == 1
    assert source["num_rejected"] + manifest.num_failed == len(hostile)
    assert result.too_many_rejected
    assert_clean(tmp_path / "out")


@pytest.mark.slow
@pytest.mark.ray
def test_bytes_are_equal_for_serial_ray_and_any_order(photographs, tmp_path, cluster):
    options = {"crop": "random", "flip": True, "samples_per_shard": 1}
    reference = collect(photographs, tmp_path / "serial", **options)
    expected = shas(reference)

    def prepare(out: Path) -> tuple[list, Job]:
        source, target = open_store(reference), open_store(out)
        for path in ("__meta__/plan.yaml", "__meta__/images.arrow"):
            target.put_bytes(path, source.read_bytes(path))
        plan = read_plan(target)
        return plan.tasks(), Job(plan=plan.to_dict(), store_url=target.url)

    tasks, job = prepare(tmp_path / "shuffled")
    random.Random(0).shuffle(tasks)
    run_serial(job, tasks, Progress(10, 0), threading.Event())
    assert shas(tmp_path / "shuffled") == expected
    tasks, job = prepare(tmp_path / "ray")
    ray_options = RayOptions(num_workers=2, gpus_per_worker=0, address="")
    run_ray(job, tasks, Progress(10, 0), threading.Event(), ray_options)
    assert shas(tmp_path / "ray") == expected


@pytest.mark.slow
def test_a_killed_run_continues_to_the_same_bytes(photographs, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(300):
        data = (photographs / f"{number % 10}.png").read_bytes()
        (folder / f"{number:03d}.png").write_bytes(data)
    options = {"images": folder, "size": 64, "crop": "random", "executor": "serial"}
    options["samples-per-shard"] = 5
    assert run("collect", **options, out=tmp_path / "whole").returncode == 0
    out = tmp_path / "killed"
    for stop_at in (3, 15, 30):
        process = start(tmp_path / "log", "collect", **options, out=out)
        wait_until(lambda stop_at=stop_at: len(receipts(out)) >= stop_at)
        kill_group(process)
    result = run("collect", **options, out=out)
    assert result.returncode == 0, result.stderr
    assert shas(out) == shas(tmp_path / "whole")
    assert_clean(out)
