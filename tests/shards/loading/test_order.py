"""The order of a training: every sample once, parts disjoint, and nothing but numbers decides."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from pairgen.errors import ConfigError
from pairgen.shards.loading.order import Order, Piece, stream_pieces

Sample = tuple[int, int, int]
# Shards of unequal size, an empty one among them.
COUNTS = (8, 8, 0, 3, 8, 1, 8, 5)


def make_order(**changes) -> Order:
    fields = {
        "counts": (COUNTS,),
        "weights": (1.0,),
        "seed": 0,
        "window": 3,
        "batch_size": 4,
        "num_parts": 1,
    }
    return Order(**{**fields, **changes})


def samples(order: Order, epoch: int = 0, part: int = 0, start: int = 0) -> list[Sample]:
    found = []
    for places in order.batches(epoch, part, start):
        assert len(places.sets) == order.batch_size
        columns = (places.sets, places.shards, places.rows)
        found += zip(*(column.tolist() for column in columns), strict=True)
    return found


@pytest.mark.parametrize("window", [1, 3, 100])
@pytest.mark.parametrize("seed", [0, 7, 2**63 - 1])
def test_an_epoch_holds_every_sample_once(seed: int, window: int) -> None:
    order = make_order(seed=seed, window=window, batch_size=1)
    everything = {(0, shard, row) for shard, count in enumerate(COUNTS) for row in range(count)}
    for epoch in (0, 1, 1000):
        found = samples(order, epoch)
        assert len(found) == len(everything)
        assert set(found) == everything


@pytest.mark.parametrize("num_parts", [1, 2, 3, 8])
@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_parts_get_equal_batches_of_disjoint_samples(num_parts: int, batch_size: int) -> None:
    order = make_order(batch_size=batch_size, num_parts=num_parts)
    parts = [samples(order, epoch=2, part=part) for part in range(num_parts)]
    assert {len(found) for found in parts} == {order.num_batches * batch_size}
    union = [sample for found in parts for sample in found]
    assert len(set(union)) == len(union)
    # Fewer are left out than one batch for every part.
    assert 0 <= sum(COUNTS) - len(union) < num_parts * batch_size


def test_one_shard_is_enough_for_many_parts() -> None:
    order = make_order(counts=((64,),), num_parts=8)
    union = {sample for part in range(8) for sample in samples(order, part=part)}
    assert union == {(0, 0, row) for row in range(64)}


def test_a_part_reads_its_share_of_the_shards() -> None:
    order = make_order(counts=((10,) * 80,), num_parts=8)
    for part in range(8):
        assert len({shard for _, shard, _ in samples(order, part=part)}) <= 80 / 8 + 1


def test_epochs_seeds_and_windows_differ_and_the_same_numbers_agree() -> None:
    orders = [samples(make_order(seed=seed), epoch) for seed in (0, 1) for epoch in (0, 1, 2)]
    orders.append(samples(make_order(window=2)))
    assert len({tuple(found) for found in orders}) == len(orders)
    assert samples(make_order(), 1) == orders[1]


def test_what_is_left_out_differs_between_epochs() -> None:
    order = make_order(batch_size=20)
    left_out = [
        frozenset(samples(make_order(batch_size=1), e)) - set(samples(order, e)) for e in range(4)
    ]
    assert {len(found) for found in left_out} == {1}
    assert len(set(left_out)) > 1


@pytest.mark.parametrize("num_parts", [1, 2])
def test_any_batch_can_be_the_first(num_parts: int) -> None:
    order = make_order(
        counts=(COUNTS, (7, 7, 7)), weights=(1.5, 0.7), num_parts=num_parts, batch_size=3
    )
    for part in range(num_parts):
        whole = samples(order, epoch=3, part=part)
        for start in range(order.num_batches + 1):
            assert samples(order, 3, part, start) == whole[start * 3 :]


def test_a_window_mixes_its_shards_and_no_others() -> None:
    order = make_order(counts=((10,) * 12,), window=3, batch_size=30)
    windows = [samples(order)[i : i + 30] for i in range(0, 120, 30)]
    for window in windows:
        shards = [shard for _, shard, _ in window]
        assert len(set(shards)) == 3
        # Mixed: neighbours of one shard would make 27 equal neighbours.
        assert sum(a == b for a, b in pairwise(shards)) < 20
    assert {sample for window in windows for sample in window} == set(samples(order))


@pytest.mark.parametrize("window", [1, 2, 5])
def test_no_more_than_two_windows_are_open(window: int) -> None:
    order = make_order(counts=((10,) * 24,), window=window, batch_size=5)
    announced: set[tuple[int, int]] = set()
    for step, places in enumerate(order.batches(0, 0)):
        assert set(zip(places.sets.tolist(), places.shards.tolist(), strict=True)) <= places.in_use
        assert len(places.in_use | set(places.ahead)) <= 2 * window
        assert step == 0 or places.in_use <= announced
        announced |= places.in_use | set(places.ahead)


@pytest.mark.parametrize(("weight", "size"), [(1.0, 41), (2.0, 82), (0.5, 20), (0.29, 11)])
def test_a_weight_is_how_often_an_epoch_takes_a_sample(weight: float, size: int) -> None:
    order = make_order(weights=(weight,), batch_size=1)
    counts = Counter(samples(order, epoch=5))
    assert sum(counts.values()) == order.num_batches == size
    assert max(counts.values()) - min(counts.values()) <= 1


def test_weights_are_read_as_decimals() -> None:
    # 0.29 * 100 is 28.999999999999996 in binary.
    assert make_order(counts=((100,),), weights=(0.29,)).epoch_sizes() == [29]


def test_two_epochs_of_weight_one_half_are_every_sample_once() -> None:
    order = make_order(counts=((8, 8, 4),), weights=(0.5,), batch_size=1)
    both = samples(order, 0) + samples(order, 1)
    assert sorted(both) == [
        (0, shard, row) for shard, n in enumerate((8, 8, 4)) for row in range(n)
    ]


def test_sets_are_mixed_in_the_ratio_of_their_weights() -> None:
    order = make_order(counts=((100,) * 9, (100,)), weights=(1.0, 3.0), batch_size=100)
    batches = [places.sets.tolist() for places in order.batches(0, 0)]
    of_second = [sum(sets) for sets in batches]
    assert sum(of_second) == 300
    # The share in one batch is hypergeometric: 25 with a deviation of 4.1.
    assert all(8 <= count <= 42 for count in of_second)
    assert len({tuple(sets) for sets in batches}) == len(batches)


def test_the_stream_does_not_depend_on_where_it_is_cut() -> None:
    def positions(first: int, last: int) -> list[tuple[int, int]]:
        pieces = stream_pieces(COUNTS, 3, 0, first, last)
        assert all(piece.start < piece.stop for piece in pieces)
        return [(p.shard, row) for p in pieces for row in range(p.start, p.stop)]

    whole = positions(0, 3 * 41)
    cuts = [0, 1, 8, 40, 41, 42, 90, 123]
    parts = [positions(a, b) for a, b in pairwise(cuts)]
    assert [place for part in parts for place in part] == whole
    assert stream_pieces((5,), 0, 0, 2, 4) == [Piece(0, 2, 4)]


def test_rows_of_a_window_are_a_fair_shuffle() -> None:
    order = make_order(counts=((50, 50),), window=2, batch_size=100)
    first = [samples(order, epoch)[0] for epoch in range(300)]
    rows = np.array([shard * 50 + row for _, shard, row in first])
    # The mean of 300 draws from 0..99 is 49.5 with a deviation of 1.7.
    assert abs(rows.mean() - 49.5) < 5 * 1.7


def test_an_epoch_without_a_batch_is_refused() -> None:
    with pytest.raises(ConfigError, match="at most the 40 samples of an epoch here, got 60"):
        make_order(batch_size=30, num_parts=2).check()


def test_a_set_that_an_epoch_never_takes_is_refused() -> None:
    order = make_order(counts=(COUNTS, (3, 2)), weights=(1.0, 0.3), num_parts=2)
    with pytest.raises(
        ConfigError, match=r"no samples from set 1: 5 samples at weight 0.3 for 2 parts"
    ):
        order.check()
