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
import hashlib
from functools import partial
from pathlib import Path
from typing import Any

from _arms import Comparison, Study, run_study, study_parser
from _arms.session import taking_turns

import pairgen
from pairgen.errors import run_script
from pairgen.types import canonical_json

RESULTS = Path(__file__).with_suffix(".jsonl")
LADD = {"method": "ladd"}
# The weight is that of ADD.
BOTH = {**LADD, "distill_weight": 2.5}
# Options of the methods; `method` may be a module of this folder.
TRAININGS: dict[str, dict[str, Any]] = {
    "LADD": LADD,
    "both": BOTH,
    "distillation alone": {**BOTH, "method": "_ladd.distillation_alone"},
    "random weights": {**LADD, "method": "_ladd.random_weights"},
    "random features": {**LADD, "method": "_ladd.random_features"},
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
TEACHER_STEPS = (1, 2, 4, 50)
END_POINTS, TEACHER = "end points", "teacher"


def named(what: str, steps: int) -> str:
    """Return the name of an arm: a model in so many steps."""
    return f"{what}, {steps} step{'s' * (steps != 1)}"


STUDENTS: dict[str, dict[str, Any]] = {
    named(what, steps): {"trained": what, "options": TRAININGS[what], "sampled": steps}
    for what, counts in SAMPLED.items()
    for steps in counts
}
UNTRAINED: dict[str, dict[str, Any]] = {
    END_POINTS: {"sampled": 1},
    **{named(TEACHER, steps): {"sampled": steps} for steps in TEACHER_STEPS},
}
ARMS = {**STUDENTS, **UNTRAINED}
FIGURES = {
    "Frechet": "frechet_distance",
    "to real": "frechet_distance_real",
    "cosine": "caption_cosine",
    "within": "diversity_within",
    "between": "diversity_between",
}
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
REAL_STATISTICS = "package:assets/judge/tiny_prompts.safetensors"
# The share of the first steps, at the two less noisy times; published are 500 of a longer training.
FIRST_STEPS = 0.05
FROM_PAIRS, WITHOUT_GAME = ("regression", "diffusion2gan"), ("regression", "distillation alone")


def main() -> None:
    parser = study_parser(__doc__.splitlines()[0], results=RESULTS, steps=(300,))
    parser.add_argument("--num-pairs", type=int, default=1024)
    parser.add_argument("--num-held-out", type=int, default=1024)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--lr", type=float, default=3e-5)
    parser.add_argument("--discriminator-lr", type=float, default=3e-4)
    parser.add_argument("--pairs-lr", type=float, default=3e-4, help="of those that learn pairs")
    parser.add_argument("--cpu-threads", type=int, default=1)
    options = parser.parse_args()
    names = ("num_pairs", "num_held_out", "batch_size", "lr", "discriminator_lr", "pairs_lr")
    known = {name: getattr(options, name) for name in names}
    options.settings = {**known, "first_steps": FIRST_STEPS}
    study = Study(
        name="ladd",
        arms=ARMS,
        settings=options.settings,
        steps=options.steps,
        seeds=options.seeds,
        figures=FIGURES,
        run=partial(run_arm, options),
        prepare=partial(make_pairs, options),
        untrained=tuple(UNTRAINED),
        comparisons=COMPARISONS,
    )
    run_study(study, options)


def make_pairs(options: argparse.Namespace, root: Path) -> None:
    """Make the pairs and the held-out ones; nothing where they stand."""
    for seed, (name, num) in enumerate(sets(options).items()):
        made = pairgen.ode(
            model="tiny",
            cfg=4,
            steps=12,
            solver="dpmpp_2m",
            spacing="logsnr",
            seed=seed,
            num_samples=num,
            samples_per_shard=64,
            cpu_threads=options.cpu_threads,
            executor="serial",
            out=str(root / name),
        )
        if not made.complete:
            raise KeyboardInterrupt


def sets(options: argparse.Namespace) -> dict[str, int]:
    """Return the folders of the pairs and of the held-out ones, and how many these are."""
    numbers = {"pairs": options.num_pairs, "held-out": options.num_held_out}
    return {f"{name}-{num}": num for name, num in numbers.items()}


def given_to(options: argparse.Namespace, what: str, steps: int) -> dict[str, Any]:
    """Return the options of a training that are not those of all."""
    given = dict(TRAININGS[what])
    heads: dict[str, Any] = {"lr": options.pairs_lr}
    if given["method"] in FROM_PAIRS:
        given["lr"] = options.pairs_lr
    else:
        given |= {"lr": options.lr, "first_steps": round(FIRST_STEPS * steps)}
        # As in the recipe of `ladd`, which other modules do not have.
        heads = {"lr": options.discriminator_lr, "betas": (0.0, 0.99)}
    if what not in WITHOUT_GAME:
        given |= {f"discriminator.{name}": value for name, value in heads.items()}
    return given


def trained(options: argparse.Namespace, what: str, seed: int, steps: int, root: Path) -> Path:
    """Train a student; return its run, also if it stands."""
    given = given_to(options, what, steps)
    known = canonical_json([seed, steps, options.settings, given])
    folder = root / f"run-{hashlib.sha256(known.encode()).hexdigest()[:12]}"
    with taking_turns(root / f"{folder.name}.lock"):
        if (folder / "model.yaml").is_file():
            return folder
        done = pairgen.train(
            data=str(root / next(iter(sets(options)))),
            out=str(folder),
            steps=steps,
            batch_size=options.batch_size,
            lr_schedule="cosine",
            warmup_steps=20,
            weight_decay=0.0,
            ema_decay=0.99,
            seed=seed,
            checkpoint_every=50,
            checkpoints_total_limit=1,
            grid_every=0,
            tensorboard=False,
            cpu_threads=options.cpu_threads,
            resume=(folder / "config.yaml").is_file(),
            **given,
        )
    if done.interrupted:
        raise KeyboardInterrupt
    return folder


def run_arm(
    options: argparse.Namespace, arm: str, seed: int, steps: int, folder: Path
) -> dict[str, float | None]:
    """Train and judge one arm; return its figures."""
    root, chosen = folder.parent, ARMS[arm]
    run, out = "tiny", folder / "eval"
    if arm in STUDENTS:
        student = trained(options, chosen["trained"], seed, steps, root)
        run, out = str(student), student / f"eval-{chosen['sampled']}"
    end_points, judged = pairgen.evaluate(
        run,
        data=str(root / list(sets(options))[-1]),
        num_samples=options.num_held_out,
        steps=chosen["sampled"],
        teacher_steps=(),
        real_statistics=REAL_STATISTICS,
        out=str(out),
        cpu_threads=options.cpu_threads,
    ).figures["rows"]
    row = end_points if arm == END_POINTS else judged
    return {name: row[name] for name in FIGURES.values()}


if __name__ == "__main__":
    run_script(main)
