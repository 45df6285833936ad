"""Train a small one-step student for the demo, and show it beside its teacher."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pairgen.cli.demo.made import make
from pairgen.cli.options import say
from pairgen.model_config import MODEL_FILE
from pairgen.wording import counted

if TYPE_CHECKING:
    from pairgen.pages.cards import Card

# About 100 seconds of one core: enough to tell the student from one step of its teacher.
NUM_PAIRS, BATCH_SIZE = 256, 16
# Eight steps of this solver end close to where fifty of the default one do, in a sixth of the time.
TEACHER = {"solver": "dpmpp_2m", "spacing": "logsnr", "steps": 8, "seed": 1}
TRAINING = {
    "distance": "mse",
    "batch_size": BATCH_SIZE,
    "lr": 5e-4,
    "lr_schedule": "cosine",
    "warmup_steps": 20,
    "ema_decay": 0.98,
    # A kill costs at most this many steps.
    "checkpoint_every": 50,
    "grid_every": 0,
    "tracker": "none",
}


@dataclass(frozen=True)
class Shown:
    """What the page shows of the student.

    Attributes:
        cards: A line for each prompt: teacher in many steps, in one, and the student.
        facts: Name and figures of each of the three.
        num_pairs: Number of pairs that the student was trained on.
        command: The command that trains it.
    """

    cards: list["Card"]
    facts: list[tuple[str, str]]
    num_pairs: int
    command: str


def train_and_show(
    out: Path, held_out: Path, common: dict[str, Any], cfg: float, num_steps: int
) -> Shown:
    """Make pairs, train a student on them, and sample it from noises that it has not seen.

    Args:
        out: Folder of the demo.
        held_out: Pairs of the same teacher with other noises.
        common: Options that all datasets of the demo share.
        cfg: Guidance scale of all pairs.
        num_steps: Training steps.
    """
    pairs, run = out / "training-pairs", out / "student"
    # No more pairs than the training reads.
    num = min(NUM_PAIRS, BATCH_SIZE * num_steps)
    options = {**common, **TEACHER, "cfg": cfg, "num_samples": num, "samples_per_shard": 64}
    make({**options, "out": str(pairs)})
    _train(pairs, run, num_steps, common["cpu_threads"])
    return _shown(run, held_out, num)


def _train(pairs: Path, run: Path, num_steps: int, num_threads: int) -> None:
    """Train the student, or continue; a finished one stays as it is."""
    from pairgen.jobs.train.run import run_train
    from pairgen.model_config import RUN_FILE

    if (run / MODEL_FILE).is_file():
        return
    given = {**TRAINING, "method": "regression", "data": str(pairs), "out": str(run)}
    given |= {"steps": num_steps, "cpu_threads": num_threads, "resume": (run / RUN_FILE).is_file()}
    if run_train(given, say).interrupted:
        raise click.Abort


def _shown(run: Path, held_out: Path, num_pairs: int) -> Shown:
    """Evaluate the student, and return its images beside those of the teacher."""
    from pairgen.jobs.eval.run import evaluate_folder
    from pairgen.pages.command import train_command
    from pairgen.pages.judged import side_by_side
    from pairgen.training.runs.run_config import read_run_config

    given = {"run": str(run), "data": str(held_out), "teacher_steps": (1,)}
    _, found = evaluate_folder(given, say)
    rows = {row["name"]: row for row in found.figures["rows"]}
    # In the order of the page: the end points cost the most, and come first.
    end, student, teacher = found.bands
    steps = rows[end.name]["steps"]
    named = [
        (f"teacher, {counted(steps, 'step')}", end),
        ("teacher, 1 step", teacher),
        ("student, 1 step", student),
    ]
    cards = [
        side_by_side(caption, "", [(name, band.pictures[place], "") for name, band in named])
        for place, caption in enumerate(found.captions)
    ]
    facts = [(name, _figures(rows[band.name])) for name, band in named]
    command = train_command(read_run_config(run), str(run))
    return Shown(cards, facts, num_pairs, command)


def _figures(row: dict[str, Any]) -> str:
    evaluations = counted(row["evaluations_per_picture"], "network evaluation")
    error, agreement = row["latent_relative_rms"], row["caption_agreement"]
    told = f"{evaluations} an image; {100 * agreement:.0f} % of images fit their own prompt best"
    return f"{told}; latent error {error:.2f}" if error else told
