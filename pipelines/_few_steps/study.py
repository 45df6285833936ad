"""The held-out pairs of `tiny`, what is measured on them, and the students of a few steps."""

import argparse
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from _arms import Comparison, Study, train_arm
from _arms.session import taking_turns

import pairgen
from pairgen.types import canonical_json

TEACHER_STEPS = (1, 2, 4, 50)
END_POINTS, TEACHER = "end points", "teacher"
FIGURES = {
    "Frechet": "frechet_distance",
    "to real": "frechet_distance_real",
    "cosine": "caption_cosine",
    "within": "diversity_within",
    "between": "diversity_between",
}
REAL_STATISTICS = "package:assets/judge/tiny_prompts.safetensors"


def named(what: str, steps: int) -> str:
    """Return the name of an arm: a model in so many steps."""
    return f"{what}, {steps} step{'s' * (steps != 1)}"


UNTRAINED: dict[str, dict[str, Any]] = {
    END_POINTS: {"sampled": 1},
    **{named(TEACHER, steps): {"sampled": steps} for steps in TEACHER_STEPS},
}


def arms_of(
    trainings: Mapping[str, Mapping[str, Any]], sampled: Mapping[str, Sequence[int]]
) -> dict[str, dict[str, Any]]:
    """Return the arms of a study: every training in its numbers of steps, then the teacher.

    Args:
        trainings: Name of a training to its options.
        sampled: Name of a training to the numbers of steps in which it is judged.
    """
    students = {
        named(what, steps): {"trained": what, "options": trainings[what], "sampled": steps}
        for what, counts in sampled.items()
        for steps in counts
    }
    return {**students, **UNTRAINED}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every such study."""
    parser.add_argument("--num-held-out", type=int, default=1024)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--lr", type=float, default=3e-5)
    parser.add_argument("--discriminator-lr", type=float, default=3e-4)
    parser.add_argument("--cpu-threads", type=int, default=1)


def study_of(
    name: str,
    options: argparse.Namespace,
    *,
    arms: Mapping[str, Mapping[str, Any]],
    comparisons: tuple[Comparison, ...],
    run: Callable[[argparse.Namespace, str, int, int, Path], Mapping[str, float | None]],
    prepare: Callable[[argparse.Namespace, Path], None],
) -> Study:
    """Return the study of a method, whose arms sample in so many steps.

    Args:
        name: Name of its folder of runs.
        options: Its options, `settings` among them.
        arms: See `arms_of`.
        comparisons: What is told below the table.
        run: Trains and judges an arm: (options, arm, seed, steps, folder) to figures.
        prepare: Makes in the study's folder what the arms share.
    """
    return Study(
        name=name,
        arms=arms,
        settings=options.settings,
        steps=options.steps,
        seeds=options.seeds,
        figures=FIGURES,
        run=partial(run, options),
        prepare=partial(prepare, options),
        untrained=tuple(UNTRAINED),
        comparisons=comparisons,
    )


def make_pairs(root: Path, name: str, num: int, seed: int, cpu_threads: int) -> None:
    """Make pairs of the teacher's converged ODE in `NAME-N`; nothing where they stand.

    Raises:
        KeyboardInterrupt: It was stopped.
    """
    made = pairgen.ode(
        model="tiny",
        cfg=4,
        steps=12,
        solver="dpmpp_2m",
        spacing="logsnr",
        seed=seed,
        num_samples=num,
        samples_per_shard=64,
        cpu_threads=cpu_threads,
        executor="serial",
        out=str(root / f"{name}-{num}"),
    )
    if not made.complete:
        raise KeyboardInterrupt


def make_held_out(root: Path, num: int, cpu_threads: int) -> None:
    """Make the held-out pairs: the packaged prompts, other noises than `pairs`."""
    make_pairs(root, "held-out", num, 1, cpu_threads)


def heads(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options of the heads, as in both recipes, which modules of a study do not have."""
    return {"discriminator.lr": options.discriminator_lr, "discriminator.betas": (0.0, 0.99)}


def train_student(
    options: argparse.Namespace, given: Mapping[str, Any], *, data: Path, seed: int, steps: int
) -> Path:
    """Train a student in a folder beside the data, or find it there; return its run.

    Args:
        options: The options of the study.
        given: The method, its options, and whatever tells this training from others.
        data: What it learns from.
        seed: Seed of the training.
        steps: Its steps.

    Raises:
        KeyboardInterrupt: It was stopped.
    """
    known = canonical_json([seed, steps, options.settings, given])
    folder = data.parent / f"run-{hashlib.sha256(known.encode()).hexdigest()[:12]}"
    with taking_turns(folder.with_name(f"{folder.name}.lock")):
        if (folder / "model.yaml").is_file():
            return folder
        train_arm(
            folder=folder,
            data=str(data),
            model="tiny",
            steps=steps,
            batch_size=options.batch_size,
            weight_decay=0.0,
            seed=seed,
            checkpoint_every=50,
            cpu_threads=options.cpu_threads,
            **given,
        )
    return folder


def judge(
    options: argparse.Namespace, arm: str, sampled: int, run: Path | None, folder: Path
) -> dict[str, float | None]:
    """Return the figures of a student, of the teacher or of the end points.

    Args:
        options: The options of the study.
        arm: Its name.
        sampled: Steps in which it samples.
        run: The student's run; None for the teacher.
        folder: The folder of the arm.
    """
    out = run / f"eval-{sampled}" if run else folder / "eval"
    end_points, judged = pairgen.evaluate(
        str(run or "tiny"),
        data=str(folder.parent / f"held-out-{options.num_held_out}"),
        num_samples=options.num_held_out,
        steps=sampled,
        teacher_steps=(),
        real_statistics=REAL_STATISTICS,
        out=str(out),
        cpu_threads=options.cpu_threads,
    ).figures["rows"]
    row = end_points if arm == END_POINTS else judged
    return {name: row[name] for name in FIGURES.values()}
