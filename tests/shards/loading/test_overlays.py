"""Overlays: what all layers have is read, what one lacks is counted, stale shards are refused."""

import io
import logging
import tarfile
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pairgen
from pairgen.errors import ConfigError, CorruptShardError
from pairgen.shards.format import layout
from pairgen.shards.format.manifest import read_receipt, write_receipt
from pairgen.shards.format.plan_file import read_plan, write_plan
from pairgen.shards.storage.local_store import LocalStore
from pairgen.types import Plan
from tests.small_sets import (
    flip_byte,
    make_plan,
    make_sample,
    overlay_plan,
    planned_noise,
    write_overlay,
    write_set,
    write_shard,
)

SCORE = {"score.npy": {"dtype": "float32", "shape": [2]}}
TAG: dict[str, Any] = {"tag.txt": {}}
FIELDS = ("latent.npy", "txt", "score.npy", "tag.txt")
Loader, TrainingSet = pairgen.Loader, pairgen.TrainingSet


def scores(parent: Plan, keys: Collection[str] = ("index", "seed", "points")) -> Plan:
    return overlay_plan(parent, members={"json": {"keys": sorted(keys)}, **SCORE})


def tags(parent: Plan, keys: Collection[str] = ("index", "seed", "sharpness")) -> Plan:
    return overlay_plan(parent, members={"json": {"keys": sorted(keys)}, **TAG})


@pytest.fixture
def parent(tmp_path: Path) -> LocalStore:
    """60 samples in 12 shards."""
    return write_set(tmp_path / "set", make_plan(num_samples=60, samples_per_shard=5))


def load(parent: LocalStore, *overlays: str, **options: Any) -> pairgen.Loader:
    defaults = {"fields": ("latent.npy", "score.npy"), "batch_size": 1, "window": 3}
    return Loader(TrainingSet(parent.url, overlays=overlays), **{**defaults, **options})


def read_tars(*urls: str) -> dict[str, dict[str, bytes]]:
    """Return member to content of every key that all folders have, read by `tarfile`."""
    layers: list[dict[str, dict[str, bytes]]] = []
    for url in urls:
        found: dict[str, dict[str, bytes]] = {}
        for path in sorted(Path(url, "train").glob("*.tar")):
            with tarfile.open(path) as tar:
                for member in tar:
                    key, _, extension = member.name.partition(".")
                    found.setdefault(key, {})[extension] = tar.extractfile(member).read()
        layers.append(found)
    common = set(layers[0]).intersection(*layers[1:])
    return {key: {k: v for layer in layers for k, v in layer[key].items()} for key in common}


def check_members(loaders: list[pairgen.Loader], expected: dict[str, dict[str, bytes]]) -> None:
    """Every sample of an epoch, over all ranks, is the one in the tars, and all of them come."""
    seen = []
    for loader in loaders:
        for batch in loader:
            for row, key in enumerate(batch.keys):
                members = expected[key]
                for field, tensor in batch.tensors.items():
                    stored = np.load(io.BytesIO(members[field]))
                    assert tensor[row].numpy().tobytes() == stored.tobytes(), (key, field)
                for field, texts in batch.texts.items():
                    assert texts[row].encode() == members[field], (key, field)
                seen.append(key)
    assert sorted(seen) == sorted(expected)


# Samples that an overlay lacks


def test_what_all_layers_have_is_read_and_the_rest_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    failed = {7: "not finite", 20: "not finite", 21: "not finite"}
    parent = write_set(tmp_path / "set", make_plan(60, 5), failed=failed)
    plan = read_plan(parent)
    score = write_overlay(tmp_path / "a", scores(plan), missing=range(0, 60, 3), parent=parent)
    tag = write_overlay(tmp_path / "b", tags(plan), missing=range(0, 60, 5), parent=parent)
    expected = read_tars(parent.url, score, tag)
    with caplog.at_level(logging.WARNING, "pairgen"):
        loader = load(parent, score, tag, fields=FIELDS)
    wanted = {i for i in range(60) if i % 3 and i % 5} - failed.keys()
    assert {int(key) for key in expected} == wanted
    check_members([loader], expected)
    # Slots that the set itself lacks are not among those that an overlay lacks.
    (left_out,) = loader.left_out
    assert (left_out.num_samples, left_out.num_all) == (57 - len(wanted), 57)
    assert [each.num_samples for each in left_out.because] == [19, 11]
    assert [record.message for record in caplog.records] == [
        f"{parent.url}: {57 - len(wanted)} of 57 samples are left out: 19 have no score.npy, "
        "11 have no tag.txt."
    ]


def test_one_overlay_that_lacks_samples_is_told_in_one_sentence(
    parent: LocalStore, tmp_path: Path
) -> None:
    url = write_overlay(tmp_path / "a", scores(read_plan(parent)), missing=range(0, 60, 3))
    (left_out,) = load(parent, url).left_out
    assert str(left_out) == f"{parent.url}: 20 of 60 samples have no score.npy: left out."
    whole = write_overlay(tmp_path / "b", scores(read_plan(parent)))
    assert load(parent, whole).left_out == ()


@pytest.mark.parametrize("seed", range(12))
def test_any_pattern_of_missing_samples(tmp_path: Path, seed: int) -> None:
    generator = np.random.default_rng(seed)

    def some(share: float) -> list[int]:
        return np.flatnonzero(generator.random(30) < share).tolist()

    failed = dict.fromkeys(some(0.2), "not finite")
    parent = write_set(tmp_path / "set", make_plan(30, 7), failed=failed)
    plan = read_plan(parent)
    score = write_overlay(tmp_path / "a", scores(plan), missing=some(generator.choice([0.1, 0.7])))
    tag = write_overlay(
        tmp_path / "b",
        tags(plan),
        missing=some(0.4),
        shards=np.flatnonzero(generator.random(5) < 0.8).tolist(),
    )
    expected = read_tars(parent.url, score, tag)
    if not expected:
        with pytest.raises(ConfigError, match=r"samples (have no|lack members)"):
            load(parent, score, tag)
        return
    check_members([load(parent, score, tag, fields=FIELDS, num_threads=1)], expected)
    # A condition chooses among them.
    loader = load(parent, score, tag, fields=FIELDS, where="points >= 0 and sharpness < 99")
    check_members([loader], expected)


def test_two_ranks_share_what_is_left(parent: LocalStore, tmp_path: Path) -> None:
    plan = read_plan(parent)
    score = write_overlay(tmp_path / "a", scores(plan), missing=range(0, 60, 3))
    tag = write_overlay(tmp_path / "b", tags(plan), missing=range(0, 60, 5))
    ranks = [
        load(parent, score, tag, fields=FIELDS, rank=rank, world_size=2, batch_size=4)
        for rank in range(2)
    ]
    # 32 samples are in all three: four batches of 4 for each rank.
    assert [len(loader) for loader in ranks] == [4, 4]
    check_members(ranks, read_tars(parent.url, score, tag))


def test_a_set_of_which_nothing_is_left_is_refused(parent: LocalStore, tmp_path: Path) -> None:
    plan = read_plan(parent)
    even = write_overlay(tmp_path / "a", scores(plan), missing=range(0, 60, 2))
    odd = write_overlay(tmp_path / "b", tags(plan), missing=range(1, 60, 2))
    message = "/set: 60 of 60 samples lack members: 30 have no score.npy, 30 have no tag.txt."
    with pytest.raises(ConfigError, match=message):
        load(parent, even, odd)
    with pytest.raises(ConfigError, match="has no sample that meets 'points == 7'"):
        load(parent, even, where="points == 7")


# Overlays that are behind


def test_a_parent_that_has_grown_leaves_its_overlay_behind(
    parent: LocalStore, tmp_path: Path
) -> None:
    short = replace(scores(read_plan(parent)), num_samples=48)
    url = write_overlay(tmp_path / "a", short)
    loader = load(parent, url)
    check_members([loader], read_tars(parent.url, url))
    assert len(loader) == 48
    (left_out,) = loader.left_out
    assert str(left_out) == (
        f"{parent.url}: 12 of 60 samples have no score.npy: left out; {url} is behind: the "
        "command that made it, run again, catches up."
    )


def test_of_a_last_shard_that_was_made_again_no_sample_is_taken(tmp_path: Path) -> None:
    small = make_plan(num_samples=18, samples_per_shard=5)
    parent = write_set(tmp_path / "set", small)
    url = write_overlay(tmp_path / "a", scores(read_plan(parent)), parent=parent)
    grown = replace(read_plan(parent), num_samples=20)
    write_plan(parent, grown)
    write_shard(parent, grown.tasks()[3], [make_sample(grown, index) for index in range(15, 20)])
    loader = load(parent, url)
    # The set's samples 15 to 17 may have other bytes than those that the overlay was made from.
    assert sorted(int(batch.indices) for batch in loader) == list(range(15))
    assert loader.left_out[0].num_samples == 5
    assert loader.left_out[0].because[0].is_behind
    # The overlay's plan has grown with it, and it was interrupted before its last shard.
    write_plan(LocalStore(Path(url)), scores(grown))
    assert len(load(parent, url)) == 15
    write_overlay(Path(url), scores(grown), parent=parent, shards=[3])
    assert len(load(parent, url)) == 20
    assert load(parent, url).left_out == ()


def test_an_overlay_that_is_not_finished_is_behind(parent: LocalStore, tmp_path: Path) -> None:
    url = write_overlay(tmp_path / "a", scores(read_plan(parent)), shards=[0, 4, 5])
    loader = load(parent, url)
    check_members([loader], read_tars(parent.url, url))
    assert "45 of 60" in str(loader.left_out[0])
    assert "is behind" in str(loader.left_out[0])
    write_plan(LocalStore(tmp_path / "b"), scores(read_plan(parent)))
    with pytest.raises(ConfigError, match=r"/set: 60 of 60 .* score.npy; .* behind"):
        load(parent, str(tmp_path / "b"))


@pytest.mark.parametrize(
    ("recipe", "folder", "command"),
    [
        ({"annotator": "moments"}, "moments", "pairgen annotate {set} --add moments"),
        ({"annotator": "my.own"}, "own", "pairgen annotate {set} --add my.own"),
        ({"annotator": "latent"}, "b", "pairgen annotate {set} --add latent --out {overlay}"),
        ({"maker": "degrade"}, "degraded", "pairgen degrade --from-ode {set} --overlay"),
    ],
)
def test_the_command_that_adds_what_is_missing_is_named(
    parent: LocalStore, recipe: Any, folder: str, command: str
) -> None:
    plan = scores(read_plan(parent))
    plan = replace(plan, recipe={**plan.recipe, **recipe})
    url = write_overlay(Path(f"{parent.url}.annotations/{folder}"), plan, shards=[0, 4, 5])
    command = command.format(set=parent.url, overlay=url)
    (left_out,) = load(parent, url).left_out
    assert str(left_out) == (
        f"{parent.url}: 45 of 60 samples have no score.npy: left out; {url} is behind: "
        f"`{command}` adds what is missing."
    )


def test_only_the_first_rank_tells_what_is_left_out(
    parent: LocalStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = write_overlay(tmp_path / "a", scores(read_plan(parent)), missing=range(0, 60, 3))
    for rank in range(2):
        load(parent, url, rank=rank, world_size=2)
    assert len(caplog.records) == 1


# Damaged and stale overlays


def damage_tar(store: LocalStore) -> None:
    store.remove(layout.shard_path(2))


def damage_size(store: LocalStore) -> None:
    path = store.root / layout.shard_path(2)
    path.write_bytes(path.read_bytes()[:-512])


def damage_receipt(store: LocalStore) -> None:
    store.put_bytes(layout.receipt_path(2), b"{")


def foreign_receipt(store: LocalStore) -> None:
    write_receipt(store, replace(read_receipt(store, 2), fingerprint="0" * 64))


def wrong_count(store: LocalStore) -> None:
    write_receipt(store, replace(read_receipt(store, 2), count=4))


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (damage_tar, "is missing"),
        (damage_size, "has 19,968 bytes, its receipt says"),
        (damage_receipt, "has a receipt that cannot be read, or that is not one of its plan"),
        (foreign_receipt, "has a receipt that cannot be read, or that is not one of its plan"),
        (wrong_count, "has a receipt of 4 samples that leaves 5 slots for them"),
    ],
)
def test_a_damaged_shard_is_not_taken_for_one_that_was_not_made(
    parent: LocalStore, tmp_path: Path, damage: Any, named: str
) -> None:
    url = write_overlay(tmp_path / "a", scores(read_plan(parent)))
    damage(LocalStore(Path(url)))
    with pytest.raises(CorruptShardError, match=f"train/00002.tar of .*/a {named}"):
        load(parent, url)
    loader = load(parent, url, skip_bad=True)
    assert sorted(int(batch.indices) for batch in loader) == [*range(10), *range(15, 60)]
    assert loader.left_out == ()


def test_keys_that_contradict_the_receipt_are_found_as_a_shard_is_loaded(
    parent: LocalStore, tmp_path: Path
) -> None:
    url = write_overlay(tmp_path / "a", scores(read_plan(parent)), missing=[11])
    store = LocalStore(Path(url))
    receipt = read_receipt(store, 2)
    write_receipt(store, replace(receipt, failed=(replace(receipt.failed[0], index=12),)))
    named = "train/00002.tar of .*/a holds other keys than its receipt says"
    with pytest.raises(CorruptShardError, match=named):
        list(load(parent, url))
    with pytest.raises(CorruptShardError, match=named):
        load(parent, url, where="points >= 0")


def repaired(parent: LocalStore, shard_index: int, change: float) -> None:
    """Make a shard of a set again, on a machine whose latents differ by `change`."""
    plan = read_plan(parent)
    task = plan.tasks()[shard_index]
    parent.remove(layout.receipt_path(shard_index))
    samples = [
        make_sample(plan, index, lambda plan, slot: planned_noise(plan, slot) + np.float16(change))
        for index in range(task.start, task.stop)
    ]
    write_shard(parent, task, samples)


def test_a_stale_shard_is_refused(parent: LocalStore, tmp_path: Path) -> None:
    plan = read_plan(parent)
    recorded = write_overlay(tmp_path / "a", scores(plan), parent=parent)
    by_hand = write_overlay(tmp_path / "b", scores(plan))
    repaired(parent, 3, 0)
    assert len(load(parent, recorded)) == 60
    repaired(parent, 3, 1)
    with pytest.raises(
        CorruptShardError,
        match=r"train/00003.tar of .*/a is stale: it was made from another train/00003.tar of "
        r".*/set than there is now; run the command that made the overlay again",
    ):
        load(parent, recorded)
    kept = sorted(int(batch.indices) for batch in load(parent, recorded, skip_bad=True))
    assert kept == [*range(15), *range(20, 60)]
    # Nothing says what it was made from.
    assert len(load(parent, by_hand)) == 60


def test_a_shard_that_was_altered_is_replaced(parent: LocalStore, tmp_path: Path) -> None:
    url = write_overlay(tmp_path / "a", scores(read_plan(parent)), missing=range(20, 25))
    flip_byte(Path(url, layout.shard_path(3)), 1500)
    with pytest.raises(CorruptShardError, match=r"train/00003.tar of .*/a was altered"):
        list(load(parent, url))
    found = [int(batch.indices) for batch in load(parent, url, skip_bad=True)]
    # Nothing is left of shard 4, so shard 5 stands in for shard 3.
    assert sorted({*found}) == [*range(15), *range(25, 60)]
    assert len(found) == 55


def test_a_shard_without_samples_that_meet_a_condition_replaces_none(parent: LocalStore) -> None:
    flip_byte(parent.root / layout.shard_path(3), 1500)
    options = {"fields": ["latent.npy"], "where": "index < 20 or index > 24", "skip_bad": True}
    found = [int(batch.indices) for batch in load(parent, **options)]
    assert sorted({*found}) == [*range(15), *range(25, 60)]


# Columns of all layers


def test_conditions_and_facts_read_the_columns_of_all_layers(
    parent: LocalStore, tmp_path: Path
) -> None:
    plan = read_plan(parent)
    score = write_overlay(tmp_path / "a", scores(plan), missing=range(0, 60, 3))
    tag = write_overlay(tmp_path / "b", tags(plan), missing=range(0, 60, 5))
    wanted = [i for i in range(60) if i % 3 and i % 5 and i % 5 > 2 and i / 8 < 5 and i != 13]
    loader = load(
        parent,
        score,
        tag,
        fields=["latent.npy"],
        where="points > 2 and sharpness < 5 and index != 13 and guidance_scale == 7.5",
        facts=("sharpness", "group", "points", "score_crc32", "seed"),
    )
    found = []
    for batch in loader:
        (index,) = batch.indices.tolist()
        latent = make_sample(plan, index).fields["latent.npy"]
        assert batch["latent.npy"][0].numpy().tobytes() == latent.tobytes()
        assert batch.facts["points"].tolist() == [index % 5]
        assert batch.facts["sharpness"].tolist() == [index / 8]
        assert batch.facts["group"] == (f"5-{index:09d}",)
        assert batch.facts["seed"].tolist() == [5]
        found.append(index)
    assert sorted(found) == wanted
    assert loader.guidance_scales == (7.5,)


def test_the_guidance_scales_are_those_of_the_samples_that_are_left(tmp_path: Path) -> None:
    parent = write_set(tmp_path / "set", make_plan(guidance_scales=(3.0, 8.0)))
    odd = write_overlay(tmp_path / "a", scores(read_plan(parent)), missing=range(1, 24, 2))
    loader = load(parent, odd)
    assert loader.guidance_scales == (3.0,)
    assert {float(batch.guidance_scale) for batch in loader} == {3.0}


def test_unknown_columns_are_named_with_those_of_all_layers(
    parent: LocalStore, tmp_path: Path
) -> None:
    plan = read_plan(parent)
    urls = [
        write_overlay(tmp_path / "a", scores(plan)),
        write_overlay(tmp_path / "b", tags(plan)),
    ]
    for options in ({"where": "sharpnes > 1"}, {"facts": ["sharpnes"]}):
        with pytest.raises(
            ConfigError, match=r"no column 'sharpnes'.*guidance_scale.*points.*sharpness"
        ):
            load(parent, *urls, **options)


def test_a_column_of_two_layers_is_refused(parent: LocalStore, tmp_path: Path) -> None:
    plan = read_plan(parent)
    score = write_overlay(tmp_path / "a", scores(plan))
    both = write_overlay(tmp_path / "b", tags(plan, ["index", "seed", "points"]))
    with pytest.raises(ConfigError, match=r"/a and .*/b both have a column 'points'"):
        load(parent, score, both)


# Resume


def test_a_state_does_not_continue_once_an_overlay_has_caught_up(
    parent: LocalStore, tmp_path: Path
) -> None:
    plan = scores(read_plan(parent))
    url = write_overlay(tmp_path / "a", plan, shards=range(10))
    loader = load(parent, url)
    next(iter(loader))
    state = loader.state()
    assert load(parent, url, state=state).state() == state
    write_overlay(tmp_path / "a", plan, shards=[10, 11])
    with pytest.raises(
        ConfigError, match="gave 50 samples when the state was saved, and gives 60 now"
    ):
        load(parent, url, state=state)


def test_a_state_does_not_continue_with_other_samples_of_the_same_number(
    parent: LocalStore, tmp_path: Path
) -> None:
    plan = scores(read_plan(parent))
    first = load(parent, write_overlay(tmp_path / "a", plan, missing=[3]))
    second = write_overlay(tmp_path / "b", plan, missing=[4])
    with pytest.raises(ConfigError, match="gives other samples than when the state was saved"):
        load(parent, second, state=first.state())


def test_an_overlay_that_lacks_nothing_leaves_the_state_as_it_was(
    parent: LocalStore, tmp_path: Path
) -> None:
    plan = scores(read_plan(parent))
    by_hand = load(parent, write_overlay(tmp_path / "a", plan)).state()
    recorded = load(parent, write_overlay(tmp_path / "b", plan, parent=parent)).state()
    assert by_hand == recorded
    alone = load(parent, fields=["latent.npy"]).state()
    assert by_hand["sets"][0]["shards"] == alone["sets"][0]["shards"]
