"""`pairgen status`: figures from receipts alone, by hand and of real runs."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

import pairgen
from pairgen.errors import ConfigError
from pairgen.execution.history.done import Done, Receipts
from pairgen.execution.history.rates import (
    intervals,
    rate_at_work,
    rate_now,
    seconds_at_work,
    workers,
)
from pairgen.execution.progress import took_text
from pairgen.jobs.status.facts import status_data, status_text
from pairgen.jobs.status.run import watch_status
from pairgen.receipts import FailedSlot
from pairgen.shards.format import layout
from pairgen.shards.format.manifest import read_receipt, write_receipt
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from tests.runs import QUICK_ODE, run_many


def done(ended: float | None, seconds: float = 10.0, worker: str = "a:1", num: int = 8) -> Done:
    return Done(
        num_slots=num,
        num_samples=num,
        num_bytes=100 * num,
        seconds=seconds,
        ended=ended,
        worker=worker,
        device="cpu",
    )


def test_the_rate_of_now_is_that_of_the_last_ten_minutes() -> None:
    early = [done(10.0 * (i + 1)) for i in range(100)]
    late = [done(1000.0 + 20.0 * (i + 1), seconds=20.0) for i in range(100)]
    # From 400 to 1000, then from 1200 to 3000 less ten minutes.
    assert rate_now(early, 1000.0) == pytest.approx(0.8)
    assert rate_now(early + late, 3000.0) == pytest.approx(0.4)
    assert rate_now(early, 1300.0) == pytest.approx(0.8 * 300 / 600)
    assert rate_now(early, 5000.0) == 0.0


def test_the_rate_of_a_young_run_counts_from_its_begin() -> None:
    assert rate_now([done(20.0), done(30.0)], 40.0) == pytest.approx(16 / 30)


def test_the_rate_of_long_shards_looks_back_three_of_them() -> None:
    hours = [done(3600.0 * (i + 1), seconds=3600.0) for i in range(10)]
    assert rate_now(hours, 36000.0) == pytest.approx(8 / 3600)


def test_the_mean_rate_leaves_pauses_out() -> None:
    # Two workers at once for 15 s, nothing for an hour, and one for 5 s.
    shards = [done(10.0), done(15.0, worker="b:2"), done(3620.0, seconds=5.0)]
    assert seconds_at_work(shards) == 20.0
    assert rate_at_work(shards) == pytest.approx(24 / 20)
    assert took_text(3620.0, 20.0) == "60 min, 20 s of it at work"
    assert took_text(20.0, 19.9) == "20 s"
    assert rate_at_work([done(None)]) == 0.0 and rate_at_work([]) == 0.0


def test_intervals_hold_every_slot_once() -> None:
    found = intervals([done(10.0), done(25.0), done(120.0, num=4)], num=12)
    assert [each.num_slots for each in found] == [0, 8, 8, *[0] * 8, 4]
    assert (found[0].start, found[-1].stop) == (0.0, pytest.approx(120.0))
    assert found[1].rate == pytest.approx(0.8)


def test_workers_are_told_apart_and_the_silent_are_found() -> None:
    shards = [done(100.0 * i, 100.0, "slow:1") for i in range(1, 10)]
    shards += [done(50.0 * i, 50.0, "fast:2") for i in range(1, 11)]
    slow, fast = workers(shards, 900.0)
    assert (slow.name, slow.num_shards, slow.rate) == ("slow:1", 9, pytest.approx(0.08))
    assert (fast.name, fast.num_shards, fast.rate) == ("fast:2", 10, pytest.approx(0.16))
    # 400 s without a shard, of 50 s each.
    assert fast.is_silent and not slow.is_silent


def test_receipts_of_earlier_versions_tell_no_time_and_no_rate() -> None:
    old = [done(None)] * 3
    assert (rate_now(old, 50.0), intervals(old)) == (0.0, [])
    assert not workers(old, 50.0)[0].is_silent


def test_a_set_is_followed_to_its_end(tmp_path: Path) -> None:
    before = time.time()
    pairgen.ode(**QUICK_ODE, out=tmp_path, shard_range="1/2")
    part = pairgen.status(tmp_path, price_per_gpu_hour=3600.0)
    data = part.data
    assert (data["num_slots"], data["num_planned"], data["num_shards"]) == (16, 30, 4)
    assert not part.complete and data["rate"] > 0
    assert data["eta_seconds"] == pytest.approx(14 / data["rate"])
    assert before <= data["begun"] <= data["ended"] <= time.time()
    seconds = [
        json.loads(path.read_bytes())["made"]["seconds"]
        for path in sorted((tmp_path / layout.RECEIPTS).glob("*.json"))
    ]
    assert data["worker_seconds"] == pytest.approx(sum(seconds))
    assert data["cost"] == pytest.approx(sum(seconds))
    pairgen.ode(**QUICK_ODE, out=tmp_path)
    whole = pairgen.status(tmp_path)
    assert whole.complete and whole.data["eta_seconds"] is None and whole.data["cost"] is None
    sizes = sum(path.stat().st_size for path in tmp_path.glob("train/*.tar"))
    assert whole.data["num_bytes"] == sizes
    text = status_text(whole.data)
    assert "30 of 30 slots (100.0 %)" in text and "Workers: 1, silent: 0" in text


def test_nothing_is_changed_and_nothing_else_is_read(tmp_path: Path) -> None:
    pairgen.ode(**QUICK_ODE, out=tmp_path)
    for path in (*tmp_path.glob("train/*"), *tmp_path.glob("__meta__/index/*")):
        path.unlink()
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert pairgen.status(tmp_path).complete
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == files


def test_failures_are_counted_by_kind(tmp_path: Path) -> None:
    pairgen.ode(**QUICK_ODE, out=tmp_path)
    store = open_store(tmp_path)
    for shard, names in ((0, "ab"), (3, "c")):
        receipt = read_receipt(store, shard)
        slots = [
            FailedSlot(index=receipt.start + i, reason=f"'{name}.png' ends after {i} bytes")
            for i, name in enumerate(names)
        ]
        slots.append(FailedSlot(index=receipt.stop - 1, reason="blurred", skipped=True))
        write_receipt(store, replace(receipt, failed=tuple(slots)))
    data = pairgen.status(tmp_path).data
    assert data["failed"] == [{"example": "'a.png' ends after 0 bytes", "num": 3}]
    assert data["num_skipped"] == 2
    assert "3, such as: 'a.png' ends after 0 bytes" in status_text(data)


def test_receipts_of_another_plan_are_counted_apart(tmp_path: Path) -> None:
    pairgen.ode(**QUICK_ODE, out=tmp_path)
    store = open_store(tmp_path)
    write_receipt(store, replace(read_receipt(store, 1), fingerprint="f" * 64))
    (tmp_path / layout.receipt_path(2)).write_text("{")
    data = pairgen.status(tmp_path).data
    assert (data["num_shards"], data["num_foreign_receipts"]) == (6, 2)
    assert "run pairgen verify" in status_text(data)


def test_watching_reads_each_receipt_once(tmp_path: Path) -> None:
    pairgen.ode(**QUICK_ODE, out=tmp_path, shard_range="1/2")
    watched = watch_status(tmp_path, 0.0)
    assert next(watched).data["num_shards"] == 4
    known = list((tmp_path / layout.RECEIPTS).glob("*.json"))
    pairgen.ode(**QUICK_ODE, out=tmp_path, shard_range="2/2")
    for path in known:
        path.write_text("unreadable from now on")
    last = next(watched)
    assert last.complete and last.data["num_foreign_receipts"] == 0
    assert list(watched) == []


def test_buckets_are_counted_together(tmp_path: Path) -> None:
    folder, out = tmp_path / "photographs", tmp_path / "set"
    folder.mkdir()
    for name, size in (("wide", (96, 64)), ("tall", (64, 96)), ("also wide", (97, 64))):
        Image.new("RGB", size, (9, 99, 199)).save(folder / f"{name}.png")
    (folder / "broken.png").write_bytes(b"no image")
    pairgen.collect(
        images=folder, size=64, bucket=True, max_rejected=1.0, executor="serial", out=out
    )
    found = pairgen.status(out)
    assert found.complete and (found.data["num_slots"], found.data["num_shards"]) == (3, 2)
    assert found.data["num_rejected"] == 1
    assert "rejected images  1" in status_text(found.data)


def test_the_command_prints_text_and_json_and_refuses_what_is_no_set(tmp_path: Path) -> None:
    pairgen.ode(**QUICK_ODE, out=tmp_path / "set")
    said, codes = run_many(
        tmp_path,
        ["status", "set"],
        ["status", "set", "--json"],
        ["status", "set", "--watch"],
        ["status", "nowhere"],
        ["status", "set", "--price-per-gpu-hour=-1"],
    )
    assert codes == [0, 0, 0, 2, 2]
    assert said.count("30 of 30 slots") == 2 and '"num_slots": 30' in said
    assert "There is no folder" in said and "--price-per-gpu-hour must be" in said


def test_no_shard_yet_is_said(tmp_path: Path) -> None:
    pairgen.ode(**QUICK_ODE, out=tmp_path, shard_range="1/20")
    assert "no shard is done yet" in status_text(pairgen.status(tmp_path).data)
    with pytest.raises(ConfigError, match="There is no folder"):
        pairgen.status(tmp_path / "train")


def test_a_run_that_stands_still_is_asked_about(tmp_path: Path) -> None:
    pairgen.ode(**QUICK_ODE, out=tmp_path, shard_range="1/2")
    plan, receipts = read_plan(open_store(tmp_path)), Receipts()
    receipts.read_new(open_store(tmp_path), plan)
    data = status_data("set", plan, [plan], [receipts], time.time() + 7200, None)
    assert data["eta_seconds"] is None and data["workers"][0]["silent"]
    assert "no shard was finished for 2 h 0 min: is anything running?" in status_text(data)
