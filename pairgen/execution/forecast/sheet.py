"""Format the result of a dry run: a cost sheet for the command."""

import math
import os
from collections.abc import Iterator, Sequence
from typing import Any

from pairgen.execution.progress import format_seconds
from pairgen.redaction import without_secrets, without_secrets_in
from pairgen.shard_range import ALL_SHARDS
from pairgen.visible import visible
from pairgen.wording import counted, part_text

Row = tuple[str, str]
# Longer values are cut.
MAX_VALUE = 60


def cost_sheet(
    run: Any, price_per_hour: float | None = None, chance_of_loss: float | None = None
) -> str:
    """Return the cost sheet of a `DryRun`, one fact per line.

    Args:
        run: Result of the dry run.
        price_per_hour: Hourly price of one worker's machine; None for no price.
        chance_of_loss: Probability in [0, 1) that a worker is lost within an hour; None to leave
            this out.
    """
    told = [*_option_lines(run.options), ""] if run.options else []
    if run.cost is None:
        told.append(
            "Nothing is missing: "
            f"{counted(run.manifest.num_samples, 'sample is', 'samples are')} there."
        )
        return "\n".join(told)
    rows = [*_size_rows(run), *_time_rows(run)]
    hours = _device_hours(run, run.cost.worker_seconds)
    if chance_of_loss is not None:
        text, hours = _losses(run, chance_of_loss)
        rows.append(("preemptions", text))
    if price_per_hour is not None:
        price = f"{hours * price_per_hour:,.2f} (your currency) for {_hours(hours)}"
        rows.append(("price", f"{price}, including the startup of each worker"))
    width = max(len(name) for name, _ in rows)
    lines = (f"{name:{width}}  {text}" for name, text in rows)
    return "\n".join([*told, *lines, "Nothing was written."])


def _option_lines(options: Sequence[tuple[str, Any, str]]) -> Iterator[str]:
    """Yield a line for each option that is not at its default: name, value, origin."""
    shown = [(name, _shown(value), origin) for name, value, origin in options]
    yield "Options that are not at their defaults, and where they come from:"
    widths = [max(len(row[column]) for row in shown) for column in (0, 1)]
    for name, value, origin in shown:
        yield f"  {name:{widths[0]}}  {value:{widths[1]}}  {_on_one_line(without_secrets(origin))}"


def _on_one_line(text: str) -> str:
    return visible(text).replace("\n", "\\n")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    value = without_secrets_in(list(value) if isinstance(value, tuple) else value)
    if isinstance(value, list):
        value = ",".join(f"{each:g}" if isinstance(each, float) else str(each) for each in value)
    text = _on_one_line(f"{value:g}" if isinstance(value, float) else str(value))
    return text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 3] + "..."


def _size_rows(run: Any) -> Iterator[Row]:
    """Yield what is missing and how large it will be."""
    manifest, cost, measured = run.manifest, run.cost, run.measured
    if manifest.receipts:
        yield (
            "done",
            f"{counted(manifest.num_samples, 'sample')} in "
            f"{counted(len(manifest.receipts), 'shard')}",
        )
    of_part = "" if run.part == ALL_SHARDS else f" of part {run.part}"
    yield (
        "missing",
        f"{counted(cost.num_samples, 'sample')} in {counted(cost.num_shards, 'shard')}{of_part}",
    )
    num_failed = measured.num_slots - measured.num_samples - measured.num_skipped
    tried = f"{part_text(measured.num_samples, measured.num_slots, 'sample')}, made in memory"
    if measured.num_skipped:
        # What an overlay leaves out may be what its parent lacks.
        is_overlay = manifest.plan.kind == "overlay"
        why = "left out" if is_overlay else "excluded by --min-sharpness"
        tried += f"; {measured.num_skipped:,} {why}"
    if num_failed:
        tried += f"; {num_failed:,} failed"
    yield "measured on", tried
    for name, num_bytes in cost.member_bytes.items():
        yield name, format_bytes(num_bytes)
    yield "total", f"{format_bytes(cost.num_bytes)} of tars, including headers and end marks"
    meta_bytes = format_bytes(cost.meta_bytes + run.input_bytes)
    listed = "index, receipts and the list of inputs" if run.input_bytes else "index and receipts"
    yield "__meta__", f"about {meta_bytes}: {listed}"
    if run.free_bytes is not None:
        short = ", not enough" if run.free_bytes < cost.num_bytes else ""
        yield "free at --out", format_bytes(run.free_bytes) + short


def _time_rows(run: Any) -> Iterator[Row]:
    """Yield how long it will take."""
    cost, measured = run.cost, run.measured
    pace = f"{cost.worker_seconds / cost.num_slots:.3g} s per sample on {measured.device}"
    if (size := measured.time.batch_size) > 1:
        pace += f", {measured.time.per_batch:.3g} s per batch of {size:,}"
    yield "one worker", f"{pace}; {_hours(cost.worker_seconds / 3600)} in total"
    start = f"{measured.load_seconds:.1f} s to load"
    yield "startup", f"{start}, {measured.warm_up_seconds:.1f} s extra for the first batch"
    yield "this command", _wall(cost, run.num_workers)
    others = run.asked_workers
    on_cpu = measured.device.startswith("cpu")
    if not others and run.num_workers == 1 and on_cpu:
        others = min(os.cpu_count() or 1, cost.num_shards)
    if others > 1 and others != run.num_workers:
        yield "--executor ray", f"{_wall(cost, others)} as fast as the one measured"
    if run.free_bytes is None:
        yield "uploads", "not included: shards were published to a local temporary folder"
    if run.other_way is not None:
        yield f"with{'' if run.other_way.compile else 'out'} --compile", _other_way(run)
    if run.gpus_per_worker != 1 and not on_cpu:
        yield "GPUs", f"one per worker; --gpus-per-worker {run.gpus_per_worker:g} was not measured"


def _other_way(run: Any) -> str:
    cost = run.other_cost()
    if cost is None:
        return f"not measured: {run.other_way.reason}"
    hours = _hours(cost.worker_seconds / 3600)
    warm_up = f"{run.other_way.warm_up_seconds:.1f} s extra for the first batch"
    return f"{_wall(cost, _workers(run))}, {hours} in total; {warm_up}"


def _losses(run: Any, chance: float) -> tuple[str, float]:
    """Return the cost of losing workers, as text and as device-hours including it."""
    losses = run.with_losses(chance)
    with_losses = losses.cost.worker_seconds
    if math.isinf(with_losses):
        return "no shard would ever be finished; decrease --samples-per-shard", math.inf
    added = with_losses - run.cost.worker_seconds
    text = (
        f"at {100 * chance:g} % per hour: {_few(losses.num_workers)} workers lost, "
        f"{_hours(added / 3600)} extra ({_few(100 * added / run.cost.worker_seconds)} %), "
        f"{_wall(losses.cost, _workers(run))}, not counting the wait for new machines"
    )
    return text, _device_hours(run, with_losses)


def _device_hours(run: Any, worker_seconds: float) -> float:
    """Return the hours of all workers, including the startup of each."""
    num_workers = min(_workers(run), run.cost.num_shards)
    return float(worker_seconds + num_workers * run.measured.start_seconds) / 3600


def _workers(run: Any) -> int:
    """Return the number of workers that the estimates are for."""
    return run.asked_workers or run.num_workers


def _hours(hours: float) -> str:
    return f"{_few(hours)} device-hours"


def _few(number: float) -> str:
    """Return a number with two decimals, or with two significant digits if it is small."""
    return f"{number:,.2f}" if number >= 0.1 or number == 0 else f"{number:.2g}"


def _wall(cost: Any, num_workers: int) -> str:
    wall = format_seconds(cost.wall_seconds(num_workers))
    return f"{wall} with {counted(num_workers, 'worker')}"


def format_bytes(num_bytes: int) -> str:
    """Return a human-readable size: `12.3 MB`."""
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6)):
        if num_bytes >= size:
            return f"{num_bytes / size:,.1f} {unit}"
    return f"{num_bytes / 1000:,.1f} kB"
