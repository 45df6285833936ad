"""How far a dataset is, as plain data and as text made from it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pairgen.drawing.table import left_aligned
from pairgen.execution.history.done import Receipts
from pairgen.execution.history.rates import (
    begin_of,
    intervals,
    rate_at_work,
    rate_now,
    seconds_at_work,
    workers,
)
from pairgen.execution.progress import format_seconds, took_text
from pairgen.types import INPUT_NAMES, Plan
from pairgen.wording import size_text

MAX_WORKERS, MAX_REASONS, MAX_LENGTH = 8, 5, 110
BARS = "▁▂▃▄▅▆▇█"


def status_data(
    url: str,
    whole: Plan,
    plans: Sequence[Plan],
    found: Sequence[Receipts],
    now: float,
    price: float | None,
) -> dict[str, Any]:
    """Return how far a dataset is.

    Args:
        url: Its folder.
        whole: Its plan, or what its sub-sets have in common.
        plans: The same plan, or those of its sub-sets.
        found: The receipts of each.
        now: The time, in seconds since 1970.
        price: Price of an hour of a worker's device; None for no price.
    """
    done = [each for receipts in found for each in receipts.done.values()]
    num_slots, num_planned = sum(e.num_slots for e in done), sum(p.num_samples for p in plans)
    num_shards = sum(plan.num_shards for plan in plans)
    rate, begin, seconds = rate_now(done, now), begin_of(done), sum(e.seconds for e in done)
    complete = len(done) == num_shards
    ended = [each.ended for each in done if each.ended is not None]
    num_failed: dict[str, dict[str, Any]] = {}
    for receipts in found:
        for kind, num in receipts.failed.items():
            before = num_failed.get(kind, {"example": receipts.examples[kind], "num": 0})
            num_failed[kind] = {**before, "num": before["num"] + num}
    return {
        "folder": url,
        "kind": whole.kind,
        "complete": complete,
        "num_slots": num_slots,
        "num_planned": num_planned,
        "num_samples": sum(each.num_samples for each in done),
        "num_shards": len(done),
        "num_shards_planned": num_shards,
        "num_foreign_receipts": sum(len(receipts.foreign) for receipts in found),
        "num_bytes": sum(each.num_bytes for each in done),
        "devices": dict(Counter(each.device for each in done).most_common()),
        "num_rejected": whole.source.get("num_rejected", 0),
        "num_skipped": sum(receipts.num_skipped for receipts in found),
        "failed": sorted(num_failed.values(), key=lambda each: -each["num"]),
        "now": now,
        "begun": begin,
        "ended": max(ended, default=None),
        "rate": 0.0 if complete else rate,
        "mean_rate": rate_at_work(done),
        "seconds_at_work": seconds_at_work(done),
        "eta_seconds": None if complete or rate == 0 else (num_planned - num_slots) / rate,
        "rate_over_time": [
            {"start": each.start, "stop": each.stop, "rate": each.rate} for each in intervals(done)
        ],
        "workers": [
            {
                "worker": each.name,
                "device": each.device,
                "num_shards": each.num_shards,
                "rate": each.rate,
                "ended": each.ended,
                "silent": each.is_silent and not complete,
            }
            for each in workers(done, now)
        ],
        "worker_seconds": seconds,
        "cost": None if price is None else seconds / 3600 * price,
    }


def status_text(data: Mapping[str, Any]) -> str:
    """Format `status_data` as text."""
    return "\n\n".join([left_aligned(status_rows(data)), *_worker_table(data)])


def status_rows(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return `status_data` as rows of a name and a value, without the workers."""
    share = 100 * data["num_slots"] / max(data["num_planned"], 1)
    rows = [
        ("folder", data["folder"]),
        ("done", f"{data['num_slots']:,} of {data['num_planned']:,} slots ({share:.1f} %)"),
        ("shards", f"{data['num_shards']:,} of {data['num_shards_planned']:,}"),
        ("samples", f"{data['num_samples']:,}, {size_text(data['num_bytes'])}"),
        *_device_rows(data),
        *_rate_rows(data),
        ("worker hours", _hours(data)),
        *_failed_rows(data),
    ]
    if data["num_foreign_receipts"]:
        foreign = f"{data['num_foreign_receipts']:,} unreadable or of another plan"
        rows.append(("receipts", f"{foreign}: run pairgen verify"))
    return rows


def _rate_rows(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    if data["begun"] is None:
        return [] if data["num_shards"] else [("rate", "no shard is done yet")]
    took, at_work = data["ended"] - data["begun"], data["seconds_at_work"]
    rates = [each["rate"] for each in data["rate_over_time"]]
    bars = "".join(BARS[round(7 * each / max(*rates, 1e-9))] for each in rates)
    told = f"{data['mean_rate']:,.2f}/s while it was made ({took_text(took, at_work)})"
    rows = [("rate over time", f"{bars} {told}")]
    ago = format_seconds(data["now"] - data["ended"])
    if data["complete"]:
        return [*rows, ("ended", f"{ago} ago")]
    if data["eta_seconds"] is None:
        return [*rows, ("rate", f"no shard was finished for {ago}: is anything running?")]
    eta = format_seconds(data["eta_seconds"])
    return [*rows, ("rate", f"{data['rate']:,.2f}/s, ETA {eta}; the last shard {ago} ago")]


def _device_rows(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    if len(data["devices"]) < 2:
        return []
    shares = (f"{name} {num:,}" for name, num in data["devices"].items())
    return [("shards by device", ", ".join(shares) + " (mixed)")]


def _hours(data: Mapping[str, Any]) -> str:
    hours = f"{data['worker_seconds'] / 3600:,.2f}"
    return hours if data["cost"] is None else f"{hours}, price {data['cost']:,.2f}"


def _failed_rows(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = []
    if data["num_rejected"]:
        inputs = INPUT_NAMES.get(data["kind"], "inputs")
        rows.append((f"rejected {inputs}", f"{data['num_rejected']:,}"))
    if data["num_skipped"]:
        rows.append(("skipped slots", f"{data['num_skipped']:,}"))
    for label, each in zip(("failed slots", *[""] * MAX_REASONS), data["failed"], strict=False):
        reason = each["example"]
        shown = reason if len(reason) <= MAX_LENGTH else reason[:MAX_LENGTH] + " ..."
        rows.append((label, f"{each['num']:,}, such as: {shown}"))
    return rows


def _worker_table(data: Mapping[str, Any]) -> list[str]:
    """Return the table of the slowest workers, and of those that are silent; none without any."""
    if not data["workers"]:
        return []
    silent = [each for each in data["workers"] if each["silent"]]
    others = [each for each in data["workers"] if not each["silent"]]
    shown = [*silent[: MAX_WORKERS // 2], *others][:MAX_WORKERS]
    rows = [("worker", "device", "shards", "samples/s", "last shard", "")]
    for each in shown:
        ago = "?" if each["ended"] is None else f"{format_seconds(data['now'] - each['ended'])} ago"
        shards, rate = f"{each['num_shards']:,}", f"{each['rate']:,.2f}"
        note = "silent" * each["silent"]
        rows.append((each["worker"], each["device"], shards, rate, ago, note))
    counts = f"Workers: {len(data['workers']):,}, silent: {len(silent):,}; the slowest first."
    return [left_aligned(rows), counts]
