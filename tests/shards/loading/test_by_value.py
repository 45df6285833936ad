"""Overlays by value: each distinct text once, joined to samples by its hash."""

import hashlib
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import pairgen
from pairgen.errors import ConfigError, CorruptShardError
from pairgen.jobs.inspect.annotations import annotations_data
from pairgen.jobs.replay.run import run_replay
from pairgen.kinds.overlay.distinct_texts import Seen
from pairgen.shards.format import layout
from pairgen.shards.format.manifest import read_receipt
from pairgen.shards.format.plan_file import read_plan, write_plan
from pairgen.shards.overlays.values import (
    NO_TEXT,
    read_slots,
    read_texts,
    text_hash,
    text_hashes,
    write_slots,
)
from pairgen.shards.storage.local_store import LocalStore
from pairgen.types import Plan, Sample
from tests.runs import samples, shas
from tests.small_sets import flip_byte, make_plan, make_sample, write_set, write_shard
from tests.text_annotator import MEMBER, embedding

OWN = "tests.text_annotator"
FIELDS = ("latent.npy", "txt", MEMBER)


def text_of(plan: Plan, index: int) -> str:
    """Return the text of a slot: 12 that repeat, each soon and much later."""
    del plan
    return f"text {(index * index) % 23}"


def with_texts(_: int, made: list[Sample]) -> list[Sample]:
    return [
        replace(each, fields={**each.fields, "txt": text_of(make_plan(), each.index)})
        for each in made
    ]


def write_parent(root: Path, num_samples: int = 40, **options: Any) -> Path:
    write_set(root, make_plan(num_samples=num_samples, samples_per_shard=5), **options)
    return root


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    """40 samples in 8 shards, with 12 distinct texts."""
    return write_parent(tmp_path / "set", edit=with_texts)


def overlay_of(parent: Path) -> Path:
    return Path(f"{parent}.annotations/text_annotator")


def annotate(parent: Path, **options: Any) -> Path:
    options = {"batch_size": 2, "executor": "serial", **options}
    (manifest,) = pairgen.annotate(parent, add=OWN, **options)
    assert manifest.complete
    return overlay_of(parent)


def load(parent: Path, **options: Any) -> pairgen.Loader:
    return pairgen.Loader(parent, **{"fields": FIELDS, "batch_size": 4, "window": 3, **options})


def check_epoch(loader: pairgen.Loader) -> list[int]:
    """Compare every sample's array to that of its text; return the slots in order."""
    seen = []
    for batch in loader:
        for row, text in enumerate(batch.texts["txt"]):
            assert np.array_equal(batch[MEMBER][row].numpy(), embedding(text))
        seen += batch.indices.tolist()
    return seen


def test_each_distinct_text_is_embedded_once_and_found_by_every_sample(parent, tmp_path) -> None:
    said = tmp_path / "said"
    overlay = annotate(parent, says=str(said))
    texts = list(dict.fromkeys(text_of(make_plan(), i) for i in range(40)))
    assert len(texts) == 12 and said.read_text().splitlines() == texts
    assert read_texts(LocalStore(overlay)).to_pylist() == texts
    found = samples(overlay)
    hashes = [json.loads(each["json"])["value_hash"] for each in found]
    assert hashes == [text_hash(text).hex() for text in texts]
    assert {*found[0]} == {"json", MEMBER} and len(found) == 12
    assert sorted(check_epoch(load(parent))) == list(range(40))
    report = pairgen.verify(overlay)
    assert report.clean and not report.unread, report.table()
    assert not run_replay(overlay, "7", trust_code=True).differences


def test_the_order_of_samples_is_that_without_the_overlay(parent: Path) -> None:
    annotate(parent)
    for options in ({}, {"rank": 1, "world_size": 2}, {"where": "pair_index > 7"}, {"seed": 9}):
        alone = load(parent, fields=("latent.npy", "txt"), **options)
        joined = load(parent, **options)
        for _ in range(2):
            assert check_epoch(joined) == [i for b in alone for i in b.indices.tolist()]


def test_a_loader_continues_and_refuses_another_overlay(parent: Path) -> None:
    annotate(parent)
    whole = [batch.indices.tolist() for batch in load(parent)]
    loader = load(parent)
    for step, _ in enumerate(loader):
        if step == 3:
            break
    state = loader.state()
    rest = load(parent, state=state)
    assert [batch.indices.tolist() for batch in rest] == whole[4:]
    assert len(state["sets"][0]["fingerprints"]) == 2
    with pytest.raises(ConfigError, match="is another dataset than the one in the state"):
        load(parent, fields=("latent.npy",), state=state)


def test_it_is_named_like_any_overlay(parent: Path, tmp_path: Path) -> None:
    pairgen.annotate(parent, add=OWN, executor="serial", out=str(tmp_path / "elsewhere"))
    with pytest.raises(ConfigError, match=r"has no member 'own_emb.npy'"):
        load(parent)
    named = pairgen.TrainingSet(parent, overlays=[tmp_path / "elsewhere"])
    assert len(check_epoch(load(named))) == 40


# Growing, and what is lacking


def grow(parent: Path, num_samples: int) -> None:
    """Continue a set as its command would: its last shard is made again, others are added."""
    store = LocalStore(parent)
    plan = replace(read_plan(store), num_samples=num_samples)
    write_plan(store, plan)
    for task in plan.tasks():
        receipt = read_receipt(store, task.shard_index)
        if receipt is None or not receipt.fulfils(task):
            made = [make_sample(plan, index) for index in range(task.start, task.stop)]
            write_shard(store, task, with_texts(0, made))


def test_new_texts_are_appended_when_the_parent_grows(tmp_path: Path, caplog) -> None:
    parent = write_parent(tmp_path / "set", 7, edit=with_texts)
    overlay = annotate(parent)
    before = read_texts(LocalStore(overlay)).to_pylist()
    first_shard = (overlay / layout.shard_path(0)).read_bytes()
    grow(parent, 40)
    with caplog.at_level(logging.WARNING):
        loader = load(parent, batch_size=1)
    assert "samples have no own_emb.npy: left out; " in caplog.text
    command = f"pairgen annotate {parent} --add {OWN}"
    assert f"text_annotator is behind: `{command}` adds what is missing." in caplog.text
    has = [i for i in range(40) if text_of(make_plan(), i) in before]
    assert sorted(check_epoch(loader)) == has
    (state,) = annotations_data(LocalStore(parent), read_plan(LocalStore(parent)))
    assert state["state"] == "the set has changed"

    said = tmp_path / "said"
    annotate(parent, says=str(said))
    after = read_texts(LocalStore(overlay)).to_pylist()
    assert after[: len(before)] == before and len(after) == 12
    # The shard that was full stays; the short one is made again.
    assert (overlay / layout.shard_path(0)).read_bytes() == first_shard
    assert said.read_text().splitlines() == after[5:]
    assert sorted(check_epoch(load(parent))) == list(range(40))
    assert pairgen.verify(overlay).clean
    (state,) = annotations_data(LocalStore(parent), read_plan(LocalStore(parent)))
    assert (state["num_samples"], state["num_planned"], state["state"]) == (12, 12, "up to date")


def test_samples_of_a_text_that_was_refused_are_left_out(parent: Path, caplog) -> None:
    overlay = annotate(parent, refuse="text 2")
    with caplog.at_level(logging.WARNING):
        loader = load(parent, batch_size=1)
    has = [i for i in range(40) if text_of(make_plan(), i) != "text 2"]
    assert f"{40 - len(has)} of 40 samples have no own_emb.npy: left out." in caplog.text
    assert sorted(check_epoch(loader)) == has
    (left_out,) = loader.left_out
    assert (left_out.num_samples, left_out.num_all) == (40 - len(has), 40)
    assert pairgen.verify(overlay).clean


def test_a_repaired_parent_with_other_texts_is_noticed(parent: Path, caplog) -> None:
    annotate(parent)
    store = LocalStore(parent)
    task = read_plan(store).tasks()[2]
    made = with_texts(0, [make_sample(read_plan(store), i) for i in range(task.start, task.stop)])
    made[1] = replace(made[1], fields={**made[1].fields, "txt": "a new one"})
    for path in (layout.receipt_path, layout.shard_path, layout.index_path):
        store.remove(path(2))
    write_shard(store, task, made)
    with caplog.at_level(logging.WARNING):
        loader = load(parent, batch_size=1)
    assert "1 of 40 samples have no own_emb.npy: left out; " in caplog.text
    assert sorted(check_epoch(loader)) == [i for i in range(40) if i != 11]
    overlay = annotate(parent)
    assert read_texts(LocalStore(overlay)).to_pylist()[12:] == ["a new one"]
    assert sorted(check_epoch(load(parent))) == list(range(40))


def test_a_parent_that_is_not_finished_is_refused(parent: Path) -> None:
    (parent / layout.receipt_path(3)).unlink()
    with pytest.raises(ConfigError, match=r"00003.tar of .* has not been made yet: finish that"):
        annotate(parent)
    assert not overlay_of(parent).exists()


def test_a_parent_without_any_sample_is_refused(tmp_path: Path) -> None:
    parent = write_parent(tmp_path / "set", 5, failed=dict.fromkeys(range(5), "it failed"))
    with pytest.raises(ConfigError, match="has no sample with a text"):
        annotate(parent)
    assert not overlay_of(parent).exists()


# Interrupted, damaged, and an overlay of an earlier version


def test_a_list_that_is_lost_is_made_anew_and_what_no_longer_fits_is_stale(parent: Path) -> None:
    overlay = annotate(parent)
    store = LocalStore(overlay)
    (overlay / layout.PROMPTS).unlink()
    report = pairgen.verify(overlay)
    assert not report.clean and "prompts.arrow" in report.table()
    # Another order of first occurrence: what the parent's first shard had is found last.
    texts = pa.array([f"text {i}" for i in range(12)], pa.large_string())
    with pa.OSFile(str(overlay / layout.PROMPTS), "wb") as sink:
        batch = pa.record_batch([texts], names=["prompt"])
        with pa.ipc.new_file(sink, batch.schema) as writer:
            writer.write_batch(batch)
    write_slots(text_hashes(texts.to_pylist()), overlay / layout.SLOTS)
    kinds = {problem.kind for problem in pairgen.verify(overlay).problems}
    assert "stale" in kinds
    with pytest.raises(CorruptShardError, match=r"holds other texts than __meta__/slots"):
        check_epoch(load(parent))
    annotate(parent)
    assert len(read_slots(store).slots) == len(read_texts(store)) == 12 + 4
    assert sorted(check_epoch(load(parent))) == list(range(40))
    assert pairgen.verify(overlay).clean


def test_bad_shards_stop_a_training_or_are_left_out(parent: Path, caplog) -> None:
    overlay = annotate(parent)
    tar = overlay / layout.shard_path(1)
    flip_byte(tar, 600)
    with pytest.raises(CorruptShardError, match=r"00001.tar of .* was altered"):
        check_epoch(load(parent))
    # Replaced: shards of samples that need none of it.
    alike = [check_epoch(load(parent, skip_bad=True)) for _ in range(2)]
    assert alike[0] == alike[1]
    tar.write_bytes(tar.read_bytes()[:-512])
    with pytest.raises(CorruptShardError, match=r"00001.tar of .* has .* bytes, its receipt says"):
        load(parent)
    loader = load(parent, skip_bad=True, batch_size=1)
    texts = read_texts(LocalStore(overlay)).to_pylist()[5:10]
    has = [i for i in range(40) if text_of(make_plan(), i) not in texts]
    assert sorted(check_epoch(loader)) == has
    result = pairgen.repair(overlay, executor="serial", trust_code=True)
    assert result.complete and sorted(check_epoch(load(parent))) == list(range(40))


def test_damaged_lists_are_named(parent: Path) -> None:
    overlay = annotate(parent)
    slots = overlay / layout.SLOTS
    whole = slots.read_bytes()
    slots.write_bytes(whole[:200])
    with pytest.raises(CorruptShardError, match=r"slots.arrow of .* cannot be read: .*; run the"):
        load(parent)
    assert {each.kind for each in pairgen.verify(overlay).problems} == {"texts"}
    write_slots(text_hashes(read_texts(LocalStore(overlay)).to_pylist()[:10]), slots)
    with pytest.raises(CorruptShardError, match=r"slots.arrow lacks a text that its plan"):
        check_epoch(load(parent))
    assert {each.kind for each in pairgen.verify(overlay).problems} == {"texts"}
    annotate(parent)
    assert slots.read_bytes() == whole
    (overlay / layout.PROMPTS).write_bytes(b"nothing")
    assert {each.kind for each in pairgen.verify(overlay).problems} == {"prompts"}
    with pytest.raises(CorruptShardError, match="run the command that made the overlay again"):
        pairgen.repair(overlay, executor="serial", trust_code=True)
    annotate(parent)
    assert pairgen.verify(overlay).clean


@pytest.mark.parametrize("name", [layout.PROMPTS, layout.SLOTS])
def test_damage_anywhere_in_a_list_is_named_or_changes_nothing(parent: Path, name: str) -> None:
    # pyarrow raises OSError for damaged metadata, which is no error of the disk.
    overlay, whole = annotate(parent), check_epoch(load(parent))
    path = overlay / name
    data = path.read_bytes()
    for start in range(0, len(data), 64):
        # In another file: a loader that is still open has mapped this one.
        path.unlink()
        path.write_bytes(data[:start] + bytes(64) + data[start + 64 :])
        report = pairgen.verify(overlay)
        assert not report.unread
        try:
            assert check_epoch(load(parent)) == whole
        except CorruptShardError as error:
            assert "run the command that made" in str(error) and not report.clean
    path.write_bytes(data)
    assert pairgen.verify(overlay).clean


def test_a_text_that_is_no_text_is_damage(parent: Path) -> None:
    overlay = annotate(parent)
    path = overlay / layout.PROMPTS
    data = path.read_bytes()
    path.write_bytes(data.replace(b"text 1", b"text \xff"))
    assert {each.kind for each in pairgen.verify(overlay).problems} == {"prompts"}
    with pytest.raises(CorruptShardError, match=r"prompts.arrow of .* cannot be read: .*UTF8"):
        read_texts(LocalStore(overlay))
    missing = pa.array(["a", None], pa.large_string())
    with pa.OSFile(str(path), "wb") as sink:
        batch = pa.record_batch([missing], names=["prompt"])
        with pa.ipc.new_file(sink, batch.schema) as writer:
            writer.write_batch(batch)
    with pytest.raises(CorruptShardError, match=r"cannot be read: 1 entry is missing"):
        read_texts(LocalStore(overlay))
    # The list is made anew.
    annotate(parent)
    assert path.read_bytes() == data


@pytest.mark.ray
def test_equal_bytes_by_ray(parent: Path, tmp_path: Path, cluster: None) -> None:
    anew = tmp_path / "anew"
    pairgen.annotate(parent, add=OWN, executor="serial", batch_size=2, out=str(anew))
    overlay = annotate(parent, executor="ray", num_workers=2)
    assert shas(overlay) == shas(anew)


def test_equal_bytes_after_a_kill(parent: Path) -> None:
    overlay = annotate(parent)
    whole = shas(overlay)
    # A shard without its receipt; lists of texts that the plan does not count yet.
    (overlay / layout.receipt_path(1)).unlink()
    for path in (layout.shard_path, layout.receipt_path, layout.index_path):
        (overlay / path(2)).unlink()
    store = LocalStore(overlay)
    write_plan(store, replace(read_plan(store), num_samples=10))
    annotate(parent)
    assert shas(overlay) == whole


def test_an_overlay_of_an_earlier_version_goes_on_as_it_began(parent: Path, monkeypatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("pairgen.jobs.annotate.inputs.adds_to_texts", lambda _: False)
        overlay = annotate(parent)
    assert len(samples(overlay)) == 40 and "distinct" not in read_plan(LocalStore(overlay)).recipe
    assert sorted(check_epoch(load(parent))) == list(range(40))
    grow(parent, 43)
    annotate(parent)
    assert len(samples(overlay)) == 43
    assert sorted(check_epoch(load(parent, batch_size=1))) == list(range(43))
    assert pairgen.verify(overlay).clean


# The parts


def test_first_occurrences_are_those_of_a_set() -> None:
    generator = np.random.default_rng(0)
    seen, known = Seen(), set()
    for size in generator.integers(0, 60, 80).tolist():
        texts = [None if i == 0 else str(i) for i in generator.integers(0, 700, size).tolist()]
        expected = []
        for row, text in enumerate(texts):
            if text is not None and text not in known:
                expected.append(row)
                known.add(text)
        assert seen.take_new(text_hashes(texts)).tolist() == expected


def test_slots_are_found_by_hash(tmp_path: Path) -> None:
    texts = [f"text {i}" for i in range(1000)]
    (tmp_path / "__meta__").mkdir()
    write_slots(text_hashes(texts), tmp_path / layout.SLOTS)
    slots = read_slots(LocalStore(tmp_path))
    asked = ["text 999", "no text", "text 0", None]
    assert slots.find(text_hashes(asked)).tolist() == [999, -1, 0, -1]
    assert text_hashes([None])[0] == NO_TEXT
    digest = hashlib.sha256("日本".encode()).digest()
    assert text_hash("日本") == digest[:16] and not slots.hashes.flags.writeable
