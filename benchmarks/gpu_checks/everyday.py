"""Commands that no other check runs, by the embedded model: each ends well, in its own process.

They share the GPU and the cores, so their seconds are no speeds.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from gpu_checks.commands import Command, Done, words
from gpu_checks.setting import Row, Setting, verdict

NUM_PROCESSES = 6
TINY = {"model": "tiny", "cfg": 7.5, "executor": "serial"}
# The usual calibration of a perceptual network takes minutes of a CPU, as the demo's student does.
SMALL_LPIPS = ("--set=num_triplets=24", "--set=calibration_steps=5", "--set=max_shift=1")
SMALL_DEMO = {"train_steps": 2}


def check(setting: Setting) -> Iterator[Row]:
    """Make pairs, then run everything that needs them or nothing, several at once."""
    num, steps = (8, 2) if setting.small else (128, 20)
    pairs, held_out, student = (str(setting.folder / each) for each in ("pairs", "held", "student"))
    made: dict[str, Any] = {**TINY, "num_samples": num, "steps": steps, "samples_per_shard": num}
    # A class of `latent-lpips` is a prompt, and has several samples.
    made["prompts"] = setting.prompts(num // 4)
    training = {"steps": 4, "batch_size": 4, "set": "tensorboard=false"}

    def started(name: str, *arguments: str, **options: object) -> tuple[str, Command]:
        out = Path(str(options.get("out", ""))).name
        told = f"{name} {arguments[0] if name == 'train' else out}".strip()
        return told, Command(setting, words(name, *arguments, **options))

    # One after the other: the number of a command's log is that of the logs before it.
    begin = [
        started("ode", out=pairs, **made),
        started("ode", out=held_out, seed=1, **made),
        started("doctor"),
        started("ode", out=str(setting.folder / "dry-run"), dry_run=True, **made),
        started("ode", out=str(setting.folder / "compiled"), compile=True, **made),
        started(
            "calibrate",
            model="tiny",
            num_prompts=num // 4,
            steps=f"{steps},{2 * steps}",
            reference_steps=40 if setting.small else 200,
            tolerance=0.99 if setting.small else 0.05,
            out=str(setting.folder / "calibration"),
        ),
    ]
    yield from rows_of(begin)
    yield from rows_of(
        [
            started("replay", pairs, "0"),
            started("inspect", pairs, grid=str(setting.folder / "grid.png")),
            started("collect", from_ode=pairs, out=str(setting.folder / "images"), size=64),
            started("train", "regression", data=pairs, out=student, **training),
            started(
                "train",
                "latent-lpips",
                "--set=width=0.125",
                "--set=held_out=0.5",
                *(SMALL_LPIPS if setting.small else ()),
                data=pairs,
                out=str(setting.folder / "perceptual"),
                **training,
            ),
            started(
                "demo",
                out=str(setting.folder / "demo"),
                num_samples=num,
                steps=steps,
                **(SMALL_DEMO if setting.small else {}),
            ),
        ]
    )
    yield from rows_of(
        [
            started(
                "compare",
                student,
                data=held_out,
                teacher_steps="1,2",
                out=str(setting.folder / "comparison"),
            )
        ]
    )


def rows_of(begun: list[tuple[str, Command]]) -> Iterator[Row]:
    """Wait for commands; return whether each ended well."""
    with ThreadPoolExecutor(NUM_PROCESSES) as pool:
        for (name, _), done in zip(begun, pool.map(ended, begun), strict=True):
            memory = "" if done.peak_gib is None else f", peak {done.peak_gib:.2f} GiB"
            yield verdict(name, not done.code, f"{done.seconds:.0f} s{memory}; {done.last_line}")


def ended(begun: tuple[str, Command]) -> Done:
    """Wait for a command."""
    return begun[1].wait()
