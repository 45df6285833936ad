"""Train and judge one arm as the studies do: a short training that goes on where it was stopped."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pairgen


def train_arm(method: str, folder: Path, **options: Any) -> None:
    """Train a student in a folder to its end, or go on there.

    Args:
        method: The method.
        folder: The folder of the run.
        **options: Options of the training.

    Raises:
        KeyboardInterrupt: It was stopped.
    """
    done = pairgen.train(
        method,
        out=str(folder),
        lr_schedule="cosine",
        warmup_steps=20,
        ema_decay=0.99,
        checkpoints_total_limit=1,
        grid_every=0,
        tensorboard=False,
        resume=(folder / "config.yaml").is_file(),
        **options,
    )
    if done.interrupted:
        raise KeyboardInterrupt


def judge_arm(
    folder: Path, figures: Mapping[str, str], row: str = "student", **options: Any
) -> tuple[dict[str, float | None], float]:
    """Evaluate a finished run; return figures of a row, and the seconds of the run's own training.

    Args:
        folder: The folder of the run.
        figures: Name of each figure in the result to its name in the row.
        row: Name of the row.
        **options: Options of the evaluation.
    """
    found = pairgen.evaluate(folder, **options).figures
    values = next(each for each in found["rows"] if each["name"] == row)
    seconds: float = found["ledger"]["training"]["seconds"]
    return {name: values[key] for name, key in figures.items()}, seconds
