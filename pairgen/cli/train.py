"""`pairgen train`."""

import sys
from pathlib import Path
from typing import Any

import click

from pairgen.cli.options import config_options, given, say, trust_option
from pairgen.cli.result import EXIT_INTERRUPTED
from pairgen.config import merge_config, read_yaml

# Trains no student, and so is no member of `pairgen/methods/`.
LATENT_LPIPS = "latent-lpips"


@click.command()
@click.argument("method")
@click.option("--data", multiple=True, default=None, metavar="DIR|URL", help="Dataset; repeatable.")
@click.option("--model", metavar="NAME|PATH|HUB_ID", help="Start. [the teacher of the data]")
@click.option("--out", metavar="RUN", help="Folder of the run. [runs/METHOD-MODEL]")
@click.option("--steps", type=int, metavar="N", help="Training steps. [10,000]")
@click.option(
    "--batch-size",
    type=int,
    metavar="B",
    help="Samples of a step, over all processes and micro-batches. [the method's]",
)
@click.option("--accumulate", type=int, metavar="N", help="Micro-batches of a process. [1]")
@click.option(
    "--precision", metavar="float32|bfloat16|float16", help="Of the computation. [float32]"
)
@click.option("--lr", type=float, metavar="LR", help="Learning rate. [the method's]")
@click.option("--lora-rank", type=int, metavar="R", help="Train adapters of this rank. [0: all]")
@click.option("--seed", type=int, metavar="S", help="Seed of order and draws. [0]")
@click.option("--where", metavar="EXPR", help="Only samples with, such as 'guidance_scale == 8'.")
@click.option(
    "--guidance-embedding",
    is_flag=True,
    default=None,
    help="Tell the student the guidance scale of each sample.",
)
@click.option("--checkpoint-every", type=int, metavar="N", help="Steps. [1,000; 0: at the end]")
@click.option("--grid-every", type=int, metavar="N", help="Steps. [1,000; 0: at the end]")
@click.option("--skip-bad", is_flag=True, default=None, help="Leave out bad shards; log each.")
@click.option("--resume", is_flag=True, default=None, help="Continue from the last checkpoint.")
@trust_option
@config_options
def train(method: str, config: Path | None, overrides: tuple[str, ...], **options: Any) -> None:
    """Train a student by METHOD on datasets that pairgen made.

    METHOD: regression, reflow, diffusion2gan, or the dotted name of your own module; or
    latent-lpips, which trains a perceptual network on labelled latents instead of a student.
    `--set name=value` sets any option of the run, of the method, or as `player.name=value` of one
    player. Under `torchrun` or `accelerate launch` every process takes its part of each step.

    \b
    Examples:
        pairgen train regression --data pairs --out student --steps 2000
        pairgen train regression --data pairs --set distance=perceptual --lora-rank 16
        pairgen train diffusion2gan --data pairs --set gan_weight=0.05 --set discriminator.lr=5e-5
        pairgen train latent-lpips --data pairs --out perceptual --set width=0.25
        torchrun --nproc-per-node 8 -m pairgen train regression --data pairs --precision bfloat16
    """  # noqa: D301
    merged = merge_config("train", config, overrides) | given(options) | {"method": method}

    if method == LATENT_LPIPS:
        from pairgen.jobs.latent_lpips.card import next_command
        from pairgen.jobs.latent_lpips.run import LPIPS_FILE, run_latent_lpips
        from pairgen.model_config import RUN_FILE

        result = run_latent_lpips(merged, say)
        # As the run knows them: a continued one is not given them again.
        data = read_yaml(result.folder / RUN_FILE)["data"]
        following = next_command(data, str(result.folder / LPIPS_FILE))
    else:
        from pairgen.jobs.train.run import run_train

        result = run_train(merged, say)
        following = f"pairgen sample --model {result.folder}"
    if result.first_process:
        if result.interrupted:
            click.echo(f"Stopped after step {result.step:,}. Continue with --resume.")
        else:
            click.echo(f"{result.step:,} steps: {result.folder}")
            click.echo(f"Next: {following}")
    if result.interrupted:
        sys.exit(EXIT_INTERRUPTED)
