"""What a second call shows: `restore`, `sample` and `eval` at Stable Diffusion 1.5's widths."""

from collections.abc import Iterator

import pairgen
from gpu_checks import models
from gpu_checks.peaks import timed
from gpu_checks.setting import Row, Setting
from pairgen.cli import COMMANDS


def check(setting: Setting) -> Iterator[Row]:
    """Sample pictures, and judge the model on pairs of its own."""
    num, steps = (2, 2) if setting.small else (8, 50)
    model = str(models.sd15(setting))
    prompts = str(setting.prompts(num))
    if "restore" in COMMANDS:
        yield Row("restore", "n/a", note="the command is there, its row is not", failed=True)
    else:
        yield Row("restore", "n/a", note="no such command yet")
    shared = {"steps": steps, "cfg": 7.5, "batch_size": num, "dtype": "bfloat16"}

    def sample() -> None:
        pairgen.sample(model=model, prompts=prompts, out=str(setting.folder / "grid.png"), **shared)

    seconds, peak = timed(sample)
    told = f"{num} pictures, {steps} steps, bfloat16; load and decoding included"
    yield Row("sample", 1000 * seconds / num, "ms a picture", f"{told}; peak {peak:.1f} GiB")
    pairs = str(setting.folder / "pairs")
    pairgen.ode(
        model=model,
        prompts=prompts,
        num_samples=num,
        samples_per_shard=num,
        executor="serial",
        out=pairs,
        **shared,
    )

    def evaluate() -> None:
        pairgen.evaluate(run=model, data=pairs, teacher_steps="1", out=str(setting.folder / "eval"))

    seconds, peak = timed(evaluate)
    told = f"{num} pairs, {steps} steps and the teacher's 1; load and decoding included"
    yield Row("eval", 1000 * seconds / num, "ms a pair", f"{told}; peak {peak:.1f} GiB")
