"""The loader: every sample as written, an order that nothing disturbs, and bad sets refused."""

import io
import json
import logging
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
import torch
from PIL import Image

import pairgen
from pairgen.errors import ConfigError, CorruptShardError
from pairgen.seeding import noise_for
from pairgen.shards.check.verify import verify
from pairgen.shards.format import layout
from pairgen.shards.format.plan_file import read_plan, write_plan
from pairgen.shards.loading.batch import Batch
from pairgen.shards.storage.local_store import LocalStore
from pairgen.types import Plan, Sample, sample_key
from tests.small_sets import (
    LATENT_SHAPE,
    flip_byte,
    make_plan,
    make_sample,
    overlay_plan,
    write_overlay,
    write_set,
)

FIELDS = ("noise.npy", "latent.npy", "txt")
Loader, TrainingSet = pairgen.Loader, pairgen.TrainingSet


def big_plan(**changes: Any) -> Plan:
    """60 samples in 12 shards."""
    return make_plan(num_samples=60, samples_per_shard=5, **changes)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of 12 shards. Do not change it."""
    root = tmp_path_factory.mktemp("sets") / "stored"
    write_set(root, big_plan())
    return root


def load(datasets: Any, **options: Any) -> pairgen.Loader:
    defaults = {"fields": FIELDS, "batch_size": 4, "window": 3}
    return Loader(datasets, **{**defaults, **options})


def keys(batches: Iterator[Batch] | pairgen.Loader) -> list[tuple[str, ...]]:
    return [batch.keys for batch in batches]


def flat(loader: pairgen.Loader) -> list[int]:
    return [index for batch in loader for index in batch.indices.tolist()]


# What a batch holds


def test_an_epoch_gives_every_sample_as_it_was_written(folder: Path) -> None:
    loader = load(folder, facts=("group", "seed", "prompt_truncated"))
    plan = read_plan(LocalStore(folder))
    assert len(loader) == 15
    assert loader.num_samples == 60
    seen = []
    for batch in loader:
        assert len(batch) == 4
        assert batch["noise.npy"].dtype == torch.float16
        assert batch["noise.npy"].shape == (4, *LATENT_SHAPE)
        assert batch.guidance_scale.tolist() == [7.5] * 4
        assert batch.guidance_scale.dtype == torch.float32
        assert batch.sets.tolist() == [0] * 4
        for i, index in enumerate(batch.indices.tolist()):
            sample = make_sample(plan, index)
            for field in ("noise.npy", "latent.npy"):
                assert batch[field][i].numpy().tobytes() == sample.fields[field].tobytes()
            assert batch.texts["txt"][i] == sample.fields["txt"]
            assert batch.keys[i] == sample.key
            facts = {name: batch.facts[name][i] for name in batch.facts}
            assert facts == {name: sample.facts[name] for name in facts}
            seen.append(index)
    assert sorted(seen) == list(range(60))


def test_slots_that_failed_leave_no_hole(tmp_path: Path) -> None:
    failed = {0: "not finite", 9: "not finite"} | dict.fromkeys(range(8, 16), "not finite")
    store = write_set(tmp_path / "set", failed=failed)
    loader = load(store.url, batch_size=1)
    assert sorted(flat(loader)) == sorted(set(range(24)) - failed.keys())


def test_a_batch_that_is_held_is_never_written_to_again(folder: Path) -> None:
    loader = load(folder, num_ahead=1)
    held = [batch["noise.npy"][1:2] for batch in loader]
    plan = read_plan(LocalStore(folder))
    copies = [tensor.clone() for tensor in held]
    slots = [batch.indices[1].item() for batch in load(folder)]
    for batch in loader:
        del batch
    for tensor, copy, slot in zip(held, copies, slots, strict=True):
        assert torch.equal(tensor, copy)
        assert tensor[0].numpy().tobytes() == make_sample(plan, slot).fields["noise.npy"].tobytes()


def test_buffers_are_used_again(folder: Path) -> None:
    loader = load(folder, num_ahead=1, num_threads=1)
    pointers = set()
    for _ in range(3):
        for batch in loader:
            pointers.add(batch["noise.npy"].data_ptr())
            del batch
    # In work, waiting, handed out.
    assert len(pointers) <= 4


@pytest.mark.parametrize(
    "options",
    [{"num_threads": 1, "num_ahead": 1}, {"num_threads": 5}, {"num_ahead": 50}, {"check": "size"}],
)
def test_neither_threads_nor_prefetching_change_a_batch(folder: Path, options: dict) -> None:
    expected, loader = load(folder), load(folder, **options)
    for _ in range(2):
        for a, b in zip(expected, loader, strict=True):
            assert a.keys == b.keys
            assert torch.equal(a["latent.npy"], b["latent.npy"])
            assert a.texts == b.texts


def test_epochs_and_seeds_differ(folder: Path) -> None:
    loader = load(folder)
    assert len({tuple(keys(loader)) for _ in range(3)} | {tuple(keys(load(folder, seed=1)))}) == 4
    assert loader.epoch == 3


# Resume


@pytest.mark.parametrize("handed_out", [0, 1, 7, 14, 15, 16, 29, 30, 40])
def test_a_state_continues_with_the_batch_that_comes_next(folder: Path, handed_out: int) -> None:
    def endless(loader: pairgen.Loader) -> Iterator[Batch]:
        while True:
            yield from loader

    expected = keys(islice(endless(load(folder)), 60))
    loader = load(folder)
    first = keys(islice(endless(loader), handed_out))
    state = json.loads(json.dumps(loader.state()))
    assert (state["epoch"], state["step"]) == divmod(handed_out, 15)
    assert len(json.dumps(state)) < 1000
    resumed = load(folder, state=state, num_threads=3, num_ahead=2)
    assert first + keys(islice(endless(resumed), 60 - handed_out)) == expected


def test_a_loop_that_was_left_goes_on_where_it_stopped(folder: Path) -> None:
    loader = load(folder)
    found = []
    for batch in loader:
        found.append(batch.keys)
        if len(found) == 4:
            break
    found += keys(loader)
    assert found == keys(load(folder))
    assert loader.state()["epoch"] == 1


def test_the_world_may_change_between_epochs_only(folder: Path) -> None:
    loader = load(folder)
    list(loader)
    resumed = load(folder, world_size=2, batch_size=3, window=2, state=loader.state())
    assert (resumed.epoch, len(resumed)) == (1, 10)
    next(iter(loader))
    with pytest.raises(ConfigError, match=r"num_parts can change between epochs only: .* step 1 "):
        load(folder, world_size=2, state=loader.state())


def test_with_parts_that_stay_the_world_may_change_at_any_step(folder: Path) -> None:
    one = load(folder, batch_size=12, num_parts=4)
    whole = keys(one)
    one = load(folder, batch_size=12, num_parts=4)
    first = [next(iter(one)).keys]
    two = [
        load(folder, batch_size=6, num_parts=4, rank=rank, world_size=2, state=one.state())
        for rank in range(2)
    ]
    halves = [keys(loader) for loader in two]
    assert first + [a + b for a, b in zip(*halves, strict=True)] == whole
    with pytest.raises(ConfigError, match="num_parts must be a multiple of 3, got 4"):
        load(folder, world_size=3, num_parts=4)
    with pytest.raises(ConfigError, match="batch_size must be a multiple of 2, got 5"):
        load(folder, batch_size=5, num_parts=2)


def test_rows_of_a_batch_are_views(folder: Path) -> None:
    batch = next(iter(load(folder, fields=["latent.npy", "txt"])))
    part = batch.rows(1, 3)
    assert len(part) == 2
    assert part.keys == batch.keys[1:3]
    assert part.texts["txt"] == batch.texts["txt"][1:3]
    assert part["latent.npy"].data_ptr() == batch["latent.npy"][1].data_ptr()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"seed": 9}, "another seed: 0, got 9"),
        ({"where": "seed == 5"}, "another where: '', got 'seed == 5'"),
        ({"batch_size": 5}, "batch_size can change between epochs only"),
        ({"window": 4}, "window can change between epochs only"),
    ],
)
def test_a_state_of_another_order_is_refused(folder: Path, options: dict, named: str) -> None:
    loader = load(folder)
    next(iter(loader))
    with pytest.raises(ConfigError, match=named):
        load(folder, state=loader.state(), **options)


def test_a_state_of_another_set_is_refused(folder: Path, tmp_path: Path) -> None:
    other = write_set(tmp_path / "set", make_plan(num_samples=40))
    with pytest.raises(ConfigError, match=r"stored gave 40 samples .* and gives 60 now"):
        load(folder, state=load(other.url).state())
    with pytest.raises(ConfigError, match="must be what state"):
        load(folder, state={"epoch": 1})
    with pytest.raises(ConfigError, match=r"a loader of 2 sets, got 1: start a new training"):
        load(folder, state=load([folder, other.url], allow_shared_noise=True).state())
    with pytest.raises(ConfigError, match="stored is another dataset than the one in the state"):
        load(folder, state=load(other_seed(tmp_path, "second")).state())
    with pytest.raises(ConfigError, match=r"weight of .*stored was 2 when .* was saved, got 1"):
        load(folder, state=load(TrainingSet(folder, weight=2)).state())


# Ranks

RANK = """
import json, sys
import pairgen

folder, rank = sys.argv[1], int(sys.argv[2])
loader = pairgen.Loader(folder, fields=["latent.npy"], batch_size=4, rank=rank, world_size=2)
found = [[batch.indices.tolist() for batch in loader] for _ in range(2)]
assert not {"diffusers", "transformers", "ray", "click"} & set(sys.modules)
print(json.dumps(found))
"""


def test_two_processes_read_disjoint_halves(folder: Path) -> None:
    commands = [[sys.executable, "-c", RANK, str(folder), str(rank)] for rank in range(2)]
    processes = [subprocess.Popen(c, stdout=subprocess.PIPE, text=True) for c in commands]
    outputs = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    for first, second in zip(*map(json.loads, outputs), strict=True):
        assert [len(batch) for batch in first] == [len(batch) for batch in second] == [4] * 7
        union = {index for batch in first + second for index in batch}
        assert len(union) == 56


# Noise


def test_noise_is_drawn_again_bit_by_bit(folder: Path, tmp_path: Path) -> None:
    store = write_set(tmp_path / "set", big_plan(noise="seed", guidance_scales=(3.0, 8.0)))
    plan = read_plan(store)
    loader = load(store.url, guidance_embedding=True)
    num = 0
    for batch in loader:
        for noise, index in zip(batch["noise.npy"], batch.indices.tolist(), strict=True):
            expected = noise_for(plan.seed, index // 2, LATENT_SHAPE, "float16")
            assert noise.numpy().tobytes() == expected.tobytes()
            num += 1
    assert num == 60


def test_noise_that_is_not_the_recorded_one_stops_with_the_sample(tmp_path: Path) -> None:
    def edit(shard_index: int, samples: list[Sample]) -> list[Sample]:
        return [replace(s, facts={**s.facts, "noise_crc32": s.index}) for s in samples]

    store = write_set(tmp_path / "set", make_plan(noise="seed"), edit=edit)
    with pytest.raises(CorruptShardError, match=r"noise of sample 0000000\d\d in train/0000\d.tar"):
        list(load(store.url))
    # Who does not ask for the noise is not concerned.
    assert len(list(load(store.url, fields=["latent.npy"]))) == 6


def test_an_unknown_noise_generator_is_named(tmp_path: Path) -> None:
    recipe = {"noise_generator": "dice"}
    store = write_set(tmp_path / "set", make_plan(noise="seed", recipe=recipe))
    with pytest.raises(ConfigError, match="is drawn by 'dice'; this pairgen has 'numpy-philox"):
        load(store.url)


# Several sets


def other_seed(tmp_path: Path, name: str, **changes: Any) -> str:
    plan = replace(make_plan(**changes), seed=77)
    return write_set(tmp_path / name, plan).url


def test_sets_are_mixed_by_their_weights(folder: Path, tmp_path: Path) -> None:
    second = other_seed(tmp_path, "second")
    loader = load([folder, TrainingSet(second, weight=2)], batch_size=6)
    assert loader.num_samples == 60 + 2 * 24
    found = [
        (s, i) for b in loader for s, i in zip(b.sets.tolist(), b.indices.tolist(), strict=True)
    ]
    assert sorted(found) == [(0, i) for i in range(60)] + sorted([(1, i) for i in range(24)] * 2)


def test_each_set_brings_its_own_samples(folder: Path, tmp_path: Path) -> None:
    second = other_seed(tmp_path, "second")
    plans = [read_plan(LocalStore(Path(url))) for url in (folder, second)]
    for batch in load([folder, second]):
        for i, (number, index) in enumerate(zip(batch.sets, batch.indices, strict=True)):
            expected = make_sample(plans[number], int(index)).fields["latent.npy"]
            assert batch["latent.npy"][i].numpy().tobytes() == expected.tobytes()


def test_equal_noises_need_a_word(folder: Path, tmp_path: Path) -> None:
    second = write_set(tmp_path / "second").url
    with pytest.raises(ConfigError, match="have the same noises, drawn from seed 5"):
        load([folder, second])
    with pytest.raises(ConfigError, match=r"stored is named twice: .* allow_shared_noise=true"):
        load([folder, folder])
    assert load([folder, second], allow_shared_noise=True).num_samples == 84


def test_several_guidance_scales_need_a_choice(tmp_path: Path) -> None:
    url = write_set(tmp_path / "set", big_plan(guidance_scales=(3.0, 8.0))).url
    for options in ({}, {"where": "len(prompt) < 20"}):
        with pytest.raises(
            ConfigError, match=r'scales 3, 8 at once: .*--where "guidance_scale == 8"'
        ):
            load(url, **options)
    for batch in load(url, where="guidance_scale == 8"):
        assert batch.guidance_scale.tolist() == [8.0] * 4
    both = {
        scale for b in load(url, guidance_embedding=True) for scale in b.guidance_scale.tolist()
    }
    assert both == {3.0, 8.0}


def test_sets_of_different_guidance_scales_need_a_choice(folder: Path, tmp_path: Path) -> None:
    second = other_seed(tmp_path, "second", guidance_scales=(3.0,))
    with pytest.raises(ConfigError, match=r"guidance scales 3, 7.5 at once"):
        load([folder, second])


def test_a_field_must_have_one_shape(folder: Path, tmp_path: Path) -> None:
    plan = replace(make_plan(), seed=77)
    members = {**plan.members, "latent.npy": {"dtype": "float32", "shape": [4, 8, 8]}}
    store = write_set(tmp_path / "second", replace(plan, members=members))
    with pytest.raises(ConfigError, match=r"latent.npy is float16 \[4, 8, 8\] in .* but float32"):
        load([folder, store.url])


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"fields": ["latent"]}, r"no member 'latent' .did you mean 'latent.npy'\?.; it has json,"),
        ({"fields": ["path.npy"]}, "no member 'path.npy'"),
        ({"fields": ["json"]}, "'json' is neither an array"),
        ({"fields": []}, "fields must name at least one"),
        ({"facts": ["guidance"]}, "no column 'guidance' .did you mean 'guidance_scale'"),
        ({"where": "guidance == 8"}, "no column 'guidance' .did you mean 'guidance_scale'"),
        ({"where": "seed == 6"}, "has no sample that meets 'seed == 6'"),
        (
            {"batch_size": 61},
            "The batch of a step must be at most the 60 samples of an epoch here, got 61: "
            "give a smaller batch_size",
        ),
        ({"rank": 2, "world_size": 2}, r"rank must be an integer in 0..1, got 2"),
        ({"check": "md5"}, "check must be one of sha256, size, got 'md5'"),
        ({"device": "meta"}, "device must be one of cpu, cuda, got 'meta'"),
    ],
)
def test_wrong_arguments_are_named_before_the_first_batch(
    folder: Path, options: dict, named: str
) -> None:
    with pytest.raises(ConfigError, match=named):
        load(folder, **options)


def test_wrong_sets_are_named(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(ConfigError, match="is not a dataset folder"):
        load(tmp_path)
    with pytest.raises(ConfigError, match="no dataset to train on"):
        load([])
    with pytest.raises(ConfigError, match=r"The weight of .* must be a number in .* got -1"):
        load(TrainingSet(folder, weight=-1))


def test_a_condition_keeps_exactly_its_samples(folder: Path) -> None:
    plan = read_plan(LocalStore(folder))
    wanted = [i for i in range(60) if len(make_sample(plan, i).fields["txt"]) > 10 and i % 7]
    loader = load(
        folder, where="len(prompt) > 10 and index not in [0,7,14,21,28,35,42,49,56]", batch_size=1
    )
    found = []
    for batch in loader:
        (index,) = batch.indices.tolist()
        sample = make_sample(plan, index)
        assert batch["latent.npy"][0].numpy().tobytes() == sample.fields["latent.npy"].tobytes()
        assert batch.texts["txt"] == (sample.fields["txt"],)
        found.append(index)
    assert sorted(found) == wanted
    assert len(loader) == len(wanted)


# Overlays


def test_an_overlay_adds_its_members(folder: Path, tmp_path: Path) -> None:
    url = write_overlay(tmp_path / "overlay", overlay_plan(read_plan(LocalStore(folder))))
    assert verify(LocalStore(Path(url))).clean
    fields = ("latent.npy", "score.npy", "tag.txt")
    for where in (None, "index > 3"):
        loader = load(TrainingSet(folder, overlays=[url]), fields=fields, where=where, batch_size=2)
        assert keys(loader) == keys(load(folder, where=where, batch_size=2))
        for batch in loader:
            assert batch["score.npy"][:, 0].tolist() == batch.indices.tolist()
            assert batch.texts["tag.txt"] == tuple(f"tag {i}" for i in batch.indices.tolist())


def test_an_overlay_that_does_not_fit_is_refused(folder: Path, tmp_path: Path) -> None:
    parent = read_plan(LocalStore(folder))

    def named(url: str | Path, error: type[Exception], pattern: str) -> None:
        with pytest.raises(error, match=pattern):
            list(load(TrainingSet(folder, overlays=[url]), fields=["latent.npy", "score.npy"]))

    named(folder, ConfigError, "is a dataset of kind 'ode', not an overlay")
    other = overlay_plan(replace(parent, seed=6), recipe={"parent": "f" * 64})
    named(
        write_overlay(tmp_path / "a", other),
        ConfigError,
        "overlay of the dataset 'ffffffffffff', but",
    )
    cut = overlay_plan(parent, samples_per_shard=6)
    named(write_overlay(tmp_path / "b", cut), ConfigError, "6 samples per shard, but .* has 5")
    shifted = write_overlay(tmp_path / "d", overlay_plan(parent), first_key=1)
    named(shifted, CorruptShardError, "train/0.* of .*/d holds other keys than its receipt says")
    latent = {"dtype": "float16", "shape": [4, 8, 8]}
    doubled = overlay_plan(parent, members={"json": {"keys": []}, "latent.npy": latent})
    write_plan(LocalStore(tmp_path / "e"), doubled)
    named(tmp_path / "e", ConfigError, "'latent.npy' is a member of .* and of")
    with pytest.raises(ConfigError, match="is an overlay: name its parent"):
        load(shifted)


# Remote sets


@pytest.fixture
def remote(folder: Path) -> Iterator[str]:
    fs = fsspec.filesystem("memory")
    fs.put(f"{folder}/", "/far/set/", recursive=True)
    yield "memory://far/set"
    fs.store.clear()


def test_a_remote_set_gives_the_same_batches_through_a_bounded_cache(
    folder: Path, remote: str, tmp_path: Path
) -> None:
    size = (folder / layout.shard_path(0)).stat().st_size
    cache = tmp_path / "cache"
    loader = load(remote, cache=cache, cache_bytes=4 * size, window=2)
    local = load(folder, window=2)
    for _ in range(2):
        for near, far in zip(local, loader, strict=True):
            assert near.keys == far.keys
            assert torch.equal(near["noise.npy"], far["noise.npy"])
        # 12 shards went through, and no more than fit stayed.
        assert sum(path.stat().st_size for path in cache.iterdir()) <= 4 * size
    with pytest.raises(ConfigError, match="cache_bytes must hold 2 windows of 2 shards"):
        load(remote, cache=cache, cache_bytes=4 * size - 1, window=2)


def test_an_altered_remote_shard_is_not_kept(remote: str, tmp_path: Path) -> None:
    fs = fsspec.filesystem("memory")
    path = f"/far/set/{layout.shard_path(4)}"
    good = fs.cat_file(path)
    fs.pipe_file(path, good[:700] + b"?" + good[701:])
    with pytest.raises(CorruptShardError, match=r"train/00004.tar of memory://far/set was altered"):
        list(load(remote, cache=tmp_path))
    fs.pipe_file(path, good)
    assert len(list(load(remote, cache=tmp_path))) == 15


# Bad shards

TAR = layout.shard_path(4)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    root = tmp_path / "own"
    write_set(root, big_plan())
    return root


def damage(root: Path, how: str) -> None:
    path = root / TAR
    if how == "missing":
        path.unlink()
    elif how == "longer":
        path.write_bytes(path.read_bytes() + b"\0")
    elif how == "no receipt":
        (root / layout.receipt_path(4)).unlink()
    elif how == "altered":
        flip_byte(path, path.stat().st_size // 3)
    elif how == "index":
        flip_byte(root / layout.index_path(4), 50)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("missing", "is missing"),
        ("longer", "bytes, its receipt says"),
        ("no receipt", "has no receipt: it has not been made yet"),
    ],
)
def test_what_a_listing_tells_stops_at_once_or_counts_from_the_start(
    own: Path, how: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    damage(own, how)
    with pytest.raises(CorruptShardError, match=rf"{TAR} of .*{reason}.*`pairgen repair`"):
        load(own)
    with caplog.at_level(logging.WARNING):
        loader = load(own, skip_bad=True, batch_size=5)
    assert [record.getMessage().startswith("Left out: " + TAR) for record in caplog.records] == [1]
    assert len(loader) == 11
    assert sorted(flat(loader)) == [i for i in range(60) if not 20 <= i < 25]


@pytest.mark.parametrize(("how", "where"), [("altered", TAR), ("index", layout.index_path(4))])
def test_what_a_hash_tells_stops_with_the_name_of_the_shard(
    own: Path, how: str, where: str
) -> None:
    damage(own, how)
    loader = load(own)
    with pytest.raises(CorruptShardError, match=f"{where} of "):
        list(loader)


def test_who_trusts_the_size_does_not_hash(own: Path) -> None:
    path = own / TAR
    data = path.read_bytes()
    at = data.index(b"noise.npy") + 512 + 200
    flip_byte(path, at)
    assert len(list(load(own, check="size"))) == 15


@pytest.mark.parametrize("how", ["altered", "index"])
def test_a_shard_whose_hash_is_wrong_is_replaced_alike_for_all(
    own: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    damage(own, how)
    with caplog.at_level(logging.WARNING):
        loader = load(own, skip_bad=True, batch_size=5)
        first = flat(loader)
        flat(loader)
    replaced = [record.getMessage() for record in caplog.records]
    assert len(replaced) == 1
    assert replaced[0].startswith("Replaced by the next shard")
    expected = [
        i + 5 if 20 <= i < 25 else i
        for i in flat(load(own, skip_bad=True, batch_size=5, num_threads=4))
    ]
    assert first == expected
    assert sorted(set(first)) == [i for i in range(60) if not 20 <= i < 25]
    assert first.count(25) == 2


def test_a_set_with_no_good_shard_stops(tmp_path: Path) -> None:
    root = tmp_path / "set"
    write_set(root)
    for path in root.glob("train/*.tar"):
        flip_byte(path, 900)
    with pytest.raises(CorruptShardError, match="was altered"):
        list(load(root, skip_bad=True))


def test_headers_that_lie_are_found_without_a_hash(own: Path) -> None:
    path = own / TAR
    flip_byte(path, path.read_bytes().index(b"000000022.latent.npy"))
    with pytest.raises(CorruptShardError, match=r"000000022.latent.npy does not begin at byte \d+"):
        list(load(own, check="size"))


def test_an_array_of_another_shape_is_found_without_a_hash(own: Path) -> None:
    path = own / TAR
    data = path.read_bytes()
    path.write_bytes(data.replace(b"(4, 8, 8)", b"(8, 4, 8)"))
    with pytest.raises(CorruptShardError, match=r"is float16 \[8, 4, 8\], the plan says float16"):
        list(load(own, check="size"))


# Pictures


def test_pictures_come_as_rgb_pixels(tmp_path: Path) -> None:
    out = tmp_path / "degraded"
    pairgen.degrade(crop=32, scales="4", out=str(out), executor="serial", samples_per_image=2)
    num = 0
    name = "draw_shared_2_resize_factor"
    for batch in load(out, fields=["png", "lr4.png"], batch_size=2, facts=[name]):
        assert batch["png"].dtype == torch.uint8
        assert batch["png"].shape == (2, 32, 32, 3)
        assert batch["lr4.png"].shape == (2, 8, 8, 3)
        assert batch.guidance_scale is None
        for i, key in enumerate(batch.keys):
            with tarfile.open(out / layout.shard_path(0)) as tar:
                for field in batch.tensors:
                    data = tar.extractfile(f"{key}.{field}").read()
                    expected = np.asarray(Image.open(io.BytesIO(data)))
                    assert np.array_equal(batch[field][i].numpy(), expected)
                facts = json.load(tar.extractfile(f"{key}.json"))
            drawn = json.loads(facts["draw"])["shared"]["operations"][2]["resize"]["factor"]
            assert batch.facts[name][i] == drawn
            num += 1
    assert num == 8
    shrunk = load(out, fields=["png"], batch_size=1, facts=[name], where=f"{name} < 1")
    assert 0 < len(shrunk) < 8
    assert all(batch.facts[name][0] < 1 for batch in shrunk)


def test_keys_are_those_of_the_shards(folder: Path) -> None:
    batch = next(iter(load(folder)))
    assert batch.keys == tuple(sample_key(index) for index in batch.indices.tolist())
