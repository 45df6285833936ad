"""Datasets of several shapes: batches of one shape each, and everything else as ever."""

import json
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import pairgen
from pairgen.errors import ConfigError
from pairgen.shards.format.subsets import Subsets, write_subsets
from pairgen.shards.loading.order import Order
from pairgen.shards.storage.local_store import LocalStore
from tests.image_sets import image_plan, rgb, write_images

# Number of samples of each bucket; with batches of 4, the last one fills none.
BUCKETS = {"48x80": 24, "64x64": 41, "80x48": 12, "32x128": 3}
FIELDS = ("png", "txt")


def bucket_order(**changes) -> Order:
    """Three shapes; the first and the third set have the same."""
    fields = {
        "counts": ((8, 8, 8), (30, 11), (10, 2), (5,)),
        "weights": (1.0,) * 4,
        "seed": 3,
        "window": 2,
        "batch_size": 4,
        "num_parts": 1,
        "shapes": (0, 1, 0, 2),
    }
    return Order(**{**fields, **changes})


def steps(order: Order, epoch: int = 0, part: int = 0, start: int = 0) -> list[list[tuple]]:
    """Return (set, shard, row) of the samples of every step."""
    return [
        list(zip(places.sets.tolist(), places.shards.tolist(), places.rows.tolist(), strict=True))
        for places in order.batches(epoch, part, start)
    ]


def shapes_of(order: Order, found: Sequence[Sequence[tuple]]) -> list[int]:
    """Return the shape of each step, which must be one."""
    shapes = [{order.shapes[sample[0]] for sample in step} for step in found]
    assert all(len(each) == 1 for each in shapes)
    return [shape for (shape,) in shapes]


# The order


@pytest.mark.parametrize("num_parts", [1, 2, 3])
@pytest.mark.parametrize("epoch", [0, 1, 17])
def test_a_step_has_one_shape_on_all_parts_and_a_sample_comes_once(num_parts, epoch):
    order = bucket_order(num_parts=num_parts)
    parts = [steps(order, epoch, part) for part in range(num_parts)]
    shapes = [shapes_of(order, part) for part in parts]
    assert all(each == shapes[0] for each in shapes)
    assert Counter(shapes[0]) == Counter(dict(enumerate(order.shape_batches())))
    assert {len(step) for part in parts for step in part} == {4}
    union = [sample for part in parts for step in part for sample in step]
    assert len(set(union)) == len(union)
    # Of each shape, less than a batch of all parts and their remainders is left out.
    sizes = Counter()
    for shape, counts in zip(order.shapes, order.counts, strict=True):
        sizes[shape] += sum(counts)
    read = Counter(order.shapes[sample[0]] for sample in union)
    for shape, size in sizes.items():
        assert 0 <= size - read[shape] < num_parts * (4 + order.shapes.count(shape))


def test_what_is_left_out_of_a_shape_differs_between_epochs():
    order = bucket_order()
    everything = {(1, shard, row) for shard, count in enumerate((30, 11)) for row in range(count)}
    lacking = [
        everything - {sample for step in steps(order, epoch) for sample in step}
        for epoch in range(8)
    ]
    assert {len(each) for each in lacking} == {1}
    assert len(set().union(*lacking)) > 3


def test_shapes_follow_each_other_in_proportion_throughout_an_epoch():
    order = bucket_order(counts=((3000,), (1000,), (500,)), weights=(1.0,) * 3, shapes=(0, 1, 2))
    shares = []
    for epoch in range(20):
        turns = np.array(shapes_of(order, steps(order, epoch)))
        shares.append([np.bincount(each, minlength=3) for each in np.array_split(turns, 9)])
        assert max(map(len, np.split(turns, np.flatnonzero(np.diff(turns)) + 1))) < 60
    mean = np.mean(shares, axis=0) / 125
    np.testing.assert_allclose(mean, np.tile([6 / 9, 2 / 9, 1 / 9], (9, 1)), atol=0.04)


def test_an_order_can_begin_at_any_step():
    order = bucket_order(num_parts=2)
    for part in range(2):
        whole = steps(order, 5, part)
        for start in range(len(whole) + 1):
            assert steps(order, 5, part, start) == whole[start:]


def test_epochs_and_seeds_differ():
    orders = [bucket_order(seed=seed) for seed in (0, 1)]
    turns = [shapes_of(each, steps(each, epoch)) for each in orders for epoch in (0, 1)]
    assert all(one != other for one, other in pairwise(turns))


def test_sets_that_fill_no_batch_are_named_and_touch_no_shard():
    order = bucket_order(counts=((8, 8), (30,), (2,), (3,)), num_parts=1)
    order.check()
    assert order.unread() == [3]
    used = list(order.batches(0, 0))
    assert not {set_ for places in used for set_, _ in {*places.in_use, *places.ahead}} & {3}
    with pytest.raises(ConfigError, match="at most the 41 samples of one shape in an epoch here"):
        bucket_order(batch_size=64).check()


def test_one_shape_is_what_it_was():
    # As printed before there were shapes: [step for step in steps(order)][:2] of this order.
    order = Order(
        counts=((5, 4), (3,)), weights=(1.0, 1.0), seed=1, window=2, batch_size=3, num_parts=1
    )
    assert steps(order)[:2] == [
        [(0, 0, 2), (0, 1, 0), (0, 0, 1)],
        [(1, 0, 0), (0, 0, 0), (0, 1, 1)],
    ]


# The loader


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four buckets. Do not change it."""
    root = tmp_path_factory.mktemp("sets") / "real"
    for name, num_samples in BUCKETS.items():
        width, height = map(int, name.split("x"))
        plan = image_plan(height, width, (), num_samples)
        members = {"json": plan.members["json"], "png": rgb(height, width), "txt": {}}
        recipe = {"buckets": [[width, height]]}
        write_images(root / name, replace(plan, members=members, recipe=recipe))
    write_subsets(LocalStore(root), Subsets(plan, tuple(BUCKETS)))
    return root


def load(datasets, **options):
    return pairgen.Loader(datasets, **{"fields": FIELDS, "batch_size": 4, "window": 2, **options})


def test_a_folder_gives_batches_of_one_shape_as_they_were_written(folder, caplog):
    with caplog.at_level(logging.WARNING, logger="pairgen"):
        loader = load(folder)
    assert f"{folder}/32x128 is not read: it fills no batch of 4 samples (3 here)" in caplog.text
    assert len(loader) == 6 + 10 + 3 and loader.num_samples == 4 * 19
    names, seen = list(BUCKETS), []
    for batch in loader:
        (number,) = set(batch.sets.tolist())
        width, height = map(int, names[number].split("x"))
        assert batch["png"].shape == (4, height, width, 3)
        assert batch.image("png").shape == (4, 3, height, width)
        assert batch["png"][:, 0, 0, 2].tolist() == batch.indices.tolist()
        assert (batch["png"][:, -1, -1, :2].numpy() == [height - 1, width - 1]).all()
        assert batch.texts["txt"] == tuple(f"image {index}" for index in batch.indices.tolist())
        seen += [(number, index) for index in batch.indices.tolist()]
    assert len(set(seen)) == len(seen) == 76
    assert [plan.num_samples for plan in loader.plans] == list(BUCKETS.values())


def test_threads_and_kept_batches_change_nothing(folder):
    kept = list(load(folder, num_threads=1, num_ahead=1))
    for batch, other in zip(kept, load(folder, num_threads=4, num_ahead=8), strict=True):
        assert (batch.keys, batch.sets.tolist()) == (other.keys, other.sets.tolist())
        np.testing.assert_array_equal(batch["png"].numpy(), other["png"].numpy())


def test_a_state_continues_within_an_epoch_with_the_batch_that_comes_next(folder):
    loader = load(folder)
    whole = [(batch.sets.tolist(), batch.keys) for _ in (0, 1) for batch in loader]
    for stop in (1, 7, 18, 19, 23):
        first, found = load(folder), []
        while len(found) < stop:
            for batch in first:
                found.append((batch.sets.tolist(), batch.keys))
                if len(found) == stop:
                    break
        second = load(folder, state=json.loads(json.dumps(first.state())))
        found += [(batch.sets.tolist(), batch.keys) for batch in second]
        assert found == whole[: len(found)]


def test_ranks_get_the_same_shape_in_a_step_and_other_samples(folder):
    ranks = [list(load(folder, batch_size=2, rank=rank, world_size=2)) for rank in range(2)]
    assert len(ranks[0]) == len(ranks[1]) == 6 + 10 + 3
    seen = []
    for batches in zip(*ranks, strict=True):
        assert batches[0]["png"].shape == batches[1]["png"].shape
        for batch in batches:
            seen += zip(batch.sets.tolist(), batch.keys, strict=True)
    assert len(set(seen)) == len(seen) == 76
    # The samples of a step are those of one rank that reads all parts.
    one = list(load(folder, num_parts=2))
    for batch, pair in zip(one, zip(*ranks, strict=True), strict=True):
        assert batch.keys == pair[0].keys + pair[1].keys


def test_crops_make_all_shapes_one(folder):
    batches = list(load(folder, crop=32, fields=("png",)))
    assert {batch["png"].shape for batch in batches} == {(4, 32, 32, 3)}
    assert len(batches) == sum(BUCKETS.values()) // 4
    assert any(len(set(batch.sets.tolist())) > 1 for batch in batches)


def test_a_state_of_other_shapes_is_refused(folder):
    state = load(folder, fields=("txt",)).state()
    with pytest.raises(ConfigError, match="because its fields had other shapes then: read"):
        load(folder, state=state)
    assert all("shape" not in each for each in state["sets"])


def test_buckets_can_be_named_one_by_one_and_mixed_with_a_set_of_a_shape_they_have(
    folder, tmp_path
):
    named = [folder / name for name in BUCKETS]
    assert [batch.keys for batch in load(named)] == [batch.keys for batch in load(folder)]
    plan = image_plan(64, 64, (), 20)
    plan = replace(plan, members={"json": plan.members["json"], "png": rgb(64, 64), "txt": {}})
    square = write_images(tmp_path / "square", plan)
    batches = list(load([folder, square]))
    assert len(batches) == 6 + 61 // 4 + 3
    assert any({1, 4} == set(batch.sets.tolist()) for batch in batches)


def test_shapes_that_are_no_buckets_are_refused(folder, tmp_path):
    plan = image_plan(48, 64, (), 8)
    plan = replace(plan, members={"json": plan.members["json"], "png": rgb(48, 64), "txt": {}})
    first = write_images(tmp_path / "first", plan)
    members = {**plan.members, "png": rgb(64, 48)}
    second = write_images(tmp_path / "second", replace(plan, members=members))
    with pytest.raises(ConfigError, match=r"png is uint8 \[48, 64, 3\] in .*first but uint8 \[64"):
        load([first, second])
    for datasets in ([folder, first], [first, folder]):
        with pytest.raises(ConfigError, match=r"\[80, 48, 3\] in .*48x80 but uint8 \[48, 64"):
            load(datasets)
    with pytest.raises(ConfigError, match="holds sub-sets: an overlay belongs to one of them"):
        load(pairgen.TrainingSet(folder, overlays=[first]))


def test_buckets_of_other_channels_are_refused(folder, tmp_path):
    plan = image_plan(80, 48, (), 8)
    recipe = {"buckets": [[48, 80]]}
    gray = {"dtype": "uint8", "shape": [80, 48, 1]}
    members = {"json": plan.members["json"], "png": gray, "txt": {}}
    other = write_images(tmp_path / "gray", replace(plan, members=members, recipe=recipe))
    with pytest.raises(ConfigError, match=r"\[80, 48, 3\] in .*48x80 but uint8 \[80, 48, 1\] in"):
        load([folder, other])
