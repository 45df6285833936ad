"""What a GPU was doing, by torch's profiler."""

import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from gpu_checks.peaks import synchronize

# Categories of the profiler's trace: what a GPU does, and what the CPU shows where there is none.
GPU_WORK = ("kernel", "gpu_memcpy", "gpu_memset")
CPU_WORK = ("cpu_op",)


@dataclass(frozen=True)
class Span:
    """A piece of work, in seconds."""

    name: str
    start: float
    stop: float


def record(run: Callable[[], Any]) -> list[Span]:
    """Run something, and return what the GPU did; without a GPU, torch's operators on the CPU."""
    gpu = torch.cuda.is_available()
    activity = ProfilerActivity.CUDA if gpu else ProfilerActivity.CPU
    with profile(activities=[activity]) as profiler:
        run()
        synchronize()
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text(encoding="utf-8", errors="replace"))["traceEvents"]
    return spans_of(events, GPU_WORK if gpu else CPU_WORK)


def spans_of(events: Iterable[dict[str, Any]], categories: Sequence[str]) -> list[Span]:
    """Return the events of a Chrome trace that are of some categories, by their start."""
    found = [
        Span(each["name"], each["ts"] / 1e6, (each["ts"] + each["dur"]) / 1e6)
        for each in events
        if each.get("cat") in categories and "dur" in each
    ]
    return sorted(found, key=lambda span: span.start)


def gaps(spans: Sequence[Span]) -> list[float]:
    """Return the seconds of each gap in which nothing was at work; spans come by their start."""
    found, busy_until = [], spans[0].stop if spans else 0.0
    for span in spans:
        if span.start > busy_until:
            found.append(span.start - busy_until)
        busy_until = max(busy_until, span.stop)
    return found


def busy_seconds(spans: Sequence[Span]) -> float:
    """Return the seconds in which something was at work."""
    if not spans:
        return 0.0
    return max(span.stop for span in spans) - spans[0].start - sum(gaps(spans))


def by_name(spans: Iterable[Span]) -> list[tuple[str, float, int]]:
    """Return name, seconds and number of each kind of work, the longest first."""
    seconds: dict[str, float] = defaultdict(float)
    count: dict[str, int] = defaultdict(int)
    for span in spans:
        seconds[span.name] += span.stop - span.start
        count[span.name] += 1
    return [(name, seconds[name], count[name]) for name in sorted(seconds, key=seconds.get)[::-1]]
