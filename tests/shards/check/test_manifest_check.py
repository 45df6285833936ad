"""Verify: what the manifest and the file of a list say is compared with what there is."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

import pairgen
from pairgen.shards.check.verify import verify
from pairgen.shards.format import layout
from pairgen.shards.format.input_lists import LIST_SHA256
from pairgen.shards.format.manifest import fold_into_manifest, read_receipt, write_receipt
from pairgen.shards.format.plan_file import read_plan, write_plan
from pairgen.shards.storage.local_store import LocalStore
from tests.small_sets import write_set


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    store = write_set(tmp_path / "set")
    fold_into_manifest(store, read_plan(store))
    assert verify(store).clean
    return store


def details(store: LocalStore) -> list[str]:
    return [each.detail for each in verify(store).problems if each.kind == "manifest"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda told: told.update(num_samples=23), "its num_samples are not those"),
        (lambda told: told.update(num_bytes=1), "its num_bytes are not those"),
        (lambda told: told.update(missing=[[0, 8]]), "its missing are not those"),
        (lambda told: told["receipts"][1].update(num_bytes=7), "first 00001, differ"),
        (lambda told: told["receipts"][2]["made"].update(host="other"), "first 00002, differ"),
        (lambda told: told["receipts"].pop(), "it lacks 1 finished shards, first 00002"),
        (lambda told: told.update(fingerprint="f" * 64), "that of another plan, ffff"),
        (lambda told: told["plan"]["execution"].update(batch_size=9), "plan differs in execution"),
        (lambda told: told.update(receipts=None), "cannot be read: receipts"),
        (lambda told: told["plan"].update(x=[[[[]]]]), "plan differs in x"),
    ],
)
def test_a_manifest_that_disagrees_is_named(store: LocalStore, change, told: str) -> None:
    path = store.root / layout.MANIFEST
    data = json.loads(path.read_bytes())
    change(data)
    path.write_text(json.dumps(data))
    found = details(store)
    assert any(told in each for each in found), found
    assert verify(store).bad_shards == ()


@pytest.mark.parametrize("data", [b"", b"{", b"[" * 10**5, b"\xff", b"[]", b" " * (20 * 2**20)])
def test_what_is_no_manifest_is_named(store: LocalStore, data: bytes) -> None:
    (store.root / layout.MANIFEST).write_bytes(data)
    assert len(details(store)) == 1


def test_a_manifest_may_be_missing_or_behind_while_shards_are_made(store: LocalStore) -> None:
    path = store.root / layout.MANIFEST
    whole = json.loads(path.read_bytes())
    path.unlink()
    assert verify(store).clean
    # As it was before the last shard: that shard is still to be made, or this is told.
    whole["receipts"].pop()
    path.write_text(json.dumps(whole))
    (store.root / layout.receipt_path(0)).unlink()
    assert details(store) == []


def test_a_grown_set_of_which_the_manifest_knows_nothing_yet(store: LocalStore) -> None:
    plan = read_plan(store)
    write_plan(store, replace(plan, num_samples=32))
    assert details(store) == []
    assert {each.kind for each in verify(store).problems} == {"incomplete"}


def test_repair_writes_it_anew(tmp_path: Path) -> None:
    out = tmp_path / "set"
    pairgen.ode(model="gaussian", cfg=4, steps=1, num_samples=4, out=str(out), executor="serial")
    path = out / layout.MANIFEST
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"num_samples": 4', b'"num_samples": 5'))
    assert not pairgen.verify(out).clean
    pairgen.repair(out)
    assert pairgen.verify(out).clean
    assert path.read_bytes() == whole


def test_a_receipt_whose_facts_were_changed_is_named(store: LocalStore) -> None:
    receipt = read_receipt(store, 1)
    assert receipt is not None
    write_receipt(store, replace(receipt, made={**receipt.made, "seconds": 2.5}))
    assert details(store) == [
        "its receipts of 1 shard, first 00001, differ; `pairgen repair` writes it anew"
    ]


def test_any_byte_of_a_list_is_found(tmp_path: Path) -> None:
    out = tmp_path / "set"
    pairgen.collect(size=16, out=str(out), executor="serial")
    path = out / layout.IMAGES
    plan = read_plan(LocalStore(out))
    assert len(plan.source[LIST_SHA256]) == 64
    whole = path.read_bytes()
    for at in range(0, len(whole), 40):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert "images" in {each.kind for each in pairgen.verify(out).problems}, at
    path.write_bytes(whole)
    assert pairgen.verify(out).clean
    # Sets of before tell no hash of the file.
    source = {name: each for name, each in plan.source.items() if name != LIST_SHA256}
    write_plan(LocalStore(out), replace(plan, source=source))
    pairgen.repair(out)
    assert pairgen.verify(out).clean
