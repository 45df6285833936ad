"""YONOS-SR on painted pictures: what a teacher of twice the size brings, and the tuned decoder.

    python pipelines/yonos.py --minutes 60

1. painted pictures of 64 px with nested levels of 32, 16 and 8 px, by `--world`: `bicubic`, or
   `second-order`: the chain of the published training down to 32 px, halved from there. 2,048 to
   learn from, and 1,024 of compositions that no training has seen;
2. for each seed a chain: x2 learns from HR, x4 from x2, x8 from x4, then the decoder behind x4 and
   behind x8. All stages have equal steps;
3. beside it, from the same weights of x4: x8 by HR. And from the base model, by HR: as many steps
   as one stage; as many as the three; and as many evaluations of networks as the three;
4. `pairgen eval` of each on the held-out pictures in one step and in four, and the squared error of
   x0 of the distilled student to its teacher and to HR, by time.

Appends one JSON line a finished run to `yonos.jsonl`, beside this file, and goes on where it was
stopped. `--minutes 0` prints the tables of what is there; `--check` tests what must hold. Data and
students lie in `~/.cache/pairgen/runs/yonos`, each student's page in its `eval/index.html`.

1,024 held-out pictures, `bicubic`, 300 steps of 16 a stage, means of the seeds (`yonos.png`:
enlarged LR of 8 px, x8 by HR, x8 distilled, x8 and decoder, HR, in one step, seed 0); two CPU
cores, torch 2.13, 2 to 5 minutes a stage, and up to 22 beside other jobs:

                     one step                                   four steps
    arm              PSNR Y  perceptual  Frechet  finest band   PSNR Y  perceptual  Frechet  seeds
    HR                    -       0.000    0.000        -5.88        -           -        -      -
    x4 bicubic       29.681       3.967   15.449        -9.22        -           -        -      1
    x4               28.663       1.849    1.870        -6.99   19.552       6.799    7.133      3
    x4 and decoder   29.955       1.380    0.769        -6.59   19.519       6.740    6.394      3
    x8 bicubic       25.740       7.470   52.035       -10.92        -           -        -      1
    x8 distilled     24.761       4.914   18.732        -8.75   18.913       7.148    8.188      3
    x8 by HR         24.638       5.003   19.179        -8.74   19.680       6.387    5.895      1
    x8 direct        24.642       5.161   20.490        -8.87   18.794       7.198    7.759      1
      of 900 steps   24.874       4.369   13.667        -8.28   22.042       4.505    3.236      1
      of 1,100       25.067       3.750    8.954        -7.71   22.785       3.941    2.491      1
    x8 and decoder   25.400       3.315    7.067        -7.60   18.981       6.946    6.742      3

    squared error of x0 of x8   t < 250  t < 500  t < 750  t < 1000  seeds
    to its teacher               0.0002    0.001    0.006     0.075      3
    to HR                         0.025    0.091    0.232     0.310      3

All that must hold holds in the three seeds. Four steps are worse than one: a quarter of the samples
is at the last time, and at the others the network has hardly begun to use LR after so few steps.
(In the trial that chose the steps, x2 at t = 749 had an error of 0.2, the enlarged LR itself
0.0025.) From the same x4, a teacher and HR as targets give nearly the same student in one step: in
seed 0, 4.953 and 5.003 of perceptual distance, where as many steps from the base model give 5.161.
The decoder brings most. **With as many steps as the whole chain, 900, x8 directly from HR is better
than x8 distilled** (4.369; in four steps too), and more so in as many evaluations of networks,
1,100 steps (3.750, close to the tuned decoder's 3.315): here the chain is worth it only for its
other factors.

`--world second-order`, seed 0, one step; all that must hold holds there too:

    arm              PSNR Y  perceptual  Frechet  finest band
    x4 bicubic       24.919       7.062   40.476       -10.18
    x4               24.166       5.407   18.503        -8.59
    x4 and decoder   24.805       4.314    9.750        -7.74
    x8 bicubic       24.078       9.214   73.384       -11.24
    x8 distilled     23.271       6.627   29.225        -9.14
    x8 by HR         23.253       6.666   29.278        -9.13
    x8 direct        23.251       6.793   31.238        -9.24
    x8 and decoder   23.900       5.166   15.694        -8.17

Nested levels have one optimum for both targets (see `tests/losses/test_scale_distillation.py`): a
teacher's targets vary less, so they can only be learned sooner. Whether x8 by distillation is ahead
of x8 by HR is reported, not required.
"""

import argparse
import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from _arms import Comparison, Study, judge_arm, run_study, study_parser, train_arm
from _arms.session import taking_turns
from _restoration.errors_of_x0 import BINS, errors_of_x0
from _restoration.options import add_options
from _restoration.painted import make_painted

import pairgen
from pairgen.errors import run_script
from pairgen.types import canonical_json

RESULTS = Path(__file__).with_suffix(".jsonl")
FACTORS = (2, 4, 8)
# The preset of the degradation, and whether levels are made from each other.
WORLDS: dict[str, dict[str, Any]] = {
    "bicubic": {"degradation": "bicubic", "nested": True},
    "second-order": {"degradation": "osediff", "nested": True},
}
# Of a stage and its teacher, see `pairgen.methods.yonos`: 3 and 1; without a teacher, 3.
EVALUATIONS_OF_CHAIN, EVALUATIONS_OF_TRUTH = 3 + 4 + 4, 3
ARMS: dict[str, dict[str, Any]] = {
    "x2": {"scale": 2},
    "x4": {"scale": 4, "teacher": "x2"},
    "x8 distilled": {"scale": 8, "teacher": "x4"},
    "x8 by HR": {"scale": 8, "start_from": "x4"},
    "x8 direct": {"scale": 8},
    "x8 direct, steps of the chain": {"scale": 8, "times": len(FACTORS)},
    "x8 direct, evaluations of the chain": {
        "scale": 8,
        "times": EVALUATIONS_OF_CHAIN / EVALUATIONS_OF_TRUTH,
    },
    "x4 and decoder": {"scale": 4, "network": "x4"},
    "x8 and decoder": {"scale": 8, "network": "x8 distilled"},
    "x4 bicubic": {"scale": 4},
    "x8 bicubic": {"scale": 8},
    "error to the teacher": {"scale": 8, "error_of": "x8 distilled", "to": "teacher"},
    "error to HR": {"scale": 8, "error_of": "x8 distilled", "to": "HR"},
}
# Whose student is judged for the enlarged LR beside it.
STUDENT_OF = {"x4 bicubic": "x4", "x8 bicubic": "x8 direct"}
ONE_STEP = {
    "PSNR Y": "psnr_db",
    "perceptual": "feature_distance",
    "Frechet": "frechet_distance",
    "finest band": "finest_band_energy",
}
MANY = 4
MANY_STEPS = {f"{name}, {MANY} steps": f"{figure}_{MANY}" for name, figure in ONE_STEP.items()}
BY_TIME = {f"t < {stop}": f"error_below_{stop}" for stop in BINS[1:]}
FIGURES = {**ONE_STEP, **MANY_STEPS, **BY_TIME}
COMPARISONS = (
    *(
        Comparison(f"{scale} and decoder", f"{scale} bicubic", figure, must_hold=True)
        for scale in ("x8", "x4")
        for figure in ("perceptual", "Frechet")
    ),
    *(
        Comparison("error to the teacher", "error to HR", figure, must_hold=True)
        for figure in BY_TIME
    ),
    *(
        Comparison("x8 distilled", other, figure)
        for other in (
            "x8 by HR",
            "x8 direct",
            "x8 direct, steps of the chain",
            "x8 direct, evaluations of the chain",
        )
        for figure in ("perceptual", "Frechet")
    ),
    Comparison("x8 and decoder", "x8 distilled", "perceptual"),
)


def main() -> None:
    options = options_of()
    study = Study(
        name="yonos",
        arms=ARMS,
        settings=options.settings,
        steps=options.steps,
        seeds=options.seeds,
        figures=FIGURES,
        run=partial(run_arm, options),
        prepare=partial(make_data, options),
        untrained=tuple(STUDENT_OF),
        comparisons=COMPARISONS,
    )
    run_study(study, options)


def options_of(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options of a command line; None for that of this process."""
    parser = study_parser(__doc__.splitlines()[0], results=RESULTS, steps=(300,))
    parser.add_argument("--world", choices=tuple(WORLDS), default="bicubic")
    add_options(parser, lr=5e-4)
    parser.add_argument("--decoder-lr", type=float, default=5e-4)
    options = parser.parse_args(arguments)
    names = ("world", "num_pairs", "num_held_out", "batch_size", "lr", "decoder_lr")
    options.settings = {name: getattr(options, name) for name in names}
    return options


def make_data(options: argparse.Namespace, root: Path) -> None:
    """Make the pairs, and the moments of those to learn from."""
    nums = (options.num_pairs, options.num_held_out)
    make_painted(root, options.world, nums, scales=FACTORS, **WORLDS[options.world])
    levels = ("hr", *(f"lr{factor}" for factor in FACTORS))
    added = pairgen.annotate(
        str(root / f"{options.world}-pairs-{options.num_pairs}"),
        add="moments",
        model="tiny",
        levels=levels,
        executor="serial",
    )
    if not all(each.complete for each in added):
        raise KeyboardInterrupt


def trained(options: argparse.Namespace, arm: str, seed: int, steps: int, root: Path) -> Path:
    """Train an arm, and before it those that it builds on; return its run, also if it stands."""
    chosen = dict(ARMS[arm])
    chosen["steps"] = round(steps * chosen.pop("times", 1))
    for name in ("teacher", "start_from", "network"):
        if name in chosen:
            chosen[name] = str(trained(options, chosen[name], seed, steps, root))
    tunes_decoder = "network" in chosen
    known = canonical_json([arm, seed, steps, options.settings, ARMS])
    folder = root / f"run-{hashlib.sha256(known.encode()).hexdigest()[:12]}"
    with taking_turns(root / f"{folder.name}.lock"):
        if (folder / "model.yaml").is_file():
            return folder
        train_arm(
            "yonos_decoder" if tunes_decoder else "yonos",
            folder,
            data=str(root / f"{options.world}-pairs-{options.num_pairs}"),
            model="tiny",
            seed=seed,
            batch_size=options.batch_size,
            lr=options.decoder_lr if tunes_decoder else options.lr,
            checkpoint_every=100,
            cpu_threads=options.cpu_threads,
            **chosen,
        )
    return folder


def run_arm(
    options: argparse.Namespace, arm: str, seed: int, steps: int, folder: Path
) -> dict[str, float | None]:
    """Train and judge one arm; return its figures, and the seconds of its own training."""
    chosen, root = ARMS[arm], folder.parent
    data = root / f"{options.world}-held-out-{options.num_held_out}"
    unknown = dict.fromkeys(FIGURES.values())
    if "error_of" in chosen:
        student = trained(options, chosen["error_of"], seed, steps, root)
        teacher = trained(options, ARMS[chosen["error_of"]]["teacher"], seed, steps, root)
        found = errors_of_x0(student, teacher, data, chosen["scale"], options.num_held_out)
        errors = found[0] if chosen["to"] == "teacher" else found[1]
        return {**unknown, **dict(zip(BY_TIME.values(), errors, strict=True))}
    if is_bicubic := arm in STUDENT_OF:
        # Any student is judged beside the enlarged LR: one step of training makes one.
        run = trained(options, STUDENT_OF[arm], 0, 1, root)
    else:
        run = trained(options, arm, seed, steps, root)
    figures = dict(unknown)
    for num, names in ((1, ONE_STEP), (MANY, MANY_STEPS)):
        found, seconds = judge_arm(
            run,
            dict(zip(names.values(), ONE_STEP.values(), strict=True)),
            row="given, enlarged" if is_bicubic else "student",
            data=str(data),
            num_samples=options.num_held_out,
            steps=num,
            out=str(run / f"eval-{num}"),
            cpu_threads=options.cpu_threads,
        )
        figures |= found
        if is_bicubic:
            return figures
    return {**figures, "seconds": seconds}


if __name__ == "__main__":
    run_script(main)
