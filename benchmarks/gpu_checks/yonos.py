"""A stage of `yonos` with a teacher: steps a second from stored moments, and by encoding pictures.

Stable Diffusion 1.5's widths and 512 px, all weights trained in bfloat16 autocast with gradient
checkpointing. The teacher is a stage x2 of one step. Without moments the VAE encodes HR and the
enlarged LR of student and teacher in every step.
"""

import json
import shutil
import statistics
from collections.abc import Iterator
from typing import Any

import memory

import pairgen
from gpu_checks import models
from gpu_checks.peaks import GIB, timed
from gpu_checks.setting import Row, Setting, verdict
from gpu_checks.training import SKIPPED, metrics

SCALE = 4
LEVELS = ("hr", "lr2", "lr4")


def check(setting: Setting) -> Iterator[Row]:
    """Train by encoding, then store moments and train from them."""
    small = setting.small
    batch, steps, size, num = (2, 3, 64, 4) if small else (8, 12, 512, 32)
    model, data = str(models.sd15(setting)), str(setting.folder / "pairs")
    pairgen.degrade(
        scales=SCALE,
        nested=True,
        degradation="bicubic",
        crop=size,
        samples_per_image=num // 4,
        samples_per_shard=num,
        executor="serial",
        out=data,
    )

    def train(name: str, num_steps: int, **given: Any) -> int:
        """Train a stage; return how many sets its samples are read from, overlays included."""
        out = setting.folder / name
        pairgen.train(
            "yonos",
            model=model,
            data=data,
            out=str(out),
            batch_size=batch,
            steps=num_steps,
            precision="bfloat16",
            gradient_checkpointing=True,
            ema_decay=0.0,
            log_every=1,
            checkpoint_every=0,
            grid_every=0,
            num_grid_prompts=1,
            tensorboard=False,
            **given,
        )
        (state,) = out.glob("checkpoints/*/state.json")
        (read,) = json.loads(state.read_text(encoding="utf-8"))["loader"]["sets"]
        # Of 10 GiB.
        shutil.rmtree(out / "checkpoints")
        return len(read["fingerprints"])

    train("x2", 1, scale=SCALE // 2)
    num_read: dict[str, int] = {}

    def stage(name: str) -> tuple[float, Row]:
        def run() -> None:
            teacher = str(setting.folder / "x2")
            num_read[name] = train(name, steps, scale=SCALE, teacher=teacher)

        seconds, peak = timed(run)
        return speed_row(setting, name, batch, seconds, peak)

    online, row = stage("online encoding")
    yield row
    annotated = {"levels": LEVELS, "batch_size": batch, "executor": "serial"}
    seconds, _ = timed(lambda: pairgen.annotate(data, add="moments", model=model, **annotated))
    told = f"{', '.join(LEVELS)} of {size} px; start included"
    yield Row("annotate --add moments", len(LEVELS) * num / seconds, "images/s", told)
    cached, row = stage("cached moments")
    yield row
    yield Row("cached beside online", cached / online, "x")
    passed = num_read == {"online encoding": 1, "cached moments": 2}
    yield verdict("the moments were read", passed, f"sets that were read: {num_read}")


def speed_row(
    setting: Setting, name: str, batch: int, seconds: float, peak: float
) -> tuple[float, Row]:
    """Return the steps a second of a run, and its row."""
    lines = metrics(setting.folder / name)
    kept = lines[SKIPPED:]
    speed = statistics.median(line["samples_per_second"] for line in kept) / batch
    wait = statistics.mean(line["data_wait"] for line in kept)
    network, beside = memory.yonos("SD1.5", 0)
    computed = memory.training_bytes(network, 1, "adamw", 1, beside) - network.average
    note = f"batch {batch}, median of {len(kept)} step(s), {wait:.1%} of the time waiting for data"
    note += f"; {seconds:.0f} s with load and export; peak {peak:.1f} GiB, of which memory.py "
    note += f"computes {computed / GIB:.1f} at true widths"
    return speed, Row(name, speed, "steps/s", note)
