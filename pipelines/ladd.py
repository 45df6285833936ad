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
The first arm of a student trains it, which the seconds of its line show.

The end points themselves are 2.18 from real pictures. The learning rate was chosen on pairs of the
training: in 100 steps 3e-5 gave a Frechet distance of 17.2 in one step and 4.2 in four (256 pairs);
with 3e-4 the student's latents were 14 times too large after 150, and with 1e-4 on their way there
after 24. No arm that trains has run to its end yet.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _arms import Comparison, run_study, study_parser
from _few_steps.study import (
    END_POINTS,
    add_options,
    arms_of,
    heads,
    judge,
    make_held_out,
    make_pairs,
    study_of,
    train_student,
)

from pairgen.errors import run_script

RESULTS = Path(__file__).with_suffix(".jsonl")
LADD = {"method": "ladd"}
# The weight is that of ADD.
BOTH = {**LADD, "distill_weight": 2.5}
# Options of the methods; `method` may be a module of this folder.
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
    *(
        Comparison(more, "distillation alone, 1 step", "within", lower=False, must_hold=True)
        for more in (END_POINTS, "both, 1 step")
    ),
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
# The share of the first steps, at the two less noisy times; published are 500 of a longer training.
FIRST_STEPS = 0.05
FROM_PAIRS, WITHOUT_GAME = ("regression", "diffusion2gan"), ("regression", "distillation alone")


def main() -> None:
    options = options_of()
    study = study_of(
        "ladd", options, arms=ARMS, comparisons=COMPARISONS, run=run_arm, prepare=make_data
    )
    run_study(study, options)


def options_of(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options of a command line; None for that of this process."""
    parser = study_parser(__doc__.splitlines()[0], results=RESULTS, steps=(300,))
    parser.add_argument("--num-pairs", type=int, default=1024)
    parser.add_argument("--pairs-lr", type=float, default=3e-4, help="of those that learn pairs")
    add_options(parser)
    options = parser.parse_args(arguments)
    names = ("num_pairs", "num_held_out", "batch_size", "lr", "discriminator_lr", "pairs_lr")
    known = {name: getattr(options, name) for name in names}
    options.settings = {**known, "first_steps": FIRST_STEPS}
    return options


def make_data(options: argparse.Namespace, root: Path) -> None:
    """Make the pairs and the held-out ones; nothing where they stand."""
    make_pairs(root, "pairs", options.num_pairs, 0, options.cpu_threads)
    make_held_out(root, options.num_held_out, options.cpu_threads)


def given_to(options: argparse.Namespace, what: str, steps: int) -> dict[str, Any]:
    """Return the options of a training that are not those of all."""
    given = dict(TRAININGS[what])
    if given["method"] in FROM_PAIRS:
        given["lr"] = options.pairs_lr
    else:
        given |= {"lr": options.lr, "first_steps": round(FIRST_STEPS * steps)}
    if what in WITHOUT_GAME:
        return given
    if given["method"] in FROM_PAIRS:
        return {**given, "discriminator.lr": options.pairs_lr}
    return {**given, **heads(options)}


def trained(options: argparse.Namespace, what: str, seed: int, steps: int, root: Path) -> Path:
    """Train a student, or find it in the study's folder; return its run."""
    given, data = given_to(options, what, steps), root / f"pairs-{options.num_pairs}"
    return train_student(options, given, data=data, seed=seed, steps=steps)


def run_arm(
    options: argparse.Namespace, arm: str, seed: int, steps: int, folder: Path
) -> dict[str, float | None]:
    """Train and judge one arm; return its figures."""
    chosen, run = ARMS[arm], None
    if "trained" in chosen:
        run = trained(options, chosen["trained"], seed, steps, folder.parent)
    return judge(options, arm, chosen["sampled"], run, folder)


if __name__ == "__main__":
    run_script(main)
