"""Verify parts of a set: what is chosen, what is found, and that the rest is said to be unread."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pairgen.errors import ConfigError
from pairgen.seeding import noise_for
from pairgen.shards.check.noise_audit import NoiseAudit, ShardNoise
from pairgen.shards.check.report import MAX_KEPT_PER_KIND, Problem, Problems, Report, Tally
from pairgen.shards.check.scope import Scope
from pairgen.shards.check.verify import verify
from pairgen.shards.format.manifest import read_receipt, write_receipt
from pairgen.shards.format.slots import Slot
from pairgen.shards.format.where import parse_where
from pairgen.shards.storage.local_store import LocalStore
from pairgen.types import Plan, Sample
from tests.small_sets import LATENT_SHAPE, flip_byte, make_plan, write_set

TAR, INDEX, RECEIPT = (
    "train/00001.tar",
    "__meta__/index/00001.parquet",
    "__meta__/shards/00001.json",
)
QUICK = Scope(quick=True)


def where(text: str) -> Scope:
    return Scope(where=parse_where(text))


def found(report: Report) -> list[tuple[str, str]]:
    return [(problem.kind, problem.where) for problem in report.problems]


# --- quick


def test_quick_opens_no_tar_and_no_index_and_says_so(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    for path in [*(tmp_path / "set/train").iterdir(), *(tmp_path / "set/__meta__/index").iterdir()]:
        flip_byte(path, 20)
    report = verify(store, QUICK)
    assert report.clean
    assert (report.num_read, report.num_samples, report.num_bytes) == (0, 0, 0)
    lines = report.table().splitlines()
    assert lines[0].startswith("3 shards; by their receipts 24 samples, ")
    assert (
        "Not checked: the content of shards, index files and inputs; the noise (--quick)." in lines
    )
    assert lines[-1] == "Clean as far as read: receipts, names and sizes."
    assert not verify(store).clean


def test_quick_finds_missing_files_wrong_sizes_and_stray_ones(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    store.remove("train/00000.tar")
    with open(tmp_path / "set" / TAR, "ab") as file:
        file.write(b"x")
    store.remove("__meta__/index/00002.parquet")
    store.put_bytes("train/00009.tar", b"what is this")
    report = verify(store, QUICK)
    assert found(report) == [
        ("stray file", "train/00009.tar"),
        ("missing shard", "train/00000.tar"),
        ("size", TAR),
        ("index", "__meta__/index/00002.parquet"),
    ]
    assert report.bad_shards == (0, 1, 2)


def test_quick_finds_bad_receipts_and_mixes(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    receipt = read_receipt(store, 1)
    assert receipt is not None
    write_receipt(store, replace(receipt, count=9, made={**receipt.made, "dtype": "float16"}))
    store.remove("__meta__/shards/00002.json")
    report = verify(store, QUICK)
    assert found(report) == [("incomplete", "train/00002.tar"), ("count", RECEIPT)]
    assert report.mixes == {"dtype": ("float16", "float32")}


# --- fraction


def test_a_fraction_is_the_same_for_the_same_seed_and_grows(tmp_path: Path) -> None:
    shards = list(range(10, 1010))
    some = Scope(fraction=0.01, seed=4).choose(shards)
    assert some == Scope(fraction=0.01, seed=4).choose(shards)
    assert len(some) == 10
    assert some == sorted(some)
    assert set(some) < set(Scope(fraction=0.05, seed=4).choose(shards)) < set(shards)
    assert some != Scope(fraction=0.01, seed=5).choose(shards)
    assert len(Scope(fraction=1e-9).choose(shards)) == 1
    assert Scope(fraction=1.0).choose(shards) == shards
    assert Scope(fraction=0.5).choose([]) == []


def test_every_shard_is_chosen_equally_often() -> None:
    counts = np.zeros(20)
    for seed in range(1000):
        counts[Scope(fraction=0.2, seed=seed).choose(range(20))] += 1
    # 200 each, 12.6 the standard deviation.
    assert counts.sum() == 4000
    assert np.abs(counts - 200).max() < 60


@pytest.mark.parametrize("seed", range(6))
def test_a_fraction_reads_its_shards_whole_and_the_others_not(tmp_path: Path, seed: int) -> None:
    store = write_set(tmp_path / "set")
    flip_byte(tmp_path / "set" / TAR, 512 + 512 + 512 + 128 + 7)
    scope = Scope(fraction=0.3, seed=seed)
    [chosen] = scope.choose([0, 1, 2])
    report = verify(store, scope)
    assert (report.num_read, report.num_samples) == (1, 8)
    assert report.clean == (chosen != 1)
    assert f"reads {chosen:05d}, and" in report.table()
    assert f"Not checked: the content of 2 shards; --fraction 0.3 --seed {seed}" in report.table()
    if report.clean:
        last = "Clean as far as read: receipts, names and sizes; 8 samples of 1 shard."
        assert report.table().splitlines()[-1] == last


def test_a_fraction_still_looks_at_all_receipts_and_sizes(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set", make_plan(num_samples=64))
    with open(tmp_path / "set/train/00003.tar", "ab") as file:
        file.write(b"x")
    store.remove("__meta__/shards/00006.json")
    for seed in range(5):
        report = verify(store, Scope(fraction=0.2, seed=seed))
        assert ("incomplete", "train/00006.tar") in found(report)
        assert ("size", "train/00003.tar") in found(report)
        assert report.bad_shards == (3, 6)


def test_a_fraction_never_reads_only_shards_without_samples(tmp_path: Path) -> None:
    failed = dict.fromkeys(range(8, 24), "non-finite latent")
    store = write_set(tmp_path / "set", failed=failed)
    for seed in range(4):
        report = verify(store, Scope(fraction=0.3, seed=seed))
        assert (report.num_read, report.num_samples, report.unread) == (1, 8, ())


def test_a_fraction_that_takes_all_is_a_whole_check(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    assert verify(store, Scope(fraction=0.9)) == verify(store)
    assert verify(store, Scope(fraction=0.9)).table().splitlines()[-1] == "Clean."


# --- where


def test_where_checks_those_samples_and_reads_only_their_shards(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    flip_byte(tmp_path / "set" / TAR, 512 + 512 + 512 + 128 + 7)
    report = verify(store, where("pair_index < 8 and pair_index > 4"))
    assert report.clean
    assert (report.num_read, report.num_samples, report.num_checked) == (1, 8, 3)
    assert "8 samples (3 of them checked one by one)" in report.table()
    assert (
        "Not checked: samples that do not meet 'pair_index < 8 and pair_index > 4'"
        in report.table()
    )
    assert "3 samples of 1 shard." in report.table().splitlines()[-1]
    damaged = verify(store, where("pair_index == 9"))
    assert ("sha256", TAR) in found(damaged)
    # The sample that was altered was not asked for, its neighbour was.
    assert ("index", INDEX) not in found(damaged)
    assert ("index", INDEX) in found(verify(store, where("pair_index == 8")))


def test_where_takes_both_siblings_or_one(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set", make_plan(guidance_scales=(1.0, 7.5)))
    report = verify(store, where("guidance_scale == 7.5"))
    assert report.clean
    assert (report.num_read, report.num_samples, report.num_checked) == (3, 24, 12)
    assert report.noise_mean_z == verify(store).noise_mean_z


def test_where_still_looks_at_sizes_of_other_tars(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    with open(tmp_path / "set" / TAR, "ab") as file:
        file.write(b"x")
    store.remove("train/00002.tar")
    report = verify(store, where("pair_index == 0"))
    assert found(report) == [("size", TAR), ("missing shard", "train/00002.tar")]


def test_a_shard_whose_index_is_bad_is_read_whole(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    flip_byte(tmp_path / "set" / INDEX, 100)
    report = verify(store, where("pair_index == 0"))
    assert found(report) == [("index", INDEX)]
    assert (report.num_read, report.num_checked) == (2, 9)


def test_a_condition_that_no_sample_fulfils_is_refused(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    with pytest.raises(ConfigError, match="has no sample that meets 'pair_index > 99'"):
        verify(store, where("pair_index > 99"))
    with pytest.raises(ConfigError, match="has no sample in the chosen shards"):
        verify(store, replace(where("pair_index > 99"), fraction=0.3))
    with pytest.raises(ConfigError, match=r"has no column 'pear_index' .did you mean 'pair_index'"):
        verify(store, where("pear_index > 99"))


# --- order, and stopping


def run_in_order(order: list[int]):
    """Return what runs checks in another order, and stops before shards that are not in it."""

    def run(job, tasks, on_found) -> None:
        checker = job.open()
        by_shard = {task.shard_index: task for task in tasks}
        for shard in order:
            on_found(checker.run(by_shard[shard]))

    return run


def spoiled(root: Path) -> LocalStore:
    """Write a set with something wrong in every shard and in the whole."""

    def edit(shard_index: int, samples: list[Sample]) -> list[Sample]:
        if shard_index == 1:
            samples[2] = replace(samples[2], facts={**samples[2].facts, "float32_retry": None})
        if shard_index == 2:
            return [replace(s, facts={**s.facts, "float32_retry": 1}) for s in samples]
        return samples

    def noise(plan: Plan, slot: Slot) -> np.ndarray:
        return noise_for(plan.seed, slot.pair_index % 10, LATENT_SHAPE, "float16")

    store = write_set(root, edit=edit, noise_of=noise)
    flip_byte(root / TAR, 512 + 512 + 512 + 128 + 7)
    return store


def test_the_report_does_not_depend_on_the_order_of_shards(tmp_path: Path) -> None:
    store = spoiled(tmp_path / "set")
    expected = verify(store)
    kinds = {problem.kind for problem in expected.problems}
    assert kinds >= {"sha256", "json type", "foreign noise", "equal noise", "index"}
    for order in ([0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]):
        assert verify(store, run=run_in_order(order)) == expected


def test_a_check_that_is_stopped_reports_what_it_found(tmp_path: Path) -> None:
    store = spoiled(tmp_path / "set")
    report = verify(store, run=run_in_order([2]))
    assert report.interrupted
    assert (report.num_read, report.num_samples) == (1, 8)
    assert {problem.where for problem in report.problems} == {"train/00002.tar"}
    assert "Not checked: the content of 2 more (stopped)." in report.table()


def test_the_first_type_of_a_fact_holds_for_the_whole_set(tmp_path: Path) -> None:
    report = verify(spoiled(tmp_path / "set"))
    details = {p.where: p.detail for p in report.problems if p.kind == "json type"}
    said = "json float32_retry is not always bool: "
    assert details == {
        TAR: said + "sample 000000010 (None is NoneType)",
        "train/00002.tar": said + "8 samples, first 000000016 (1 is int)",
    }


def test_a_recorded_draw_that_is_no_draw_is_found(tmp_path: Path) -> None:
    def edit(shard_index: int, samples: list[Sample]) -> list[Sample]:
        if shard_index == 1:
            samples[2] = replace(samples[2], facts={**samples[2].facts, "draw": "{}"})
        return samples

    store = write_set(tmp_path / "set", edit=edit)
    path = tmp_path / "set" / TAR
    path.write_bytes(path.read_bytes().replace(b'"draw": "{}"', b'"draw": "{["'))
    assert ("unreadable", TAR) in found(verify(store))


# --- bounds


def test_problems_are_counted_when_they_are_too_many_to_keep() -> None:
    problems = Problems()
    for shard in range(5000):
        problems.add([Problem("gap", f"train/{shard:05d}.tar", "x", shard)])
    problems.add([Problem("size", "train/00000.tar", "y", 0)])
    assert len(problems.kept) == MAX_KEPT_PER_KIND + 1
    assert problems.num_by_kind == {"gap": 5000, "size": 1}
    assert problems.bad_shards == tuple(range(5000))


def test_a_tally_of_a_million_different_complaints_stays_small() -> None:
    tally = Tally()
    for number in range(10_000):
        tally.add("index", f"k{number} differs from the tar", f"{number:09d}", "v" * 10_000)
    problems = tally.problems("train/00000.tar", 0)
    assert len(problems) == 21
    assert problems[-1].detail.startswith(
        "more problems of this kind: 9,980 samples, first 000000020"
    )
    assert max(len(problem.detail) for problem in problems) < 400


def shard_noise(slots: np.ndarray, hashes: np.ndarray) -> ShardNoise:
    return ShardNoise(slots, hashes.astype(np.uint64), num_values=0, sum=0.0, sum_squares=0.0)


def equal_noise(hashes: np.ndarray) -> list[str]:
    audit = NoiseAudit(make_plan(num_samples=hashes.size))
    for start in range(0, hashes.size, 1000):
        slots = np.arange(start, min(start + 1000, hashes.size))
        audit.add(shard_noise(slots, hashes[slots]))
    return [problem.detail for problem in audit.problems() if problem.kind == "equal noise"]


def test_equal_noises_are_found_among_many_wherever_their_bits_lie(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Some windows, so that a noise and its first owner lie in different ones.
    monkeypatch.setattr("pairgen.shards.check.noise_audit.SLOTS_AT_A_TIME", 700)
    hashes = np.random.default_rng(3).integers(1, 2**64 - 1, 5000, dtype=np.uint64, endpoint=True)
    assert equal_noise(hashes) == []
    for high in range(16):
        hashes[4000 + high] = hashes[high] = np.uint64((high << 60) + 5)
    hashes[4999] = hashes[0]
    [detail] = equal_noise(hashes)
    assert detail.startswith("33 pairs share 16 noises: 000004000 = 000000000, 000004001 = 0000000")
    assert detail.endswith(" ...")
    [all_equal] = equal_noise(np.full(5000, 2**64 - 1, dtype=np.uint64))
    assert all_equal.startswith("5,000 pairs share 1 noise: 000000001 = 000000000, 000000002 = ")


def test_the_audit_of_two_million_samples_keeps_little_more_than_their_hashes() -> None:
    import tracemalloc

    num = 2_000_000
    hashes = np.random.default_rng(0).integers(1, 2**64 - 1, num, dtype=np.uint64)
    tracemalloc.start()
    audit = NoiseAudit(make_plan(num_samples=num))
    for start in range(0, num, 1000):
        audit.add(shard_noise(np.arange(start, start + 1000), hashes[start : start + 1000]))
    assert audit.problems() == []
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 11 * num + 5_000_000, peak
