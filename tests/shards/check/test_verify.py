"""Verify: a clean set is clean, every kind of damage is found, and only where it is."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pairgen.errors import ConfigError
from pairgen.seeding import noise_for
from pairgen.shards.check.report import MAX_ROWS_PER_KIND, Report
from pairgen.shards.check.verify import verify
from pairgen.shards.format import layout
from pairgen.shards.format.index import decode_index, encode_index
from pairgen.shards.format.manifest import read_receipt, write_receipt
from pairgen.shards.format.plan_file import read_plan, write_plan
from pairgen.shards.format.slots import Slot
from pairgen.shards.storage.local_store import LocalStore
from pairgen.types import Plan, Sample
from tests.small_sets import (
    LATENT_SHAPE,
    Edit,
    flip_byte,
    make_plan,
    make_sample,
    write_set,
    write_shard,
)

TAR = "train/00001.tar"
INDEX = "__meta__/index/00001.parquet"
RECEIPT = "__meta__/shards/00001.json"


def kinds(report: Report, where: str) -> set[str]:
    return {problem.kind for problem in report.problems if problem.where == where}


def detail(report: Report, kind: str) -> str:
    return next(problem.detail for problem in report.problems if problem.kind == kind)


def edit_sample(change: Callable[[Sample], Sample], position: int = 3, shard: int = 1) -> Edit:
    """Return an edit that changes one sample before its shard is written."""

    def edit(shard_index: int, samples: list[Sample]) -> list[Sample]:
        if shard_index == shard:
            samples[position] = change(samples[position])
        return samples

    return edit


def with_fact(name: str, value: Any) -> Callable[[Sample], Sample]:
    return lambda sample: replace(sample, facts={**sample.facts, name: value})


def with_field(name: str, change: Callable[[Any], Any]) -> Callable[[Sample], Sample]:
    return lambda sample: replace(
        sample, fields={**sample.fields, name: change(sample.fields[name])}
    )


def rewrite_index(store: LocalStore, change: Callable[[list[dict[str, Any]]], Any]) -> None:
    """Change the rows of shard 1's index, and let its receipt agree with the new file."""
    rows = decode_index(store.read_bytes(INDEX))
    change(rows)
    store.put_bytes(INDEX, encode_index(rows))
    digest = hashlib.sha256(store.read_bytes(INDEX)).hexdigest()
    receipt = read_receipt(store, 1)
    assert receipt is not None
    write_receipt(store, replace(receipt, index_sha256=digest))


# --- clean sets


def test_a_clean_set_is_clean(tmp_path: Path) -> None:
    report = verify(write_set(tmp_path / "set"))
    assert report.problems == ()
    assert report.clean
    assert report.bad_shards == ()
    assert (report.num_samples, report.num_shards) == (24, 3)
    assert report.num_bytes == sum(f.stat().st_size for f in (tmp_path / "set/train").iterdir())
    assert report.mixes == {}
    assert report.noise_mean_z is not None
    assert abs(report.noise_mean_z) < 4
    assert "Clean." in report.table()


def test_the_noise_scores_are_those_of_all_values(tmp_path: Path) -> None:
    report = verify(write_set(tmp_path / "set"))
    values = np.stack([noise_for(5, i, LATENT_SHAPE, "float16") for i in range(24)]).astype(float)
    assert report.noise_mean_z == pytest.approx(values.mean() * np.sqrt(values.size))
    z = (values.var() - 1) * np.sqrt(values.size / 2)
    assert report.noise_variance_z == pytest.approx(z)


def test_progress_counts_shards(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    receipts: list[tuple[int, int]] = []
    verify(
        write_set(tmp_path / "set"),
        on_receipts=lambda *numbers: receipts.append(numbers),
        on_shards=lambda *numbers: seen.append(numbers),
    )
    assert receipts == seen == [(1, 3), (2, 3), (3, 3)]


def test_a_set_without_stored_noise_is_clean_and_its_noise_is_audited(tmp_path: Path) -> None:
    report = verify(write_set(tmp_path / "set", make_plan(noise="seed")))
    assert report.clean
    assert report.noise_variance_z is not None


def test_siblings_of_one_pair_may_share_their_noise(tmp_path: Path) -> None:
    report = verify(write_set(tmp_path / "set", make_plan(guidance_scales=(1.0, 7.5))))
    assert report.clean


def test_a_failed_slot_explains_its_gap(tmp_path: Path) -> None:
    report = verify(write_set(tmp_path / "set", failed={3: "non-finite latent"}))
    assert report.clean
    assert report.num_samples == 23


def test_a_shard_whose_slots_all_failed_has_no_tar_and_is_clean(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set", failed=dict.fromkeys(range(8, 16), "non-finite latent"))
    assert not store.exists(TAR)
    assert verify(store).clean


def test_a_set_may_come_without_its_prompt_file(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    store.remove(layout.PROMPTS)
    assert verify(store).clean


def test_shards_made_on_two_devices_are_told_but_no_problem(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    receipt = read_receipt(store, 2)
    assert receipt is not None
    write_receipt(store, replace(receipt, made={**receipt.made, "device": "NVIDIA H200"}))
    report = verify(store)
    assert report.clean
    assert report.mixes == {"device": ("NVIDIA H200", "cpu x86_64")}
    assert "Mixed device: NVIDIA H200; cpu x86_64." in report.table()


# --- bytes


def test_a_flipped_byte_in_an_array_is_found(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    # The first member of a key is json, the second latent.npy: header, then 128 bytes of npy.
    flip_byte(tmp_path / "set" / TAR, 512 + 512 + 512 + 128 + 7)
    report = verify(store)
    assert kinds(report, TAR) >= {"sha256"}
    assert kinds(report, INDEX) == {"index"}
    assert "sample 000000008" in detail(report, "index")
    assert report.bad_shards == (1,)


def test_a_flipped_byte_in_a_tar_header_is_found(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    flip_byte(tmp_path / "set" / TAR, 3)
    report = verify(store)
    assert kinds(report, TAR) == {"sha256", "damaged"}
    assert report.bad_shards == (1,)
    assert report.num_samples == 16


def test_a_flipped_byte_in_the_index_is_found(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    flip_byte(tmp_path / "set" / INDEX, 100)
    report = verify(store)
    assert kinds(report, INDEX) == {"index"}
    assert kinds(report, TAR) == set()
    assert report.bad_shards == (1,)


@pytest.mark.parametrize("num_bytes", [0, 100, 512, 5000, 20_000])
def test_a_truncated_tar_is_found(tmp_path: Path, num_bytes: int) -> None:
    store = write_set(tmp_path / "set")
    data = (tmp_path / "set" / TAR).read_bytes()
    (tmp_path / "set" / TAR).write_bytes(data[:num_bytes])
    report = verify(store)
    assert kinds(report, TAR) == {"sha256", "size", "truncated"}
    assert report.bad_shards == (1,)


def test_a_tar_that_lost_a_byte_of_its_padding_is_found(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    (tmp_path / "set" / TAR).write_bytes((tmp_path / "set" / TAR).read_bytes()[:-1])
    report = verify(store)
    assert kinds(report, TAR) == {"sha256", "size"}
    assert report.bad_shards == (1,)


def test_bytes_behind_the_end_of_a_tar_are_found(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    with open(tmp_path / "set" / TAR, "ab") as file:
        file.write(b"more")
    report = verify(store)
    assert kinds(report, TAR) == {"sha256", "size", "damaged"}
    assert report.bad_shards == (1,)


def test_a_deleted_shard_is_found(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    store.remove(TAR)
    report = verify(store)
    assert [(p.kind, p.where) for p in report.problems] == [("missing shard", TAR)]
    assert report.bad_shards == (1,)


def test_a_deleted_index_is_found(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    store.remove(INDEX)
    report = verify(store)
    assert [(p.kind, p.where) for p in report.problems] == [("index", INDEX)]
    assert report.bad_shards == (1,)


# --- receipts


def test_a_deleted_receipt_makes_the_set_incomplete(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    store.remove(RECEIPT)
    report = verify(store)
    assert [(p.kind, p.where) for p in report.problems] == [("incomplete", TAR)]
    assert "slots 8 to 16 have no receipt, although the tar exists" in report.table()
    assert report.bad_shards == (1,)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"failed": []}', b"\xff\xfe"])
def test_an_unreadable_receipt_is_found(tmp_path: Path, content: bytes) -> None:
    store = write_set(tmp_path / "set")
    store.put_bytes(RECEIPT, content)
    report = verify(store)
    assert [(p.kind, p.where) for p in report.problems] == [("receipt unreadable", RECEIPT)]
    assert report.bad_shards == (1,)


def test_a_receipt_of_another_plan_is_found(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    receipt = read_receipt(store, 1)
    assert receipt is not None
    write_receipt(store, replace(receipt, fingerprint="0" * 64))
    report = verify(store)
    assert [(p.kind, p.where) for p in report.problems] == [("other plan", RECEIPT)]
    assert report.bad_shards == (1,)


def test_receipts_that_overlap_are_found_and_the_stray_one_is_blamed(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    receipt = read_receipt(store, 1)
    assert receipt is not None
    write_receipt(store, replace(receipt, start=4))
    report = verify(store)
    assert [(p.kind, p.where) for p in report.problems] == [
        ("range", RECEIPT),
        ("overlap", RECEIPT),
    ]
    assert report.bad_shards == (1,)


def test_a_copied_receipt_beyond_the_plan_overlaps(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    where = "__meta__/shards/00007.json"
    store.put_bytes(where, store.read_bytes(RECEIPT))
    store.put_bytes("train/00007.tar", store.read_bytes(TAR))
    report = verify(store)
    assert kinds(report, where) == {"beyond the plan", "overlap"}
    assert report.bad_shards == (7,)


def test_an_extended_set_lacks_the_end_of_its_last_shard(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set", make_plan(num_samples=20))
    write_plan(store, replace(read_plan(store), num_samples=24))
    report = verify(store)
    assert [(p.kind, p.where) for p in report.problems] == [("incomplete", "train/00002.tar")]
    assert report.bad_shards == (2,)


def test_a_wrong_count_in_a_receipt_is_found(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    receipt = read_receipt(store, 1)
    assert receipt is not None
    write_receipt(store, replace(receipt, count=9))
    report = verify(store)
    assert [(p.kind, p.where) for p in report.problems] == [("count", TAR)]
    assert report.bad_shards == (1,)


@pytest.mark.parametrize("name", ["00009.tar", "00001.tar.part", "notes.txt", "1.tar"])
def test_a_stray_file_among_the_shards_is_found(tmp_path: Path, name: str) -> None:
    store = write_set(tmp_path / "set")
    store.put_bytes(f"train/{name}", b"what is this")
    report = verify(store)
    assert [(p.kind, p.where) for p in report.problems] == [("stray file", f"train/{name}")]
    # Making a shard again would not remove it, and it is not ours to delete.
    assert report.bad_shards == ()


def test_a_tar_where_the_receipt_counts_none_is_found(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set", failed=dict.fromkeys(range(8, 16), "non-finite latent"))
    store.put_bytes(TAR, store.read_bytes("train/00000.tar"))
    report = verify(store)
    assert [(p.kind, p.where) for p in report.problems] == [("stray file", TAR)]
    assert report.bad_shards == (1,)


def test_a_folder_without_a_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a dataset folder"):
        verify(LocalStore(tmp_path))


# --- slots and keys


def test_a_duplicated_key_is_found(tmp_path: Path) -> None:
    def twice(shard_index: int, samples: list[Sample]) -> list[Sample]:
        return [*samples, samples[3]] if shard_index == 1 else samples

    report = verify(write_set(tmp_path / "set", edit=twice))
    assert "duplicate key" in kinds(report, TAR)
    assert "000000011" in detail(report, "duplicate key")
    assert report.bad_shards == (1,)


def test_a_key_of_another_shard_is_found(tmp_path: Path) -> None:
    def add(shard_index: int, samples: list[Sample]) -> list[Sample]:
        return [*samples, make_sample(make_plan(), 99)] if shard_index == 1 else samples

    report = verify(write_set(tmp_path / "set", edit=add))
    assert kinds(report, TAR) == {"key"}
    assert "000000099" in detail(report, "key")
    assert report.bad_shards == (1,)


def test_keys_out_of_order_are_found(tmp_path: Path) -> None:
    def swap(shard_index: int, samples: list[Sample]) -> list[Sample]:
        return samples[::-1] if shard_index == 1 else samples

    report = verify(write_set(tmp_path / "set", edit=swap))
    assert kinds(report, TAR) == {"order"}
    assert detail(report, "order").startswith("keys are not ascending: 7 samples, first 000000014")
    assert report.bad_shards == (1,)


def test_a_gap_that_no_receipt_explains_is_found(tmp_path: Path) -> None:
    def drop(shard_index: int, samples: list[Sample]) -> list[Sample]:
        return samples[:2] + samples[5:] if shard_index == 1 else samples

    report = verify(write_set(tmp_path / "set", edit=drop))
    assert [(p.kind, p.where) for p in report.problems] == [("gap", TAR)]
    assert "3 samples, first 000000010" in detail(report, "gap")
    assert report.bad_shards == (1,)


def test_an_empty_shard_that_gives_no_reason_has_gaps(tmp_path: Path) -> None:
    def drop(shard_index: int, samples: list[Sample]) -> list[Sample]:
        return [] if shard_index == 1 else samples

    report = verify(write_set(tmp_path / "set", edit=drop))
    assert [(p.kind, p.where) for p in report.problems] == [("gap", TAR)]
    assert report.bad_shards == (1,)


def test_a_sample_whose_receipt_says_it_failed_is_found(tmp_path: Path) -> None:
    def put_back(shard_index: int, samples: list[Sample]) -> list[Sample]:
        if shard_index == 1:
            samples.insert(3, make_sample(make_plan(), 11))
        return samples

    report = verify(write_set(tmp_path / "set", edit=put_back, failed={11: "non-finite"}))
    assert [(p.kind, p.where) for p in report.problems] == [("gap", TAR)]
    assert "failed according to the receipt" in detail(report, "gap")
    assert report.bad_shards == (1,)


# --- samples


def without_fact(name: str) -> Callable[[Sample], Sample]:
    return lambda sample: replace(
        sample, facts={key: fact for key, fact in sample.facts.items() if key != name}
    )


def without_field(name: str) -> Callable[[Sample], Sample]:
    return lambda sample: replace(
        sample, fields={key: value for key, value in sample.fields.items() if key != name}
    )


def set_nan(array: np.ndarray) -> np.ndarray:
    array[1, 2, 3] = np.nan
    return array


def set_infinity(array: np.ndarray) -> np.ndarray:
    array[1, 2, 3] = -np.inf
    return array


WRONG_SAMPLES = [
    (without_fact("prompt_truncated"), "json keys"),
    (with_fact("score", 0.5), "json keys"),
    (with_fact("guidance_scale", 7), "json type"),
    (with_fact("guidance_scale", None), "json type"),
    (with_fact("float32_retry", None), "json type"),
    (with_fact("seed", 5.0), "json type"),
    (with_fact("guidance_scale", 3.0), "facts"),
    (with_fact("pair_index", 12), "facts"),
    (with_fact("group", "5-000000012"), "facts"),
    (with_fact("prompt_index", 4), "facts"),
    (with_fact("noise_generator", "torch.randn"), "facts"),
    (with_fact("noise_crc32", 1), "noise crc32"),
    (without_field("latent.npy"), "members"),
    (lambda s: replace(s, fields={**s.fields, "png": b"?"}), "members"),
    (with_field("latent.npy", lambda a: a.astype(np.float32)), "dtype"),
    (with_field("latent.npy", lambda a: a[:3]), "shape"),
    (with_field("latent.npy", lambda a: a.tobytes()), "unreadable"),
    (with_field("latent.npy", set_nan), "not finite"),
    (with_field("latent.npy", set_infinity), "not finite"),
    (with_field("txt", lambda text: text + "!"), "prompt"),
    (with_field("txt", lambda text: b"caf\xe9"), "unreadable"),
    (with_field("noise.npy", lambda a: a * 0.5), "foreign noise"),
    (with_field("noise.npy", set_nan), "not finite"),
]


@pytest.mark.parametrize(("change", "kind"), WRONG_SAMPLES)
def test_a_wrong_sample_is_found(
    tmp_path: Path, change: Callable[[Sample], Sample], kind: str
) -> None:
    report = verify(write_set(tmp_path / "set", edit=edit_sample(change)))
    assert kind in kinds(report, TAR)
    assert "sample 000000011" in detail(report, kind)
    assert report.bad_shards == (1,)
    assert report.num_samples == 24


def test_a_first_sample_with_a_wrong_type_does_not_blame_the_others(tmp_path: Path) -> None:
    edit = edit_sample(with_fact("guidance_scale", 7), position=0, shard=0)
    report = verify(write_set(tmp_path / "set", edit=edit))
    assert kinds(report, "train/00000.tar") == {"json type"}
    assert report.bad_shards == (0,)


def test_a_json_member_that_is_no_object_is_found(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    path = tmp_path / "set" / TAR
    data = path.read_bytes()
    start = data.index(b'{"index"')
    end = data.index(b"}", start) + 1
    path.write_bytes(data[:start] + b"[" + b" " * (end - start - 2) + b"]" + data[end:])
    report = verify(store)
    assert kinds(report, TAR) == {"sha256", "unreadable"}
    assert report.bad_shards == (1,)


def test_problems_of_many_samples_are_one_line(tmp_path: Path) -> None:
    def spoil(shard_index: int, samples: list[Sample]) -> list[Sample]:
        return [with_fact("guidance_scale", 8)(s) for s in samples] if shard_index else samples

    report = verify(write_set(tmp_path / "set", edit=spoil))
    assert [(p.kind, p.where) for p in report.problems] == [
        ("json type", "train/00001.tar"),
        ("json type", "train/00002.tar"),
    ]
    assert "8 samples, first 000000008 (8 is int)" in detail(report, "json type")
    assert report.bad_shards == (1, 2)


def test_an_altered_prompt_file_is_found_and_blames_no_shard(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    table = pa.table({"prompt": pa.array(["another", "set"], pa.large_string())})
    with pa.ipc.new_file(str(store.root / layout.PROMPTS), table.schema) as writer:
        writer.write_table(table)
    report = verify(store)
    assert [(p.kind, p.where) for p in report.problems] == [("prompts", layout.PROMPTS)]
    assert report.bad_shards == ()


def test_a_prompt_file_that_cannot_be_read_is_found(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    store.put_bytes(layout.PROMPTS, b"not arrow")
    assert [p.kind for p in verify(store).problems] == ["prompts"]


# --- index


def test_a_wrong_offset_in_the_index_is_found(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    rewrite_index(store, lambda rows: rows[3].update(offset=512))
    report = verify(store)
    assert [(p.kind, p.where) for p in report.problems] == [("index", INDEX)]
    assert "offset differs from the tar: sample 000000011" in detail(report, "index")
    assert report.bad_shards == (1,)


def test_a_row_too_few_and_a_row_too_many_are_found(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    rewrite_index(store, lambda rows: rows[3].update(key="000000099"))
    report = verify(store)
    found = [problem.detail for problem in report.problems]
    assert found == [
        "samples without a row: sample 000000011",
        "rows without a sample in the tar: sample 000000099",
    ]
    assert report.bad_shards == (1,)


def test_a_row_with_another_checksum_is_found(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    rewrite_index(store, lambda rows: rows[0].update(latent_crc32=1, prompt="else"))
    report = verify(store)
    assert {p.kind for p in report.problems} == {"index"}
    assert len(report.problems) == 2
    assert report.bad_shards == (1,)


# --- noise


def test_one_noise_for_all_prompts_is_found(tmp_path: Path) -> None:
    """As FastVideo's ODE preprocessing does: the generator is seeded anew for every prompt."""

    def one_noise(plan: Plan, slot: Slot) -> np.ndarray:
        return noise_for(plan.seed, 0, LATENT_SHAPE, "float16")

    report = verify(write_set(tmp_path / "set", noise_of=one_noise))
    assert kinds(report, "whole set") >= {"equal noise"}
    assert "24 pairs share 1 noise: 000000001 = 000000000" in detail(report, "equal noise")
    # Pair 0 has the noise of its seed, the others of its shard do not.
    assert {p.kind for p in report.problems} <= {"equal noise", "foreign noise"} | {
        "noise mean",
        "noise variance",
    }
    assert report.bad_shards == (0, 1, 2)


def test_seeds_that_count_within_a_worker_are_found(tmp_path: Path) -> None:
    """As OpenDMD's data builder does: each worker seeds with its local index."""

    def local_noise(plan: Plan, slot: Slot) -> np.ndarray:
        return noise_for(plan.seed, slot.pair_index % 8, LATENT_SHAPE, "float16")

    report = verify(write_set(tmp_path / "set", noise_of=local_noise))
    text = detail(report, "equal noise")
    assert text.startswith("24 pairs share 8 noises: 000000008 = 000000000, 000000009 = 000000001")
    assert text.endswith(" ...")
    assert kinds(report, TAR) == {"foreign noise"}
    assert kinds(report, "train/00000.tar") == set()
    assert report.bad_shards == (1, 2)


def test_siblings_with_different_noises_are_found(tmp_path: Path) -> None:
    def own_noise(plan: Plan, slot: Slot) -> np.ndarray:
        index = slot.index if 8 <= slot.index < 16 else slot.pair_index
        return noise_for(plan.seed, index, LATENT_SHAPE, "float16")

    plan = make_plan(guidance_scales=(1.0, 7.5))
    report = verify(write_set(tmp_path / "set", plan, noise_of=own_noise))
    assert "foreign noise" in kinds(report, TAR)
    assert report.bad_shards == (1,)


def test_noise_of_the_wrong_variance_and_mean_is_found(tmp_path: Path) -> None:
    def strong(plan: Plan, slot: Slot) -> np.ndarray:
        noise = noise_for(plan.seed, slot.pair_index, LATENT_SHAPE, "float16")
        return noise * np.float16(1.2) + np.float16(0.1)

    report = verify(write_set(tmp_path / "set", noise_of=strong))
    assert kinds(report, "whole set") == {"noise mean", "noise variance"}
    assert report.noise_mean_z is not None
    assert report.noise_mean_z > 5
    assert report.noise_variance_z is not None
    assert report.noise_variance_z > 5


def test_a_wrong_checksum_of_noise_that_is_not_stored_is_found(tmp_path: Path) -> None:
    edit = edit_sample(with_fact("noise_crc32", 77))
    report = verify(write_set(tmp_path / "set", make_plan(noise="seed"), edit=edit))
    assert [(p.kind, p.where) for p in report.problems] == [("noise crc32", TAR)]
    assert report.bad_shards == (1,)


def test_a_generator_that_is_not_known_is_a_problem(tmp_path: Path) -> None:
    plan = make_plan(recipe={"noise_generator": "from-the-future"})
    report = verify(write_set(tmp_path / "set", plan))
    assert [(p.kind, p.where) for p in report.problems] == [("noise generator", "whole set")]
    assert report.bad_shards == ()


# --- the report


def test_two_damaged_shards_are_both_found(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    (tmp_path / "set/train/00000.tar").write_bytes(b"")
    flip_byte(tmp_path / "set/train/00002.tar", 0)
    report = verify(store)
    assert report.bad_shards == (0, 2)
    assert report.num_samples == 8


def test_the_table_names_kind_place_and_finding(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    store.remove(TAR)
    lines = verify(store).table().splitlines()
    assert lines[0].split() == ["kind", "where", "what"]
    assert lines[1].startswith("missing shard  train/00001.tar  its receipt counts 8 samples")
    assert lines[-1] == "Not clean: 1 problem, 1 shard for `pairgen repair` to make again."


def test_a_long_table_is_cut(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set", make_plan(num_samples=40, samples_per_shard=1))
    for shard_index in range(30):
        store.remove(layout.shard_path(shard_index))
    report = verify(store)
    lines = report.table().splitlines()
    assert sum(line.startswith("missing shard") for line in lines) == MAX_ROWS_PER_KIND + 1
    assert any(line.endswith("and 10 more") for line in lines)
    assert report.bad_shards == tuple(range(30))


def test_a_set_that_was_just_begun_is_incomplete_and_no_more(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "set")
    plan = make_plan()
    write_plan(store, plan)
    write_shard(store, plan.tasks()[0], [make_sample(plan, index) for index in range(8)])
    report = verify(store)
    assert {p.kind for p in report.problems} == {"incomplete"}
    assert report.bad_shards == (1, 2)
    assert json.loads(store.read_bytes("__meta__/shards/00000.json"))["count"] == 8
