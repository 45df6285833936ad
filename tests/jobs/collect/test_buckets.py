"""`pairgen collect --bucket`: what lies in the folder, and all that can happen to it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pairgen
from pairgen.errors import ConfigError, PlanMismatchError
from pairgen.jobs.annotate.dry_run import run_annotate_dry
from pairgen.jobs.collect.dry_run import run_collect_dry
from pairgen.jobs.collect.run import run_collect
from pairgen.jobs.replay.run import run_replays
from pairgen.jobs.verify.run import verify_all
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from tests.runs import kill_group, receipts, run_many, samples, shas, start, wait_until
from tests.small_sets import flip_byte

# Width and height: three buckets of size 64, with 7, 4 and 1 images.
SIZES = [(150, 90)] * 7 + [(100, 100)] * 4 + [(900, 100)]
NAMES = ["64x64", "80x48", "128x32"]
OPTIONS = {"size": 64, "bucket": True, "samples_per_shard": 3, "executor": "serial", "seed": 3}


def write_photos(folder: Path) -> None:
    """Write images whose pixels tell row and column, their buckets in turn; one has a caption."""
    folder.mkdir()
    order = np.random.default_rng(0).permutation(len(SIZES))
    for number, (width, height) in enumerate(SIZES[each] for each in order):
        rows, columns = np.mgrid[:height, :width]
        pixels = np.stack([rows, columns % 256, np.full_like(rows, number)], axis=-1)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number:02d}.png")
    (folder / "03.txt").write_text("a gradient")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources") / "photos"
    write_photos(folder)
    return folder


@pytest.fixture(scope="module")
def made(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished folder of buckets. Do not change it."""
    out = tmp_path_factory.mktemp("made") / "real"
    manifest = pairgen.collect(images=str(photos), out=str(out), **OPTIONS)
    assert manifest.complete and manifest.num_samples == 12
    return out


@pytest.fixture
def copied(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "real"))


def all_shas(out: Path) -> dict[str, dict[str, str]]:
    return {name: shas(out / name) for name in NAMES}


def test_every_image_is_in_the_bucket_of_its_shape(made: Path, photos: Path) -> None:
    assert sorted(path.name for path in made.iterdir()) == sorted([*NAMES, "README.md", "__meta__"])
    seen = []
    for name in NAMES:
        width, height = map(int, name.split("x"))
        for sample in samples(made / name):
            facts = json.loads(sample["json"])
            seen.append(facts["image"])
            with Image.open(photos / facts["image"]) as image:
                original = image.size
                scale = max(width / original[0], height / original[1])
                covering = (facts["resized_width"], facts["resized_height"])
                assert covering == tuple(round(side * scale) for side in original)
                resized = image.resize(covering, Image.Resampling.LANCZOS)
            box = (facts["left"], facts["top"], facts["left"] + width, facts["top"] + height)
            (folder := made.parent / "found.png").write_bytes(sample["png"])
            with Image.open(folder) as found:
                assert found.size == (width, height)
                np.testing.assert_array_equal(np.asarray(found), np.asarray(resized.crop(box)))
            # One image has a caption, so every sample has the member.
            expected = b"a gradient" if facts["image"] == "03.png" else b""
            assert sample["txt"] == expected
    assert sorted(seen) == sorted(path.name for path in photos.glob("*.png"))


def test_each_sub_set_is_a_dataset_of_its_own(made: Path) -> None:
    assert [report.clean for _, report in verify_all(made, {})] == [True] * 3
    for name in NAMES:
        assert pairgen.verify(made / name).clean
        (replayed,) = run_replays(made / name, ["0"])
        assert not replayed.differences


def test_random_crops_and_flips_of_equal_slots_differ_between_buckets(
    photos: Path, tmp_path: Path
) -> None:
    options = {**OPTIONS, "crop": "random", "flip": True}
    pairgen.collect(images=str(photos), out=str(tmp_path / "a"), **options)
    pairgen.collect(images=str(photos), out=str(tmp_path / "b"), **{**options, "seed": 4})
    seeds = {read_plan(open_store(tmp_path / out / name)).seed for out in "ab" for name in NAMES}
    assert len(seeds) == 6
    assert all_shas(tmp_path / "a") != all_shas(tmp_path / "b")
    assert all(report.clean for _, report in verify_all(tmp_path / "a", {}))


def test_counts_rejections_and_exit_codes_are_those_of_all_buckets(
    photos: Path, tmp_path: Path
) -> None:
    source = Path(shutil.copytree(photos, tmp_path / "photos"))
    Image.new("RGB", (30, 30)).save(source / "small.png")
    (source / "torn.png").write_bytes((source / "00.png").read_bytes()[:200])
    said: list[str] = []
    options = {**OPTIONS, "images": str(source), "out": str(tmp_path / "out")}
    result = run_collect(options, said.append)
    assert "Images in each bucket: 64x64 4, 80x48 7, 128x32 1." in said
    assert "12 images, 64 px; 2 images rejected." in said
    assert result.too_many_rejected and not result.interrupted
    rejected = (tmp_path / "out/__meta__/rejected/00000.jsonl").read_text()
    assert "smaller than 64 px: 30 x 30" in rejected
    assert not run_collect({**options, "max_rejected": 0.5}, said.append).too_many_rejected
    assert "| [80x48](80x48) | 7 |" in (tmp_path / "out/README.md").read_text()


def test_the_same_command_and_a_bare_one_continue(copied: Path, made: Path, photos: Path) -> None:
    for options in ({}, {"images": str(photos), **OPTIONS}):
        shutil.rmtree(copied / "80x48")
        path = copied / "128x32/train/00000.tar"
        (copied / "128x32/__meta__/shards/00000.json").unlink()
        path.unlink()
        before = receipts(copied / "64x64")
        manifest = pairgen.collect(out=str(copied), **options)
        assert manifest.complete and manifest.num_samples == 12
        assert all_shas(copied) == all_shas(made)
        assert receipts(copied / "64x64") == before


def test_a_lost_list_of_sub_sets_is_written_again(copied: Path, made: Path, photos: Path) -> None:
    path = copied / "__meta__/subsets.yaml"
    before = path.read_bytes()
    path.write_text("names: [../elsewhere]\nplan: 3")
    with pytest.raises(ConfigError, match=r"subsets\.yaml of .* cannot be read: .*; remove it"):
        pairgen.collect(out=str(copied))
    path.unlink()
    pairgen.collect(images=str(photos), out=str(copied), **OPTIONS)
    assert path.read_bytes() == before
    assert all_shas(copied) == all_shas(made)


def test_a_changed_source_and_changed_options_are_refused(
    copied: Path, made: Path, photos: Path, tmp_path: Path
) -> None:
    source = Path(shutil.copytree(photos, tmp_path / "photos"))
    lost = min(source.glob("*.png"))
    lost.unlink()
    Image.new("RGB", (150, 90)).save(source / "99.png")
    changed = (
        ({"images": str(source)}, rf"12 other images, of which 1 .*: '{lost.name}'\."),
        ({"size": 128}, r"size \(was 64, got 128\)"),
        ({"images": str(photos), "seed": 4}, r"seed \(was 3, got 4\)"),
        ({"samples_per_shard": 4}, r"samples_per_shard \(was 3, got 4\)"),
    )
    for options, message in changed:
        with pytest.raises(PlanMismatchError, match=message):
            pairgen.collect(out=str(copied), executor="serial", **options)
    assert all_shas(copied) == all_shas(made)
    assert sorted(path.name for path in copied.iterdir()) == sorted(
        path.name for path in made.iterdir()
    )


def test_a_mistaken_first_try_leaves_no_sub_set_behind(copied: Path, photos: Path) -> None:
    for name in NAMES:
        for folder in ("train", "__meta__/shards", "__meta__/index"):
            shutil.rmtree(copied / name / folder)
        (copied / name / "__meta__/manifest.json").unlink()
    options = {**OPTIONS, "size": 128, "enlarge": True}
    pairgen.collect(images=str(photos), out=str(copied), **options)
    found = sorted(path.name for path in copied.iterdir() if path.is_dir())
    assert found == ["128x128", "160x96", "256x64", "__meta__"]


def test_folders_that_hold_something_else_are_refused(
    made: Path, photos: Path, tmp_path: Path
) -> None:
    source = {"images": str(photos), "executor": "serial", "size": 64}
    foreign = tmp_path / "foreign"
    (foreign / "80x48/train").mkdir(parents=True)
    (foreign / "80x48/train/a.tar").touch()
    with pytest.raises(ConfigError, match=r"80x48 holds files that pairgen did not make"):
        pairgen.collect(out=str(foreign), bucket=True, **source)
    assert [path.name for path in foreign.iterdir()] == ["80x48"]
    pairgen.collect(out=str(tmp_path / "flat"), **source)
    with pytest.raises(ConfigError, match="holds a dataset without buckets: give another --out"):
        pairgen.collect(out=str(tmp_path / "flat"), bucket=True, **source)
    with pytest.raises(ConfigError, match="holds sub-sets made by collect: give another --out"):
        pairgen.collect(out=str(made), bucket=False, **source)
    with pytest.raises(ConfigError, match="holds sub-sets made by collect: give another --out"):
        pairgen.degrade(out=str(made), images=str(photos), executor="serial")
    with pytest.raises(ConfigError, match="holds one bucket: give the folder it lies in as --out"):
        pairgen.collect(out=str(made / "64x64"))


def test_inspect_shows_all_sub_sets_and_refuses_what_one_has(made: Path) -> None:
    data = pairgen.inspect(made).data
    assert list(data["subsets"]) == NAMES
    assert (data["num_samples"], data["num_shards"]) == (12, 6)
    assert data["subsets"]["80x48"] == pairgen.inspect(made / "80x48").data
    with pytest.raises(ConfigError, match="keys begin anew in each: name one of them"):
        pairgen.inspect(made, "3")
    with pytest.raises(ConfigError, match=r"a grid shows one: name one of them, such as .*/64x64"):
        pairgen.inspect(made, grid="a.png")
    # A command that takes one dataset says what the folder is.
    with pytest.raises(ConfigError, match="holds sub-sets, each a dataset of one shape: name one"):
        pairgen.verify(made)


def test_a_dry_run_prices_the_whole_and_writes_nothing(photos: Path, tmp_path: Path) -> None:
    options = {**OPTIONS, "images": str(photos), "out": str(tmp_path / "out")}
    said: list[str] = []
    found = run_collect_dry(options, 5, said.append)
    assert said[-1] == "Images in each bucket: 64x64 4, 80x48 7, 128x32 1."
    assert found.manifest.plan.num_samples == 12 and found.measured.num_slots == 5
    assert not (tmp_path / "out").exists()


def test_a_dry_run_of_annotators_prices_every_sub_set(copied: Path) -> None:
    before = sorted(copied.rglob("*"))
    said: list[str] = []
    found = run_annotate_dry(copied, {"add": "canny,mask", "executor": "serial"}, say=said.append)
    assert [line for line in said if ": " in line and "annotations" in line] == [
        f"{added}: {copied}/{name}.annotations/{added}"
        for name in NAMES
        for added in ("canny", "mask")
    ]
    assert [each.measured.num_samples for each in found] == [4, 4, 7, 7, 1, 1]
    assert sorted(copied.rglob("*")) == before
    with pytest.raises(ConfigError, match="holds 3 sub-sets: leave it out"):
        run_annotate_dry(copied, {"add": "canny", "out": str(copied.parent / "x")})


def test_a_stop_in_the_last_shard_of_a_sub_set_begins_no_other(copied: Path) -> None:
    # Sample 3 lies in the last of two shards of 64x64.
    options = {"add": "tests.own_annotator", "executor": "serial", "max_rejected": 1}
    (manifest,) = pairgen.annotate(copied, **options, fault="Ctrl-C")
    assert manifest.complete
    assert [path.name for path in copied.glob("*.annotations")] == ["64x64.annotations"]


def test_commands_work_on_the_folder(copied: Path, made: Path) -> None:
    flip_byte(copied / "80x48/train/00001.tar", 700)
    said, codes = run_many(
        copied.parent,
        ["verify", "real"],
        ["repair", "real"],
        ["annotate", "real", "--add", "canny", "--executor", "serial"],
        ["annotate", "real", "--add", "canny", "--out", "somewhere"],
        ["verify", "real"],
        ["inspect", "real"],
        ["inspect", "real", "--json"],
    )
    assert codes == [1, 0, 0, 2, 0, 0, 0], said
    assert all_shas(copied) == all_shas(made)
    assert said.count("Clean.") == 2 + 6
    assert "out names one folder, but real holds 3 sub-sets: leave it out." in said
    assert "all      12 of 12  6 of 6" in said


@pytest.mark.slow
def test_a_killed_run_and_an_uninterrupted_one_have_equal_bytes(
    made: Path, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = {"images": photos, "out": out, "size": 64, "samples-per-shard": 3, "seed": 3}
    process = start(tmp_path / "log", "collect", "--bucket", executor="serial", **options)
    wait_until(lambda: receipts(out / "64x64"))
    kill_group(process)
    assert sum(len(receipts(out / name)) for name in NAMES) < 6
    assert pairgen.collect(out=str(out), executor="serial").complete
    assert all_shas(out) == all_shas(made)


@pytest.mark.slow
@pytest.mark.ray
def test_ray_makes_the_same_bytes(copied: Path, made: Path, cluster: None) -> None:
    for path in [*copied.glob("80x48/train/*"), *copied.glob("80x48/__meta__/shards/*")]:
        path.unlink()
    manifest = pairgen.collect(out=str(copied), executor="ray", num_workers=2)
    assert manifest.complete
    assert all_shas(copied) == all_shas(made)
