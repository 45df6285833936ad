"""The ablation of Diffusion2GAN, in small: one row for each thing that the paper adds.

    python pipelines/diffusion2gan_ablation.py --minutes 60

Trains the arms one after the other, seed 0 of every arm first, on pairs of the embedded teacher,
judges each by the evaluation net, which no loss uses, and writes one JSON line a run to
`diffusion2gan_ablation.jsonl`, beside this file. Begins no arm when the minutes are spent: the same
command goes on, inside an arm too that was stopped. `--minutes 0` prints the tables of what is
there.

Pairs and students lie in `~/.cache/pairgen/runs/diffusion2gan_ablation`. With the numbers that
stand here an arm trained 3 to 34 minutes on a CPU beside other jobs, 24 runs 3.7 hours. Means of
two seeds, and the difference to the arm before in each of them:

    arm                       Frechet   by seed         to real
    MSE                         1.374                     3.112
    L1                          1.579                     3.204
    LPIPS of pixels             2.196                     4.349
    LatentLPIPS                 2.084                     3.933
    E-LatentLPIPS               1.628                     3.556
    E-LatentLPIPS, 4 draws      1.328                     3.291
    + L1                        1.296                     3.158
    + discriminator             1.196   -0.090 -0.110     3.026
    + noise condition           1.259   +0.066 +0.060     3.094
    + multi-scale               1.071   -0.154 -0.222     2.740
    + R1                        1.047   -0.049 +0.002     2.789
    + mix-and-match             1.015   -0.016 -0.050     2.740
"""

import argparse
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from _arms import Comparison, Study, judge_arm, run_study, study_parser, train_arm

import pairgen
from pairgen.errors import run_script

RESULTS = Path(__file__).with_suffix(".jsonl")
GAN_OFF = {"gan_weight": 0.0}
FULL: dict[str, Any] = {}
# Up to the four draws they are distances alone. `+ L1` is E-LatentLPIPS of one draw with the L1
# term of the authors' release, and each arm after it has one thing more than the one before.
ARMS: dict[str, dict[str, Any]] = {
    "MSE": {**GAN_OFF, "distance": "mse", "l1_weight": 0.0},
    "L1": {**GAN_OFF, "distance": "mse", "distance_weight": 0.0},
    "LPIPS of pixels": {**GAN_OFF, "distance": "lpips", "l1_weight": 0.0},
    "LatentLPIPS": {**GAN_OFF, "distance": "latent_lpips", "l1_weight": 0.0},
    "E-LatentLPIPS": {**GAN_OFF, "l1_weight": 0.0},
    "E-LatentLPIPS, 4 draws": {**GAN_OFF, "l1_weight": 0.0, "num_augmentations": 4},
    "+ L1": GAN_OFF,
    "+ discriminator": {
        "noise_condition": False,
        "multi_scale": False,
        "r1_gamma": 0.0,
        "mix_share": 0.0,
    },
    "+ noise condition": {"multi_scale": False, "r1_gamma": 0.0, "mix_share": 0.0},
    "+ multi-scale": {"r1_gamma": 0.0, "mix_share": 0.0},
    "+ R1": {"mix_share": 0.0},
    "+ mix-and-match": FULL,
}
FIGURES = {
    "Frechet": "frechet_distance",
    "to real": "frechet_distance_real",
    "latent error": "latent_relative_rms",
    "agreement": "caption_agreement",
    "within": "diversity_within",
}
BY_DISTANCE = ("E-LatentLPIPS, 4 draws", "+ L1", "+ mix-and-match")
ADDED = ("+ L1", "+ discriminator", "+ noise condition", "+ multi-scale", "+ R1", "+ mix-and-match")
COMPARISONS = (
    *(Comparison(arm, "MSE", figure) for figure in ("Frechet", "to real") for arm in BY_DISTANCE),
    *(Comparison(after, before, "Frechet") for before, after in pairwise(ADDED)),
)
REAL_STATISTICS = "package:assets/judge/tiny_prompts.safetensors"


def main() -> None:
    parser = study_parser(__doc__.splitlines()[0], results=RESULTS, steps=(300,))
    parser.add_argument("--num-pairs", type=int, default=1024)
    parser.add_argument("--num-held-out", type=int, default=512)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--lr", type=float, default=3e-4)
    parser.add_argument("--cpu-threads", type=int, default=1)
    options = parser.parse_args()
    settings = ("batch_size", "lr", "num_pairs", "num_held_out")
    study = Study(
        name="diffusion2gan_ablation",
        arms=ARMS,
        settings={name: getattr(options, name) for name in settings},
        steps=options.steps,
        seeds=options.seeds,
        figures=FIGURES,
        run=partial(run_arm, options),
        prepare=partial(make_pairs, options),
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
            out=str(root / name),
        )
        if not made.complete:
            raise KeyboardInterrupt


def sets(options: argparse.Namespace) -> dict[str, int]:
    """Return the folders of the pairs and of the held-out ones, and how many these are."""
    numbers = {"pairs": options.num_pairs, "held-out": options.num_held_out}
    return {f"{name}-{num}": num for name, num in numbers.items()}


def run_arm(
    options: argparse.Namespace, arm: str, seed: int, steps: int, folder: Path
) -> dict[str, float | None]:
    """Train and judge one arm; return its figures, and the seconds of its training."""
    pairs, held_out = (str(folder.parent / name) for name in sets(options))
    train_arm(
        "diffusion2gan",
        folder,
        data=pairs,
        steps=steps,
        batch_size=options.batch_size,
        lr=options.lr,
        seed=seed,
        checkpoint_every=50,
        cpu_threads=options.cpu_threads,
        **{"discriminator.lr": options.lr},
        **ARMS[arm],
    )
    figures, seconds = judge_arm(
        folder,
        {name: name for name in FIGURES.values()},
        data=held_out,
        num_samples=options.num_held_out,
        teacher_steps=(),
        real_statistics=REAL_STATISTICS,
        cpu_threads=options.cpu_threads,
    )
    return {**figures, "seconds": seconds}


if __name__ == "__main__":
    run_script(main)
