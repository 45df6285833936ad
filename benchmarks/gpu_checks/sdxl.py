"""SDXL's widths, both text encoders included: a batch of pairs, then steps with adapters."""

from collections.abc import Iterator

import memory

import pairgen
from gpu_checks import models
from gpu_checks.peaks import GIB, timed
from gpu_checks.setting import Row, Setting
from gpu_checks.training import metrics, speed_row

LORA_RANK = 64


def check(setting: Setting) -> Iterator[Row]:
    """Make pairs, and train adapters on them."""
    batch, steps = (2, 2) if setting.small else (4, 20)
    model, pairs, out = models.sdxl(setting), setting.folder / "pairs", setting.folder / "run"

    def ode() -> None:
        pairgen.ode(
            model=str(model),
            prompts=str(setting.prompts(batch)),
            num_samples=batch,
            samples_per_shard=batch,
            batch_size=batch,
            steps=steps,
            cfg=5,
            dtype=setting.dtype,
            executor="serial",
            out=str(pairs),
        )

    seconds, peak = timed(ode)
    told = f"{batch} samples, {steps} steps, {setting.dtype}, 1024 px; load and hashes included"
    yield Row("ode", seconds, "s", f"{told}; peak {peak:.1f} GiB")

    def train() -> None:
        pairgen.train(
            "regression",
            data=str(pairs),
            out=str(out),
            batch_size=2,
            steps=4,
            precision=setting.dtype,
            gradient_checkpointing=True,
            lora_rank=LORA_RANK,
            ema_decay=0.0,
            log_every=1,
            checkpoint_every=0,
            grid_every=0,
            num_grid_prompts=1,
            tensorboard=False,
        )

    seconds, peak = timed(train)
    yield speed_row("regression with adapters", metrics(out), seconds)
    network = memory.make_unet("SDXL", LORA_RANK)
    beside = memory.FLOAT32 * sum(memory.frozen_elements("SDXL").values())
    computed = memory.training_bytes(network, 1, "adamw", 1, beside) - network.average
    yield Row(
        "regression with adapters: peak",
        peak,
        "GiB",
        f"rank {LORA_RANK}, batch 2; memory.py computes {computed / GIB:.1f} GiB at true widths, "
        "without activations",
    )
