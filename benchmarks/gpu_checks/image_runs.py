"""Trainings on pairs of images whose steps a second are measured: data, moments, runs and rows.

Stable Diffusion 1.5's widths and 512 px, bfloat16 autocast with gradient checkpointing.
"""

import json
import shutil
import statistics
from collections.abc import Sequence
from typing import Any

import memory
from network_sizes import Network

import pairgen
from gpu_checks import models
from gpu_checks.peaks import GIB, timed
from gpu_checks.setting import Row, Setting
from gpu_checks.training import SKIPPED, metrics

SCALE = 4
NUM_PHOTOGRAPHS = 4


def batch_size(setting: Setting) -> int:
    """Return the samples of a step."""
    return 2 if setting.small else 8


def num_pairs(setting: Setting) -> int:
    """Return the number of pairs."""
    return 4 if setting.small else 32


def size_px(setting: Setting) -> int:
    """Return height and width of HR."""
    return 64 if setting.small else 512


def make_pairs(setting: Setting, **given: Any) -> str:
    """Make pairs of HR and bicubic LR; return their folder."""
    num, out = num_pairs(setting), str(setting.folder / "pairs")
    pairgen.degrade(
        scales=SCALE,
        degradation="bicubic",
        crop=size_px(setting),
        samples_per_image=num // NUM_PHOTOGRAPHS,
        samples_per_shard=num,
        executor="serial",
        out=out,
        **given,
    )
    return out


def store_moments(setting: Setting, data: str, levels: Sequence[str]) -> Row:
    """Add the moments of some levels to pairs; return the row of their speed."""
    given = {"model": str(models.sd15(setting)), "batch_size": batch_size(setting)}
    seconds, _ = timed(
        lambda: pairgen.annotate(data, add="moments", levels=levels, executor="serial", **given)
    )
    told = f"{', '.join(levels)} of {size_px(setting)} px; start included"
    speed = len(levels) * num_pairs(setting) / seconds
    return Row("annotate --add moments", speed, "images/s", told)


def train(setting: Setting, method: str, name: str, **given: Any) -> int:
    """Train into a folder; return how many sets its samples are read from, overlays included."""
    out = setting.folder / name
    pairgen.train(
        method,
        model=str(models.sd15(setting)),
        out=str(out),
        batch_size=batch_size(setting),
        precision=setting.dtype,
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
    # Of 6 to 20 GB.
    shutil.rmtree(out / "checkpoints")
    return len(read["fingerprints"])


def speed_row(
    setting: Setting, name: str, seconds: float, peak: float, sizes: tuple[Network, int]
) -> tuple[float, Row]:
    """Return the steps a second of a run, and its row.

    Args:
        setting: What the check was given.
        name: Of the run's folder.
        seconds: Of the whole run.
        peak: Its highest memory in GiB.
        sizes: Of the player, and the bytes beside it, see `network_sizes`.
    """
    lines = metrics(setting.folder / name)
    kept, batch = lines[SKIPPED:], batch_size(setting)
    speed = statistics.median(line["samples_per_second"] for line in kept) / batch
    wait = statistics.mean(line["data_wait"] for line in kept)
    network, beside = sizes
    computed = memory.training_bytes(network, 1, "adamw", 1, beside) - network.average
    note = f"batch {batch}, median of {len(kept)} step(s), {wait:.1%} of the time waiting for data"
    note += f"; {seconds:.0f} s with load and export; peak {peak:.1f} GiB, of which memory.py "
    note += f"computes {computed / GIB:.1f} at true widths"
    return speed, Row(name, speed, "steps/s", note)
