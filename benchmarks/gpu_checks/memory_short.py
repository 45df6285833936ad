"""Out of memory: the message names a batch size, and the same command with it continues.

On a GPU this process holds most of the memory while the commands run, so that a batch need not be
huge. Without one a teacher that runs out of memory above a batch does it.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import torch

import pairgen
from gpu_checks.commands import Done, run
from gpu_checks.peaks import GIB
from gpu_checks.setting import Row, Setting, verdict

# Left to the command, whose model takes 2.
FREE_GIB = 12
FIRST_BATCH, MAX_BATCH = 64, 1024
NUM_SAMPLES = 8
FRAGILE = """\
teacher: tests.fragile_teacher
dtype: float32
batch_size: 4
samples_per_shard: 4
options: {max_batch: 2}
"""


def check(setting: Setting) -> Iterator[Row]:
    """Raise the batch until it does not fit; do what the message says."""
    if setting.device.type == "cuda":
        # What it imports takes seconds, and is not needed without a GPU.
        from gpu_checks import models

        model, batch = models.sd15(setting), FIRST_BATCH
        told, held = hold_memory()
        yield told
    else:
        model, batch, held = setting.folder / "fragile.yaml", 4, None
        model.write_text(FRAGILE, encoding="utf-8")
    out = setting.folder / "out"

    def made(size: int, out: Path) -> Done:
        # A short batch is filled up, so few samples tell as much.
        return run(
            setting,
            "ode",
            model=model,
            prompts=setting.prompts(NUM_SAMPLES),
            num_samples=NUM_SAMPLES,
            samples_per_shard=NUM_SAMPLES // 2,
            batch_size=size,
            steps=1,
            cfg=7.5,
            executor="serial",
            out=out,
        )

    while not (done := made(batch, out)).code and batch < MAX_BATCH:
        out, batch = setting.folder / f"out-{2 * batch}", 2 * batch
    advised = advice(done)
    told = done.last_line
    yield verdict(f"batch of {batch}: one sentence names another", advised is not None, told)
    tries = [batch]
    while advised and done.code:
        tries.append(advised)
        done = made(advised, out)
        advised = advice(done)
    del held
    taken = " -> ".join(map(str, tries))
    # The advice is half of what did not fit: on the way up that half had fit.
    first = not done.code and len(tries) == 2
    yield Row(
        "the advised batch size works",
        "pass" if first else "FAIL",
        note=f"batches {taken}; peak {done.peak_gib or 0:.1f} GiB {done.error}",
        failed=not first,
    )
    if not done.code:
        yield verdict("verify", pairgen.verify(str(out)).clean)


def advice(done: Done) -> int | None:
    """Return the batch size that a failed command advises, None without a plain message."""
    if not done.code or "Traceback" in done.said:
        return None
    found = re.search(r"does not fit into the memory of .*--batch-size (\d+)", done.last_line)
    return int(found[1]) if found else None


def hold_memory() -> tuple[Row, torch.Tensor]:
    """Take the GPU's memory but for what the commands may use."""
    free, _ = torch.cuda.mem_get_info()
    held = torch.empty(max(free - FREE_GIB * GIB, 0), dtype=torch.uint8, device="cuda")
    free, total = torch.cuda.mem_get_info()
    note = f"of {total / GIB:.0f}; this check holds the rest"
    return Row("memory left to the command", free / GIB, "GiB", note), held
