"""How a dry run ends: a sheet of what the command would cost."""

import os
from typing import Any

from pairgen.generate.progress import format_seconds


def cost_sheet(run: Any) -> str:
    """Return the sheet of a `DryRun`, a fact a line."""
    manifest, cost, measured = run.manifest, run.cost, run.measured
    if cost is None:
        return f"Nothing is missing: {manifest.num_samples:,} samples are there."
    rows = [("missing", f"{cost.num_samples:,} samples in {cost.num_shards:,} shards")]
    if manifest.receipts:
        there = f"{manifest.num_samples:,} samples in {len(manifest.receipts):,} shards"
        rows.insert(0, ("there", there))
    num_failed = measured.num_slots - measured.num_samples - measured.num_skipped
    tried = f"{measured.num_samples:,} of {measured.num_slots:,} slots, made in memory"
    if measured.num_skipped:
        tried += f"; {measured.num_skipped:,} left out by --min-sharpness"
    if num_failed:
        tried += f"; {num_failed:,} failed"
    rows.append(("measured on", tried))
    for name, num_bytes in cost.member_bytes.items():
        rows.append((name, format_bytes(num_bytes)))
    rows.append(("in all", f"{format_bytes(cost.num_bytes)} of tars, headers and ends included"))
    if run.free_bytes is not None:
        short = ", which is not enough" if run.free_bytes < cost.num_bytes else ""
        rows.append(("free at --out", format_bytes(run.free_bytes) + short))
    rows.append(("one worker", f"{cost.seconds_per_slot:.3g} s a sample on {measured.device}"))
    rows.append(("this command", _wall(cost, run.num_workers)))
    num_cores = os.cpu_count() or 1
    if run.num_workers == 1 < min(num_cores, cost.num_shards):
        rows.append(("--executor ray", f"{_wall(cost, num_cores)}, here"))
    width = max(len(name) for name, _ in rows)
    return "\n".join([*(f"{name:{width}}  {text}" for name, text in rows), "Nothing was written."])


def _wall(cost: Any, num_workers: int) -> str:
    wall = format_seconds(cost.wall_seconds(num_workers))
    return f"{wall} with {num_workers:,} worker{'s' * (num_workers > 1)}"


def format_bytes(num_bytes: int) -> str:
    """Return a size as a person says it: `12.3 MB`."""
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6)):
        if num_bytes >= size:
            return f"{num_bytes / size:,.1f} {unit}"
    return f"{num_bytes / 1000:,.1f} kB"
