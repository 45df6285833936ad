"""LADD on the embedded teacher: what its parts are worth, and what steps bring.

    python pipelines/ladd.py --minutes 60

1. pairs of the teacher's converged ODE (dpmpp_2m, logSNR grid, 12 steps, guidance 4), and held-out
   ones of the same prompts and other noises;
2. the students, with equal steps: LADD as published for latents of a teacher, which is the
   adversarial game alone; with distillation besides; distillation alone; with random weights at the
   start; with a discriminator that reads a random network; and `regression` and `diffusion2gan`,
   which learn from the pairs;
3. `pairgen eval` of each on the held-out pairs, in as many steps as its name says, beside the
   teacher with guidance, and the end points themselves.

Appends one JSON line a finished run to `ladd.jsonl`, beside this file, and goes on where it was
stopped. `--minutes 0` prints the tables of what is there; `--check` tests what must hold. Data and
students lie in `~/.cache/pairgen/runs/ladd`, each student's page in its `eval-STEPS/index.html`.
"""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from _arms import Comparison, Study, run_study, study_parser
from _few_steps.study import (
    FIGURES,
    UNTRAINED,
    add_options,
    arms_of,
    judge,
    make_held_out,
    make_pairs,
    train_student,
)

from pairgen.errors import run_script

RESULTS = Path(__file__).with_suffix(".jsonl")
LADD = {"method": "ladd"}
BOTH = {**LADD, "distill_weight": 1.0}
# What is trained; `method` may be a module of this folder.
TRAININGS: dict[str, dict[str, Any]] = {
    "LADD": LADD,
    "both": BOTH,
    "distillation alone": {**BOTH, "method": "_few_steps.ladd_distillation_alone"},
    "random weights": {**LADD, "method": "_few_steps.ladd_random_weights"},
    "random features": {**LADD, "method": "_few_steps.ladd_random_features"},
    "regression": {"method": "regression", "distance": "mse"},
    "diffusion2gan": {"method": "diffusion2gan"},
}
ONE, FEW = (1,), (1, 2, 4)
SAMPLED = {
    "LADD": FEW,
    "both": FEW,
    "distillation alone": FEW,
    "random weights": ONE,
    "random features": ONE,
    "regression": ONE,
    "diffusion2gan": ONE,
}
ARMS = arms_of(TRAININGS, SAMPLED)
COMPARISONS = (
    Comparison("both, 1 step", "distillation alone, 1 step", "Frechet", must_hold=True),
    Comparison("both, 1 step", "distillation alone, 1 step", "within", lower=False, must_hold=True),
    Comparison("LADD, 1 step", "random weights, 1 step", "Frechet", must_hold=True, times=3),
    Comparison("LADD, 1 step", "teacher, 1 step", "Frechet", must_hold=True),
    Comparison("LADD, 1 step", "teacher, 2 steps", "Frechet", must_hold=True),
    Comparison("LADD, 4 steps", "LADD, 1 step", "Frechet", must_hold=True),
    Comparison("both, 1 step", "LADD, 1 step", "Frechet"),
    Comparison("LADD, 1 step", "random features, 1 step", "Frechet"),
    Comparison("LADD, 4 steps", "teacher, 4 steps", "Frechet"),
    Comparison("LADD, 1 step", "regression, 1 step", "Frechet"),
    Comparison("LADD, 1 step", "diffusion2gan, 1 step", "Frechet"),
)
# Published are 500 first steps at the two less noisy times, for a longer training.
FIRST_STEPS = 0.05


def main() -> None:
    parser = study_parser(__doc__.splitlines()[0], results=RESULTS, steps=(300,))
    parser.add_argument("--num-pairs", type=int, default=1024)
    add_options(parser)
    options = parser.parse_args()
    names = ("num_pairs", "num_held_out", "batch_size", "lr")
    options.settings = {name: getattr(options, name) for name in names}
    study = Study(
        name="ladd",
        arms=ARMS,
        settings=options.settings,
        steps=options.steps,
        seeds=options.seeds,
        figures=FIGURES,
        run=partial(run_arm, options),
        prepare=partial(make_data, options),
        untrained=tuple(UNTRAINED),
        comparisons=COMPARISONS,
    )
    run_study(study, options)


def make_data(options: argparse.Namespace, root: Path) -> None:
    """Make the pairs and the held-out ones; nothing where they stand."""
    make_pairs(root, "pairs", options.num_pairs, 0, options.cpu_threads)
    make_held_out(root, options.num_held_out, options.cpu_threads)


def run_arm(
    options: argparse.Namespace, arm: str, seed: int, steps: int, folder: Path
) -> dict[str, float | None]:
    """Train and judge one arm; return its figures."""
    chosen, run = ARMS[arm], None
    if "trained" in chosen:
        own = dict(chosen["options"])
        if own["method"] == "diffusion2gan":
            own["discriminator.lr"] = options.lr
        elif own["method"] != "regression":
            own["first_steps"] = round(FIRST_STEPS * steps)
        run = train_student(
            options,
            own,
            known=[chosen["trained"], options.settings, chosen["options"]],
            data=folder.parent / f"pairs-{options.num_pairs}",
            seed=seed,
            steps=steps,
        )
    return judge(options, arm, chosen["sampled"], run, folder)


if __name__ == "__main__":
    run_script(main)
