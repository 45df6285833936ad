"""Crops and flips: the same part of every image, drawn for the sample and for nothing else."""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pairgen
from pairgen.errors import ConfigError
from pairgen.seeding import Stream, generator_for
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.loading.batch import Batch
from pairgen.shards.loading.framing import Framing, Images
from pairgen.shards.storage.store import open_store
from pairgen.types import Plan
from tests.image_sets import HEIGHT, WIDTH, image_plan, one_channel, pixels, rgb, write_images

IMAGES = ("png", "lr2.png", "lr4.png", "canny.png", "mask.png", "depth.png")
CROP = 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A set of 12 samples in 3 shards. Do not change it."""
    return write_images(tmp_path_factory.mktemp("images") / "set", image_plan())


def load(datasets: Any, **options: Any) -> pairgen.Loader:
    defaults = {"fields": IMAGES, "batch_size": 4, "crop": CROP, "window": 2}
    return pairgen.Loader(datasets, **{**defaults, **options})


def factor_of(field: str) -> int:
    return int(field[2]) if field.startswith("lr") else 1


def corner(image: np.ndarray) -> tuple[int, int, bool]:
    """Return the first row and column of a crop of `png`, and whether it is mirrored."""
    columns = image[0, :, 1].astype(int)
    return int(image[0, 0, 0]), int(columns.min()), bool(columns[0] > columns[-1])


def crops(batches: Iterator[Batch] | pairgen.Loader) -> list[tuple[int, int, tuple]]:
    """Return (set, index, corner) of every sample, in order."""
    found = []
    for batch in batches:
        for image, number, index in zip(batch["png"], batch.sets, batch.indices, strict=True):
            found.append((int(number), int(index), corner(image.numpy())))
    return found


def check_parts(batch: Batch, plans: list[Plan]) -> None:
    """Every image of a sample is the part that its `png` shows."""
    for i, index in enumerate(batch.indices.tolist()):
        top, left, mirrored = corner(batch["png"][i].numpy())
        for field in batch.tensors:
            factor = factor_of(field)
            rows = slice(top // factor, (top + CROP) // factor)
            columns = slice(left // factor, (left + CROP) // factor)
            part = pixels(plans[batch.sets[i]].members[field], index)[rows, columns]
            expected = part[:, ::-1] if mirrored else part
            np.testing.assert_array_equal(batch[field][i].numpy(), expected, err_msg=field)


def endless(loader: pairgen.Loader) -> Iterator[Batch]:
    while True:
        yield from loader


# What is read


@pytest.mark.parametrize("flip", [False, True])
def test_all_images_of_a_sample_show_the_same_part(folder: str, flip: bool) -> None:
    plan = read_plan(open_store(folder))
    loader = load(folder, flip=flip)
    found = []
    for _ in range(4):
        for batch in loader:
            assert batch["png"].shape == (4, 16, 16, 3)
            assert batch["lr4.png"].shape == (4, 4, 4, 3)
            assert batch["depth.png"].shape == (4, 16, 16, 1)
            check_parts(batch, [plan])
            found += crops(iter([batch]))
    assert all(top % 4 == 0 and left % 4 == 0 for _, _, (top, left, _) in found)
    assert len({corner[:2] for _, _, corner in found}) > 20
    assert {mirrored for _, _, (_, _, mirrored) in found} == {False, flip}


def test_whole_images_are_flipped_alike(folder: str) -> None:
    plan = read_plan(open_store(folder))
    mirrored = 0
    for batch in load(folder, crop=0, flip=True):
        for i, index in enumerate(batch.indices.tolist()):
            flipped = corner(batch["png"][i].numpy())[2]
            mirrored += flipped
            for field in IMAGES:
                whole = pixels(plan.members[field], index)
                expected = whole[:, ::-1] if flipped else whole
                np.testing.assert_array_equal(batch[field][i].numpy(), expected)
    assert 0 < mirrored < 12


def test_a_crop_may_be_the_whole_image(tmp_path: Path) -> None:
    url = write_images(tmp_path / "set", image_plan(height=16, width=16))
    plan = read_plan(open_store(url))
    for batch in load(url, crop=16):
        check_parts(batch, [plan])


def test_texts_and_labels_of_a_text_stay(tmp_path: Path) -> None:
    array = {"dtype": "float16", "shape": [3]}
    plan = image_plan(members={"txt": {}, "txt_emb.npy": array})
    url = write_images(tmp_path / "set", plan)
    for batch in load(url, fields=["lr4.png", "txt", "txt_emb.npy"], crop=4, flip=True):
        assert batch["lr4.png"].shape == (4, 4, 4, 3)
        assert batch["txt_emb.npy"][:, 0].tolist() == batch.indices.tolist()
        assert batch.texts["txt"] == tuple(f"image {index}" for index in batch.indices.tolist())


# What it is drawn from


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 1},
        {"batch_size": 3, "window": 1},
        {"batch_size": 12, "num_parts": 4},
        {"num_threads": 5, "num_ahead": 1},
        {"fields": ["png", "lr4.png"]},
    ],
)
def test_a_crop_does_not_depend_on_the_rest_of_the_batch(folder: str, options: dict) -> None:
    expected, found = load(folder, flip=True), load(folder, flip=True, **options)
    for _ in range(2):
        assert sorted(crops(found)) == sorted(crops(expected))


def test_ranks_read_the_crops_of_one_rank(folder: str) -> None:
    expected = sorted(crops(load(folder, flip=True)))
    ranks = [
        load(folder, flip=True, batch_size=2, rank=rank, world_size=2, num_parts=2)
        for rank in range(2)
    ]
    assert sorted(crops(ranks[0]) + crops(ranks[1])) == expected


@pytest.mark.parametrize("handed_out", [1, 2, 3, 4, 5])
def test_a_resumed_training_reads_the_same_crops(folder: str, handed_out: int) -> None:
    expected = crops(islice(endless(load(folder, flip=True)), 8))
    loader = load(folder, flip=True)
    first = crops(islice(endless(loader), handed_out))
    state = json.loads(json.dumps(loader.state()))
    resumed = load(folder, flip=True, state=state)
    assert first + crops(islice(endless(resumed), 8 - handed_out)) == expected


def test_epochs_and_seeds_draw_other_crops(folder: str) -> None:
    loader = load(folder)
    first, second = sorted(crops(loader)), sorted(crops(loader))
    other = sorted(crops(load(folder, seed=1)))
    for one, two in ((first, second), (first, other)):
        assert sum(a == b for a, b in zip(one, two, strict=True)) < 3


def test_a_flip_does_not_move_the_crop(folder: str) -> None:
    plain, flipped = (sorted(crops(load(folder, flip=flip))) for flip in (False, True))
    assert [each[2][:2] for each in plain] == [each[2][:2] for each in flipped]


def test_crops_are_uniform_from_one_end_to_the_other() -> None:
    shapes = {"png": (HEIGHT, WIDTH, 3), "lr4.png": (HEIGHT // 4, WIDTH // 4, 3)}
    framing = Framing(seed=3, crop=CROP, flip=True, images=(Images("set", shapes),))
    num = 20_000
    frames = framing.frames(0, 0, range(num))
    for name, last in (("top", HEIGHT - CROP), ("left", WIDTH - CROP)):
        places, counts = np.unique([getattr(frame, name) for frame in frames], return_counts=True)
        assert places.tolist() == list(range(0, last + 1, 4))
        expected = num / len(places)
        # Six standard errors.
        assert np.abs(counts - expected).max() < 6 * expected**0.5
    assert abs(np.mean([frame.flipped for frame in frames]) - 0.5) < 6 * 0.5 / num**0.5
    corners = {(frame.top, frame.left) for frame in frames}
    assert len(corners) == 9 * 13


def test_no_two_epochs_and_sets_share_their_draws() -> None:
    images = Images("set", {"png": (2**20, 2**20, 3)})
    framing = Framing(seed=0, crop=1, flip=False, images=(images,) * 3)
    found = {
        (frame.top, frame.left)
        for epoch in (0, 1, 2, 3, 2**16, 2**46)
        for set_index in range(3)
        for frame in framing.frames(epoch, set_index, range(4))
    }
    assert len(found) == 6 * 3 * 4
    # As documented: (epoch, set) is one number, below the bound of `generator_for`.
    generator = generator_for(0, 2, Stream.FRAME, part=3 * 2**16 + 1)
    generator.integers(2)
    (frame,) = framing.frames(3, 1, [2])
    assert (frame.top, frame.left) == tuple(generator.integers(2**20, size=2))


def test_levels_that_do_not_nest_are_cropped_at_their_common_multiple() -> None:
    shapes = {"png": (60, 60, 3), "lr2.png": (30, 30, 3), "lr3.png": (20, 20, 3)}
    framing = Framing(seed=0, crop=12, flip=False, images=(Images("set", shapes),))
    tops = {frame.top for frame in framing.frames(0, 0, range(500))}
    assert tops == set(range(0, 49, 6))


# Several sets


def test_sets_of_other_image_sizes_are_mixed(folder: str, tmp_path: Path) -> None:
    larger = replace(image_plan(height=80, width=100, num_samples=8), seed=9)
    urls = [folder, write_images(tmp_path / "set", larger)]
    plans = [read_plan(open_store(url)) for url in urls]
    loader = load(urls, flip=True)
    assert len(loader) == 5
    for batch in loader:
        check_parts(batch, plans)
    with pytest.raises(ConfigError, match=r"png is uint8 \[48, 64, 3\] in .* but uint8 \[80, 100"):
        load(urls, crop=0)


def test_equal_samples_of_two_sets_are_cropped_apart(folder: str, tmp_path: Path) -> None:
    second = write_images(tmp_path / "set", replace(image_plan(), seed=9))
    found = sorted(crops(load([folder, second])))
    pairs = zip(found[:12], found[12:], strict=True)
    assert sum(one[1:] == two[1:] for one, two in pairs) < 3


def test_levels_of_other_factors_are_refused(folder: str, tmp_path: Path) -> None:
    odd = image_plan(members={"lr4.png": rgb(HEIGHT // 2, WIDTH // 2)})
    second = write_images(tmp_path / "set", replace(odd, seed=9))
    with pytest.raises(ConfigError, match=r"lr4.png is uint8 \[4, 4, 3\] in .* but uint8 \[8, 8"):
        load([folder, second])


# What is refused


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"crop": 18}, r"divisible by 4, because lr4.png of .*set \(16 x 12 px\) is 4 times small"),
        ({"crop": 52}, r"crop must be at most 48, .* of png of .*set \(64 x 48 px\), got 52"),
        ({"crop": -4}, "crop must be an integer >= 0, got -4"),
        ({"flip": "yes"}, "flip must be true or false, got 'yes'"),
        ({"fields": ["txt"]}, "crop and flip need an image among the fields, such as 'png'"),
        ({"fields": ["txt"], "crop": 0, "flip": True}, "need an image among the fields"),
        ({"fields": ["png", "odd.png"]}, r"odd.png of .* \(30 x 24 px\) is no integer fraction of"),
        ({"fields": ["png", "float.png"]}, r"float.png of .* planned as float32 \[48, 64, 1\]: an"),
        ({"fields": ["png", "noise.npy"]}, "noise.npy cannot be loaded with crop=16: it belongs"),
        (
            {"fields": ["png", "noise.npy"], "crop": 0, "flip": True},
            "noise.npy cannot be loaded with flip=true: it belongs",
        ),
    ],
)
def test_what_cannot_be_cropped_is_named(tmp_path: Path, options: dict, named: str) -> None:
    members = {
        "txt": {},
        "odd.png": rgb(24, 30),
        "float.png": one_channel(HEIGHT, WIDTH, "float32"),
        "noise.npy": {"dtype": "float16", "shape": [2]},
    }

    def pixels_of(name: str, spec: dict, index: int) -> np.ndarray | bytes:
        return b"" if name == "float.png" else pixels(spec, index)

    url = write_images(tmp_path / "set", image_plan(members=members), pixels_of)
    with pytest.raises(ConfigError, match=named):
        load(url, **options)


def test_images_of_any_sizes_are_flipped(tmp_path: Path) -> None:
    plan = image_plan(members={"odd.png": rgb(24, 30)})
    url = write_images(tmp_path / "set", plan)
    batch = next(iter(load(url, fields=["png", "odd.png"], crop=0, flip=True)))
    assert batch["odd.png"].shape == (4, 24, 30, 3)


# State


def test_a_state_of_other_crops_is_refused(folder: str) -> None:
    loader = load(folder)
    list(loader)
    with pytest.raises(ConfigError, match="another crop: 16, got 32"):
        load(folder, crop=32, state=loader.state())
    with pytest.raises(ConfigError, match="another flip: False, got True"):
        load(folder, flip=True, state=loader.state())


def test_a_state_of_an_earlier_version_continues_whole_images(folder: str) -> None:
    loader = load(folder, crop=0)
    next(iter(loader))
    state = {k: v for k, v in loader.state().items() if k not in ("crop", "flip")}
    assert load(folder, crop=0, state=state).state() == loader.state()
    with pytest.raises(ConfigError, match="another crop: 0, got 16"):
        load(folder, state=state)
