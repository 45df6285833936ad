"""ADD on painted pictures: what its parts are worth, and what steps bring.

    python pipelines/add.py --minutes 60

1. painted pictures of 64 px with captions, and the moments of their latents; and held-out pairs of
   the teacher's converged ODE (`tiny`, dpmpp_2m, logSNR grid, 12 steps, guidance 4) on its packaged
   prompts;
2. the students, with equal steps: ADD; the adversarial game alone; distillation alone; with random
   weights at the start; with a vision transformer that knows nothing; and what is reported only:
   what heads know, c(t), the norm of heads, the teacher's guidance, the distance in latents;
3. `pairgen eval` of each on the held-out prompts and noises, in as many steps as its name says,
   beside the teacher with guidance, and the end points themselves. `Frechet` is to the end points,
   `to real` to 10,240 painted pictures of the same prompts: what ADD learns from.

Appends one JSON line a finished run to `add.jsonl`, beside this file, and goes on where it was
stopped. `--minutes 0` prints the tables of what is there; `--check` tests what must hold. Data and
students lie in `~/.cache/pairgen/runs/add`, each student's page in its `eval-STEPS/index.html`.

The learning rates are LADD's. A trial with them, 100 steps of 16, gave a Frechet distance to the
end points of 27.2 in one step and 4.6 in four (256 pairs of other noises than the held-out ones).

1,024 held-out pairs, 300 steps of 16, means of the seeds; two CPU cores, torch 2.13, 15 to 35
minutes a training beside other jobs:

    arm                          Frechet  to real  cosine  within  between  seeds
    ADD, 1 step                    12.66    11.65   0.719    3.13    11.04      3
    ADD, 2 steps                    3.83     3.03   0.777    3.46    11.34      1
    ADD, 4 steps                    2.29     1.85   0.782    3.73    11.34      3
    adversarial, 1 step            10.15     9.41   0.706    3.49    10.63      1
    distillation alone, 1 step     46.42    45.96   0.645    2.24    10.74      3
    random weights, 1 step         51.89    53.73   0.055    4.38     4.39      3
    random features, 1 step        42.93    41.85   0.605    2.92    10.19      1
    no condition, 1 step           12.05    10.23   0.712    3.13    11.01      1
    text, 1 step                   11.94    10.73   0.719    3.26    10.87      1
    image, 1 step                  14.39    13.34   0.702    3.03    10.95      1
    SDS, 1 step                    12.01    10.83   0.714    3.16    10.88      1
    norm in groups, 1 step         20.62    17.85   0.607    3.38    10.13      1
    guidance 4, 1 step              9.79     9.26   0.731    3.08    10.90      1
    in latents, 1 step             20.24    19.23   0.700    2.91    10.97      1
    teacher, 1 step                31.30    32.70   0.581    5.08    10.58      1
    teacher, 2 steps               20.25    20.78   0.631    4.52    11.08      1
    teacher, 4 steps                3.70     5.43   0.687    4.54    10.49      1
    end points                      0.00     2.18   0.810    2.70    11.53      1

All that must hold holds in three seeds. ADD of seed 0 alone is 11.99 from the end points and 10.83
from real pictures, as is SDS. The end points are the floor of `Frechet`, but not of `to real`: they
are what the teacher reaches, and ADD, which learns from real pictures, is nearer to them in four
steps. The teacher in 50 steps is in `ladd.py`, on the same pairs: 0.01 and 2.24.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _arms import Comparison, run_study, study_parser
from _few_steps.study import (
    add_options,
    arms_of,
    heads,
    judge,
    make_held_out,
    study_of,
    train_student,
)

import pairgen
from pairgen.errors import run_script

RESULTS = Path(__file__).with_suffix(".jsonl")
SIZE = 64
ALONE = "distillation alone"
ADD = {"method": "add"}
# What is trained; `method` may be a module of this folder.
TRAININGS: dict[str, dict[str, Any]] = {
    "ADD": ADD,
    "adversarial": {**ADD, "distill_weight": 0.0},
    ALONE: {"method": "_few_steps.add_distillation_alone"},
    "random weights": {"method": "_few_steps.add_random_weights"},
    "random features": {"method": "_few_steps.add_random_features"},
    "no condition": {**ADD, "conditioning": "none"},
    "text": {**ADD, "conditioning": "text"},
    "image": {**ADD, "conditioning": "image"},
    "SDS": {**ADD, "distill_weighting": "sds"},
    "norm in groups": {**ADD, "head_norm": "group"},
    "guidance 4": {**ADD, "guidance": 4.0},
    "in latents": {**ADD, "distill_space": "latent"},
}
ONE, FEW = (1,), (1, 2, 4)
SAMPLED = {what: FEW if what == "ADD" else ONE for what in TRAININGS}
ARMS = arms_of(TRAININGS, SAMPLED)
COMPARISONS = (
    Comparison("ADD, 1 step", "distillation alone, 1 step", "to real", must_hold=True),
    Comparison("ADD, 1 step", "distillation alone, 1 step", "within", lower=False, must_hold=True),
    Comparison("ADD, 1 step", "random weights, 1 step", "to real", must_hold=True, times=3),
    Comparison("ADD, 1 step", "teacher, 1 step", "to real", must_hold=True),
    Comparison("ADD, 1 step", "teacher, 2 steps", "to real", must_hold=True),
    Comparison("ADD, 4 steps", "ADD, 1 step", "to real", must_hold=True),
    Comparison("ADD, 1 step", "adversarial, 1 step", "to real"),
    Comparison("ADD, 1 step", "random features, 1 step", "to real"),
    Comparison("ADD, 4 steps", "teacher, 4 steps", "to real"),
    Comparison("ADD, 1 step", "no condition, 1 step", "to real"),
)


def main() -> None:
    options = options_of()
    study = study_of(
        "add", options, arms=ARMS, comparisons=COMPARISONS, run=run_arm, prepare=make_data
    )
    run_study(study, options)


def options_of(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options of a command line; None for that of this process."""
    parser = study_parser(__doc__.splitlines()[0], results=RESULTS, steps=(300,))
    parser.add_argument("--num-pictures", type=int, default=2048)
    add_options(parser)
    options = parser.parse_args(arguments)
    names = ("num_pictures", "num_held_out", "batch_size", "lr", "discriminator_lr")
    options.settings = {name: getattr(options, name) for name in names}
    return options


def make_data(options: argparse.Namespace, root: Path) -> None:
    """Make the pictures with their moments, and the held-out pairs; nothing where they stand."""
    pictures = str(root / f"pictures-{options.num_pictures}")
    made = pairgen.collect(
        images="package:painted",
        num_images=options.num_pictures,
        split="train",
        size=SIZE,
        executor="serial",
        out=pictures,
    )
    if not made.complete:
        raise KeyboardInterrupt
    added = pairgen.annotate(
        pictures, add="moments", model="tiny", batch_size=64, executor="serial"
    )
    if not all(each.complete for each in added):
        raise KeyboardInterrupt
    make_held_out(root, options.num_held_out, options.cpu_threads)


def trained(options: argparse.Namespace, what: str, seed: int, steps: int, root: Path) -> Path:
    """Train a student, or find it in the study's folder; return its run."""
    own = {} if what == ALONE else heads(options)
    given = {**TRAININGS[what], "lr": options.lr, **own}
    data = root / f"pictures-{options.num_pictures}"
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
