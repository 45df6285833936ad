"""What a second call shows: `restore`, `sample` and `eval` at Stable Diffusion 1.5's widths."""

from collections.abc import Iterator

import numpy as np

import pairgen
from gpu_checks import models
from gpu_checks.peaks import timed
from gpu_checks.setting import Row, Setting

STUDENT = """\
teacher: latent_diffusion
location: {location}
dtype: {dtype}
batch_size: 1
samples_per_shard: 1
sampling: {{steps: 1, solver: ddim, spacing: "200", end: clean}}
image: {{kind: restoration, source: lr4.png, scale: 4, posterior: sample}}
"""


def restored(setting: Setting, model: str) -> Iterator[Row]:
    """Restore pictures: one tile of 512 px, and several."""
    file = setting.folder / "restorer.yaml"
    file.write_text(STUDENT.format(location=model, dtype=setting.dtype), encoding="utf-8")
    sides, num = ((16, 32), 1) if setting.small else ((128, 512), 4)
    restorer = pairgen.Restorer(file, tile=8 if setting.small else 96)
    for side in sides:
        picture = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
        made = [restorer(picture)]

        def again(picture: np.ndarray = picture, made: list[np.ndarray] = made) -> None:
            made.extend(restorer(picture) for _ in range(num))

        seconds, peak = timed(again)
        told = f"4 times, {setting.dtype}, VAE float32, no files; peak {peak:.1f} GiB"
        differs = any(not np.array_equal(each, made[0]) for each in made)
        note = f"{told}; {'other' if differs else 'equal'} bytes each time"
        name = f"restore, to {4 * side} px"
        yield Row(name, 1000 * seconds / num, "ms a picture", note, failed=differs)


def check(setting: Setting) -> Iterator[Row]:
    """Sample pictures, and judge the model on pairs of its own."""
    num, steps = (2, 2) if setting.small else (8, 50)
    model = str(models.sd15(setting))
    prompts = str(setting.prompts(num))
    yield from restored(setting, model)
    shared = {"steps": steps, "cfg": 7.5, "batch_size": num, "dtype": setting.dtype}

    def sample() -> None:
        pairgen.sample(model=model, prompts=prompts, out=str(setting.folder / "grid.png"), **shared)

    seconds, peak = timed(sample)
    told = f"{num} pictures, {steps} steps, {setting.dtype}; load and decoding included"
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
