"""The ablation of Diffusion2GAN, in small: one row for each thing that the paper adds.

    python pipelines/diffusion2gan_ablation.py --minutes 60

Trains the arms one after the other, seed 0 of every arm first, on pairs of the embedded teacher,
judges each by the evaluation net, which no loss uses, and writes one JSON line a run to
`diffusion2gan_ablation.jsonl`, beside this file. Begins no arm when the minutes are spent: the same
command goes on, inside an arm too that was stopped. `--minutes 0` prints the table of what is
there.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import pairgen
from pairgen.errors import run_script
from pairgen.report.table import markdown

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
REAL_STATISTICS = "package:assets/judge/tiny_prompts.safetensors"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--num-pairs", type=int, default=1024)
    parser.add_argument("--num-held-out", type=int, default=512)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--lr", type=float, default=3e-4)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cpu-threads", type=int, default=1)
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    end = time.monotonic() + 60 * options.minutes

    if options.minutes:
        make_pairs(options)
    for seed in range(options.seeds):
        for arm in ARMS:
            if time.monotonic() >= end:
                break
            if not any(each["arm"] == arm and each["seed"] == seed for each in read(options)):
                run_arm(options, arm, seed)
    print_table(options)


def make_pairs(options: argparse.Namespace) -> None:
    """Make the pairs and the held-out ones; nothing where they stand."""
    for name, seed, num in (
        ("pairs", 0, options.num_pairs),
        ("held-out", 1, options.num_held_out),
    ):
        pairgen.ode(
            model="tiny",
            cfg=4,
            steps=12,
            solver="dpmpp_2m",
            spacing="logsnr",
            seed=seed,
            num_samples=num,
            samples_per_shard=64,
            cpu_threads=options.cpu_threads,
            out=str(options.out / name),
        )


def folder_name(arm: str) -> str:
    """Return the name of an arm for a folder: `L1` and `+ L1` are two."""
    return arm.lower().replace("+ ", "with-").replace(",", "").replace(" ", "-")


def run_arm(options: argparse.Namespace, arm: str, seed: int) -> None:
    """Train and judge one arm, and write its line."""
    run = options.out / f"{folder_name(arm)}-{seed}"
    began = time.perf_counter()
    done = pairgen.train(
        "diffusion2gan",
        data=str(options.out / "pairs"),
        out=str(run),
        steps=options.steps,
        batch_size=options.batch_size,
        lr=options.lr,
        lr_schedule="cosine",
        warmup_steps=20,
        ema_decay=0.99,
        seed=seed,
        checkpoint_every=50,
        checkpoints_total_limit=1,
        grid_every=0,
        tensorboard=False,
        cpu_threads=options.cpu_threads,
        resume=(run / "config.yaml").is_file(),
        **{"discriminator.lr": options.lr},
        **ARMS[arm],
    )
    if done.interrupted:
        sys.exit(130)
    seconds = time.perf_counter() - began
    found = pairgen.evaluate(
        run,
        data=str(options.out / "held-out"),
        num_samples=options.num_held_out,
        teacher_steps=(),
        real_statistics=REAL_STATISTICS,
        cpu_threads=options.cpu_threads,
    ).figures
    row = next(each for each in found["rows"] if each["name"] == "student")
    line = {
        "arm": arm,
        "seed": seed,
        "steps": options.steps,
        "batch_size": options.batch_size,
        "lr": options.lr,
        "num_pairs": options.num_pairs,
        "num_held_out": options.num_held_out,
        "seconds": round(seconds),
        "device": found["device"],
        **{name: row[name] for name in FIGURES.values()},
    }
    with options.results.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def read(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the runs that are done with these numbers."""
    if not options.results.is_file():
        return []
    lines = options.results.read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    numbers = ("steps", "batch_size", "lr", "num_pairs", "num_held_out")
    return [each for each in found if all(each[name] == getattr(options, name) for name in numbers)]


def print_table(options: argparse.Namespace) -> None:
    """Print the mean of each arm over its seeds, and how many these are."""
    lines = [["arm", *FIGURES, "seeds"]]
    for arm in ARMS:
        runs = [each for each in read(options) if each["arm"] == arm]
        if runs:
            cells = [mean_cell([each[name] for each in runs]) for name in FIGURES.values()]
            lines.append([arm, *cells, str(len(runs))])
    print("\n".join(markdown(lines)))


def mean_cell(values: Sequence[float | None]) -> str:
    """Return the mean of a figure; a dash where a run has too few pictures for it."""
    known = [value for value in values if value is not None]
    return f"{mean(known):.3f}" if len(known) == len(values) else "-"


if __name__ == "__main__":
    run_script(main)
