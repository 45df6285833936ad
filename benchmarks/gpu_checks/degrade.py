"""`degrade --pixel-path torch` in batches of 64 of HR 512, beside BasicSR's tensor operations.

BasicSR's share one draw a batch, as its training does not; pairgen's have a draw each. Its source
is read from the archive that `make env` fetches, where that is at hand.
"""

import importlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

import pairgen
from gpu_checks.peaks import timed
from gpu_checks.setting import Row, Setting, verdict
from pairgen.kinds.degrade.pyramid import find_preset, render_batch
from pairgen.process_state import cpu_threads
from pairgen.receipts import Manifest

LEVEL = 4
NUM_BATCHES = 2


def check(setting: Setting) -> Iterator[Row]:
    """Time the operations alone, the whole command, and BasicSR."""
    device, small = setting.device, setting.small
    batch, size = (4, 64) if small else (64, 512)
    # Codecs and random numbers are the CPU's part.
    num_threads = min(os.cpu_count() or 1, 16)
    preset = find_preset("realesrgan")
    generator = np.random.default_rng(0)
    pictures = generator.integers(0, 256, (batch, size // 8, size // 8, 3), np.uint8)
    images = pictures.repeat(8, axis=1).repeat(8, axis=2)
    draws = [preset.draw(generator) for _ in range(batch)]

    def pairgens() -> None:
        render_batch(preset, list(images), draws, (LEVEL,), device)

    told = f"HR {size}, batches of {batch}, {num_threads} CPU threads"
    with cpu_threads(num_threads):
        yield from timed_rows("pairgen's operations", batch, pairgens, f"{told}, a draw an image")
    for name, nested in (("degrade", False), ("degrade --nested", True)):
        yield from command_rows(setting, name, size, batch, num_threads, told, nested)
    yield from basicsr_rows(images, draws, device, told)


def command_rows(
    setting: Setting, name: str, size: int, batch: int, num_threads: int, told: str, nested: bool
) -> Iterator[Row]:
    """Run the command, then check what it wrote."""
    made: list[Manifest] = []
    out = str(setting.folder / name.replace(" ", ""))

    def command() -> None:
        made.append(
            pairgen.degrade(
                scales="4",
                nested=nested,
                crop=size,
                samples_per_image=batch * NUM_BATCHES // 4,
                samples_per_shard=batch * NUM_BATCHES,
                pixel_path="torch",
                batch_size=batch,
                cpu_threads=num_threads,
                executor="serial",
                out=out,
            )
        )

    seconds, peak = timed(command)
    (manifest,) = made
    num = sum(receipt.count for receipt in manifest.receipts)
    yield Row(
        f"pairgen {name}, to the shard",
        num / seconds,
        "images/s",
        f"{told}; decoding, PNG at two levels and HR, start included; peak {peak:.2f} GiB",
        failed=not manifest.complete,
    )
    yield verdict(f"{name}: verify", pairgen.verify(out).clean)


def basicsr_rows(
    images: np.ndarray, draws: list[dict[str, Any]], device: torch.device, told: str
) -> Iterator[Row]:
    """Time BasicSR's operations, where they are at hand."""
    name = "BasicSR's operations"
    try:
        # Beside this folder; needs the tests' reader of the archive, and so pytest.
        peer = importlib.import_module("degrade")
        from tests.degradations.oracle import ARCHIVE
    except ModuleNotFoundError as error:
        yield Row(name, "n/a", "images/s", f"{error.name} is not installed")
        return
    if not ARCHIVE.is_file():
        yield Row(name, "n/a", "images/s", f"there is no {ARCHIVE}")
        return

    def basicsrs() -> None:
        peer.tensor_path(images, draws[0], device)

    yield from timed_rows(name, len(images), basicsrs, f"{told}, one draw for all")


def timed_rows(name: str, num: int, run: Callable[[], None], told: str) -> Iterator[Row]:
    """Run once to warm up, then twice."""
    run()
    taken = [timed(run) for _ in range(2)]
    seconds = min(seconds for seconds, _ in taken)
    peak = max(peak for _, peak in taken)
    yield Row(name, num / seconds, "images/s", f"{told}; better of two; peak {peak:.2f} GiB")
