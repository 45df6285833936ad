"""Where the time of pairgen's loop goes: the longest kernels, and the gaps between them."""

from collections.abc import Iterator

import torch

from gpu_checks import models
from gpu_checks.ode_runs import open_ode
from gpu_checks.setting import Row, Setting
from gpu_checks.timeline import Span, busy_seconds, by_name, gaps, record

NUM_SHOWN = 15
LONG_GAP = 20e-6


def check(setting: Setting) -> Iterator[Row]:
    """Profile a few evaluations of a batch, eager and compiled."""
    batch, steps = (2, 2) if setting.small else (32, 5)
    model = models.sd15(setting)
    for told, compiled in (("eager", False), ("compiled", True)):
        loop = open_ode(setting, model, batch, steps, compiled=compiled).loop(steps)
        loop()
        yield from rows_of(told, record(loop))


def rows_of(told: str, spans: list[Span]) -> Iterator[Row]:
    """Return the rows of a profile."""
    of_what = "kernels" if torch.cuda.is_available() else "CPU operators (nested)"
    busy, found = busy_seconds(spans), gaps(spans)
    if not busy:
        yield Row(f"{told}: profile", "empty", note="the profiler told nothing", failed=True)
        return
    idle = sum(found)
    long = [gap for gap in found if gap > LONG_GAP]
    yield Row(
        f"{told}: idle between {of_what}",
        100 * idle / (busy + idle),
        "%",
        f"{len(found):,} gaps in {busy + idle:.3f} s, of which {len(long):,} above "
        f"{1e6 * LONG_GAP:.0f} us make {1000 * sum(long):.1f} ms; the longest "
        f"{1000 * max(found, default=0.0):.2f} ms",
    )
    for place, (name, seconds, count) in enumerate(by_name(spans)[:NUM_SHOWN], 1):
        note = f"{count:,} times, {1000 * seconds:.2f} ms: {name}"
        yield Row(f"{told}: {of_what}, place {place}", 100 * seconds / busy, "% of busy", note)
