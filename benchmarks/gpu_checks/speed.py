"""`pairgen ode` beside diffusers: Stable Diffusion 1.5's widths, 512 px, bfloat16, DDIM, guidance.

Latents of 64 x 64; nobody decodes. diffusers' pipeline at batch 1 and at its best batch, and
compiled; pairgen's loop alone, noise and embeddings on the device; and its worker from prompts to a
published shard: text, noise, files, hashes. All in this process, in turn; medians of the rounds
that the time holds.
"""

import statistics
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionPipeline

from gpu_checks import models
from gpu_checks.ode_runs import CFG, OdeRuns, open_ode
from gpu_checks.peaks import synchronize
from gpu_checks.setting import Row, Setting, texts
from gpu_checks.timeline import busy_seconds, record

# Of one evaluation for one latent of 64 x 64, counted by torch's FlopCounterMode on these shapes.
TERAFLOP_PER_EVALUATION = 0.8033
BATCHES = (8, 16, 32, 64)
MOST_ROUNDS = 5
# Of the seconds, what eager runs may take before compiled ones begin.
EAGER_SHARE = 0.45
RESERVED_SECONDS = 5.0

Run = Callable[[], None]


class Speeds:
    """Runs that are timed in turn, and their images a second.

    Args:
        steps: Of each image.
        peak: FLOP/s of a product of large matrices; 0 to leave the share out.
    """

    def __init__(self, steps: int, peak: float) -> None:
        self._flops, self._peak = 2 * steps * TERAFLOP_PER_EVALUATION * 1e12, peak
        self._runs: dict[str, tuple[int, Run]] = {}
        self.seconds: dict[str, list[float]] = {}

    def add(self, name: str, images: int, run: Run) -> None:
        """Add a run that makes some images."""
        self._runs[name], self.seconds[name] = (images, run), []

    def rounds(self, until: float) -> Iterator[Row]:
        """Run all in turn, each at least once; begin no other that would not end in time."""
        for _ in range(MOST_ROUNDS):
            for name, (_, run) in self._runs.items():
                taken = self.seconds[name]
                if taken and time.monotonic() + 1.2 * max(taken) > until:
                    continue
                start = time.perf_counter()
                run()
                synchronize()
                taken.append(time.perf_counter() - start)
                yield self.row(name)

    def row(self, name: str) -> Row:
        """Return images a second of a run."""
        rate = self._runs[name][0] / statistics.median(self.seconds[name])
        note = f"median of {len(self.seconds[name])}"
        if self._peak:
            note = f"{100 * rate * self._flops / self._peak:.1f} % of the dense rate; {note}"
        return Row(name, rate, "images/s", note)


def check(setting: Setting) -> Iterator[Row]:
    """Time diffusers and pairgen, eager first, then compiled."""
    device, small = setting.device, setting.small
    dtype = getattr(torch, setting.dtype)
    batch, steps = (2, 2) if small else (32, 50)
    began = time.monotonic()
    # Small runs take each once.
    left = 0.0 if small else min(setting.seconds, setting.deadline - began) - RESERVED_SECONDS
    peak = dense_rate(device, dtype, small)
    yield Row(f"dense {setting.dtype} product", peak / 1e12, "TFLOP/s", "the largest of ten")
    model = models.sd15(setting)
    pipeline = load_pipeline(model, device, dtype)
    eager = open_ode(setting, model, batch, steps)
    speeds = Speeds(steps, 0.0 if small else peak)
    # One step each, so that the first round is no warm-up.
    eager.loop(1)()
    best, told = best_batch(pipeline, (1, 2) if small else BATCHES, 1 if small else 5)
    yield Row("diffusers' best batch", best, "", told)
    add_ode(speeds, "eager", eager)
    speeds.add("diffusers, batch 1", 1, images(pipeline, 1, steps))
    speeds.add(f"diffusers, batch {best}", best, images(pipeline, best, steps))
    yield from speeds.rounds(began + EAGER_SHARE * left)
    yield idle_row("ode, eager", eager, speeds)
    yield from compiled_rows(setting, model, speeds, batch, steps)
    yield from speeds.rounds(began + left)


def compiled_rows(
    setting: Setting, model: Path, speeds: Speeds, batch: int, steps: int
) -> Iterator[Row]:
    """Compile diffusers' network and pairgen's, and time each once; one may fail alone."""

    def diffusers() -> Iterator[Row]:
        pipeline = load_pipeline(model, setting.device, getattr(torch, setting.dtype))
        pipeline.unet.to(memory_format=torch.channels_last)
        pipeline.unet.compile(dynamic=False)
        yield start_row("diffusers, compiled: start", setting, images(pipeline, batch, 1))
        name = f"diffusers, compiled, channels last, batch {batch}"
        speeds.add(name, batch, images(pipeline, batch, steps))
        yield from speeds.rounds(time.monotonic())

    def ode() -> Iterator[Row]:
        runs = open_ode(setting, model, batch, steps, compiled=True)
        yield start_row("ode, compiled: start", setting, runs.loop(1))
        add_ode(speeds, "compiled", runs)
        yield from speeds.rounds(time.monotonic())
        yield idle_row("ode, compiled", runs, speeds)

    for name, rows in (("diffusers, compiled", diffusers), ("ode, compiled", ode)):
        try:
            yield from rows()
        except Exception as error:
            traceback.print_exc()
            yield Row(name, "FAIL", note=f"{type(error).__name__}: {error}", failed=True)


def start_row(name: str, setting: Setting, run: Run) -> Row:
    """Return what a network's first step takes."""
    start = time.perf_counter()
    run()
    note = "the compiler is off in --small" if setting.small else "compiling and one step"
    return Row(name, time.perf_counter() - start, "s", note)


def add_ode(speeds: Speeds, told: str, runs: OdeRuns) -> None:
    """Add pairgen's runs."""
    speeds.add(f"ode, {told}, batch {runs.batch}, to the shard", 2 * runs.batch, runs.shard)
    speeds.add(f"ode, {told}, batch {runs.batch}, loop alone", runs.batch, runs.loop())


def idle_row(name: str, runs: OdeRuns, speeds: Speeds) -> Row:
    """Return the share of a shard's time in which the GPU does nothing."""
    told = "of a shard's time, from prompts to the published files"
    if not torch.cuda.is_available():
        return Row(f"{name}: GPU idle", "n/a", "%", told)
    busy = busy_seconds(record(runs.shard))
    if not busy:
        return Row(f"{name}: GPU idle", "n/a", "%", "the profiler saw no kernel", failed=True)
    (key,) = (each for each in speeds.seconds if each.startswith(name) and "shard" in each)
    # The profiler lengthens the run, but not the kernels.
    return Row(
        f"{name}: GPU idle", 100 * (1 - busy / statistics.median(speeds.seconds[key])), "%", told
    )


def dense_rate(device: torch.device, dtype: torch.dtype, small: bool) -> float:
    """Return the FLOP/s of a product of large matrices, the best of ten."""
    size = 256 if small else 8192
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    best = 0.0
    for _ in range(10):
        synchronize()
        start = time.perf_counter()
        a @ b
        synchronize()
        best = max(best, 2 * size**3 / (time.perf_counter() - start))
    return best


def load_pipeline(model: Path, device: torch.device, dtype: torch.dtype) -> Any:
    """Load diffusers' pipeline."""
    # The name that diffusers has known longest.
    pipeline = StableDiffusionPipeline.from_pretrained(
        model, torch_dtype=dtype, safety_checker=None
    )
    pipeline.to(device)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def images(pipeline: Any, batch: int, steps: int) -> Run:
    """Return a run that makes a batch of latents by diffusers' pipeline."""

    def run() -> None:
        pipeline(texts(batch), guidance_scale=CFG, num_inference_steps=steps, output_type="latent")
        synchronize()

    return run


def best_batch(pipeline: Any, batches: tuple[int, ...], steps: int) -> tuple[int, str]:
    """Return the batch of most images a second, and what was found for each."""
    rates: dict[int, float] = {}
    for batch in batches:
        try:
            images(pipeline, batch, 1)()
            start = time.perf_counter()
            images(pipeline, batch, steps)()
        except torch.OutOfMemoryError:
            break
        rates[batch] = batch * steps / (time.perf_counter() - start)
    told = ", ".join(f"{batch}: {rate:.3g}" for batch, rate in rates.items())
    return max(rates, key=rates.__getitem__), f"images x steps a second by batch: {told}"
