"""Each training method at Stable Diffusion 1.5's widths and 512 px: ten steps, stopped, resumed.

bfloat16 autocast with gradient checkpointing, weights in float32, AdamW, no average. The real
command gets Ctrl-C after a few steps; this process resumes it from the checkpoint.
"""

import json
import math
import shutil
import signal
import statistics
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import memory
import network_sizes
from random_models import write_dino, write_perceptual_net, write_vgg16

import pairgen
from gpu_checks import models
from gpu_checks.commands import Command, words
from gpu_checks.peaks import GIB, timed
from gpu_checks.setting import Row, Setting, verdict
from pairgen import plugins
from pairgen.config import packaged_assets
from pairgen.methods._codi.options import ALL

STEPS, STOPPED_AFTER = 10, 3
SMALL_STEPS, SMALL_STOPPED_AFTER = 5, 1
# Of each process, which the figures leave out: the first ones warm up.
SKIPPED = 2
POLL_SECONDS = 0.01


def check(setting: Setting) -> Iterator[Row]:
    """Train by each method that there is."""
    batch = 2 if setting.small else 8
    net, vgg16 = setting.folder / "net.safetensors", setting.folder / "vgg16.pth"
    write_perceptual_net(net)
    write_vgg16(vgg16)
    write_dino(setting.folder / "dino", small=setting.small)
    shared = {"model": models.sd15(setting), "prompts": "fixed"}
    restorers: dict[str, dict[str, Any]] = {
        "osediff": {**shared, "perceptual": vgg16},
        "codi": shared,
        "yonos": shared,
        "yonos_decoder": {**shared, "perceptual": vgg16, "network": setting.folder / "yonos"},
    }
    # Pictures of HR serve it too.
    add = {"model": models.sd15(setting), "features": setting.folder / "dino", "norm_batch": batch}
    own = {
        **restorers,
        "add": add,
        "diffusion2gan": {"perceptual": net, "r1_every": 2},
    }
    pairs, restorable = make_pairs(setting, batch), make_restorable(setting, batch)
    for method in setting.methods or plugins.members("methods"):
        data = restorable if method == "add" or method in restorers else pairs
        yield from method_rows(setting, method, data, batch, own.get(method, {}))
        # Of 10 to 20 GiB. The student stays: `yonos_decoder` begins with that of `yonos`.
        shutil.rmtree(setting.folder / method / "checkpoints", ignore_errors=True)


def make_restorable(setting: Setting, batch: int) -> Path:
    """Make pairs of HR and LR with captions."""
    out, captions = setting.folder / "restorable", setting.folder / "captions.csv"
    photographs = sorted((packaged_assets() / "photographs").glob("*.jpg"))
    lines = ["file_name,caption", *(f"{each.name},a {each.stem}" for each in photographs)]
    captions.write_text("\n".join(lines), encoding="utf-8")
    pairgen.degrade(
        scales="4",
        captions=str(captions),
        crop=64 if setting.small else 512,
        samples_per_image=max(batch // 2, 1),
        executor="serial",
        out=str(out),
    )
    return out


def make_pairs(setting: Setting, batch: int) -> Path:
    """Make pairs of one step."""
    num, out = 2 * batch, setting.folder / "pairs"
    pairgen.ode(
        model=str(models.sd15(setting)),
        prompts=str(setting.prompts(num)),
        steps=1,
        cfg=1,
        num_samples=num,
        samples_per_shard=num,
        batch_size=batch,
        dtype=setting.dtype,
        executor="serial",
        out=str(out),
    )
    return out


def method_rows(
    setting: Setting, method: str, data: Path, batch: int, own: dict[str, Any]
) -> Iterator[Row]:
    """Train by a method, stop it, and resume it."""
    out = setting.folder / method
    steps, enough = STEPS, STOPPED_AFTER
    if setting.small:
        steps, enough = SMALL_STEPS, SMALL_STOPPED_AFTER
    options = {
        "steps": steps,
        "batch_size": batch,
        "precision": setting.dtype,
        "gradient_checkpointing": "true",
        "ema_decay": 0.0,
        "log_every": 1,
        "checkpoint_every": 0,
        "checkpoints_total_limit": 1,
        "grid_every": 0,
        "num_grid_prompts": 1,
        "tensorboard": "false",
        **own,
    }
    given = [f"--set={key}={value}" for key, value in options.items()]
    command = Command(setting, words("train", method, *given, data=data, out=out))
    while command.process.poll() is None and len(metrics(out)) < enough:
        time.sleep(POLL_SECONDS)
    command.process.send_signal(signal.SIGINT)
    stopped = command.wait()
    first = metrics(out)
    if not first or not (out / "checkpoints").is_dir():
        yield Row(method, "FAIL", note=stopped.error or "no step and no checkpoint", failed=True)
        return
    yield speed_row(f"{method}: speed", first, stopped.seconds)
    failure, seconds, peak = resume(method, out)
    lines = metrics(out)
    finite = bool(lines) and all(
        math.isfinite(lines[-1].get(f"{player}/loss", math.nan)) for player in players(lines[-1])
    )
    # A stop is told by an exit code of its own.
    went_on = stopped.code == 130 and 0 < len(first) < steps and not failure
    note = f"stopped after {len(first)} of {steps} steps; {failure or 'then to the end'}"
    passed = went_on and [line["step"] for line in lines] == [*range(1, steps + 1)] and finite
    yield verdict(f"{method}: stop and resume", passed, f"{note}; last losses {losses(lines)}")
    if not failure:
        yield speed_row(f"{method}: speed, resumed", lines[len(first) :], seconds)
    yield memory_row(method, max(stopped.peak_gib or 0, peak), len(players(first[-1])))


def resume(method: str, out: Path) -> tuple[str, float, float]:
    """Resume a training in this process; return why it failed, its seconds and peak in GiB."""
    failure = ""

    def train() -> None:
        nonlocal failure
        try:
            pairgen.train(method, out=str(out), resume=True)
        except Exception as error:
            # The other methods still have their turn.
            traceback.print_exc()
            failure = f"{type(error).__name__}: {error}"

    seconds, peak = timed(train)
    return failure, seconds, peak


def speed_row(name: str, lines: list[dict[str, float]], seconds: float) -> Row:
    """Return the samples a second of some steps."""
    kept = lines[SKIPPED:] or lines
    if not kept:
        return Row(name, "n/a", "samples/s", "no step was left")
    wait = statistics.mean(line["data_wait"] for line in kept)
    return Row(
        name,
        statistics.median(line["samples_per_second"] for line in kept),
        "samples/s",
        f"median of {len(kept)} step(s), {wait:.1%} of the time waiting for data; "
        f"{seconds:.0f} s with load, checkpoint and export",
    )


def memory_row(method: str, peak: float, num_players: int) -> Row:
    """Return the peak beside what `benchmarks/memory.py` computes."""
    if method == "osediff":
        computed = sum(memory.parts_of_osediff()) / GIB
        note = f"memory.py computes {computed:.1f} GiB on SD2.1-base, without activations"
        return Row(f"{method}: peak", peak, "GiB", note)
    network = network_sizes.make_unet("SD1.5", 0)
    beside = network_sizes.FLOAT32 * sum(network_sizes.frozen_elements("SD1.5").values())
    if method == "yonos_decoder":
        network, beside = network_sizes.yonos_decoder("SD1.5")
    elif method == "codi":
        network, beside = network_sizes.codi("SD1.5", ALL)
    elif method in ("add", "ladd"):
        # The heads are small; a second network is the frozen teacher.
        num_players, beside = 1, beside + network.weights
    computed = memory.training_bytes(network, num_players, "adamw", 1, beside) - network.average
    return Row(
        f"{method}: peak",
        peak,
        "GiB",
        f"memory.py computes {computed / GIB:.1f} GiB at true widths for {num_players} player(s), "
        "without activations",
    )


def metrics(out: Path) -> list[dict[str, float]]:
    """Return the whole lines that a training has written so far."""
    file = out / "metrics.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True) if file.is_file() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def players(line: dict[str, float]) -> list[str]:
    """Return the players of a line of metrics: each has a learning rate."""
    return [name.removesuffix("/lr") for name in line if name.endswith("/lr")]


def losses(lines: list[dict[str, float]]) -> str:
    """Return the last losses as text."""
    found = lines[-1].items() if lines else ()
    return ", ".join(f"{name} {value:.3g}" for name, value in found if name.endswith("/loss"))
