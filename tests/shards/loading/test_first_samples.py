"""The first samples of a set come in order, with the members of its overlays."""

import pytest

from pairgen.errors import CorruptShardError
from pairgen.shards.format.where import parse_where
from pairgen.shards.loading.first_samples import first_samples
from pairgen.shards.loading.training_set import TrainingSet, open_set
from tests.small_sets import flip_byte, overlay_plan, write_overlay, write_set


def read(found, num: int, members=()) -> list[tuple[int, set[str], str]]:
    return [
        (int(each.key), set(each.members), each.decode("tag.txt") if "tag.txt" in members else "")
        for each in first_samples(found, num, members)
    ]


def test_members_of_an_overlay_that_lacks_samples_belong_to_their_keys(tmp_path):
    store = write_set(tmp_path / "set")
    plan = overlay_plan(open_set(TrainingSet(store.url), None, False).base.plan)
    overlay = write_overlay(tmp_path / "over", plan, missing=(1, 4, 9, *range(16, 20)))
    both = TrainingSet(store.url, overlays=[overlay])
    found = open_set(both, None, skip_bad=False)
    own = {"json", "txt", "latent.npy", "noise.npy"}
    there = [index for index in range(24) if index not in (1, 4, 9, 16, 17, 18, 19)]
    assert read(found, 100, ["tag.txt"]) == [
        (index, {*own, "tag.txt"}, f"tag {index}") for index in there
    ]
    # The overlay is not opened where none of its members are asked for.
    flip_byte(tmp_path / "over/train/00000.tar", 700)
    assert read(found, 2) == [(0, own, ""), (2, own, "")]
    with pytest.raises(CorruptShardError, match=r"00000\.tar of .*over does not match its receipt"):
        read(found, 1, ["tag.txt"])
    chosen = open_set(both, parse_where("key >= '000000008'"), skip_bad=False)
    assert [key for key, *_ in read(chosen, 3, ["tag.txt"])] == [8, 10, 11]


def test_altered_shards_are_refused_when_they_are_reached(tmp_path):
    store = write_set(tmp_path / "bad")
    flip_byte(tmp_path / "bad/train/00001.tar", 700)
    found = open_set(TrainingSet(store.url), None, skip_bad=False)
    assert len(read(found, 8)) == 8
    with pytest.raises(CorruptShardError, match=r"00001\.tar .* does not match its receipt"):
        read(found, 9)
