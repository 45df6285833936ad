"""`pairgen train`."""

import sys
from pathlib import Path
from typing import Any

import click

from pairgen.cli.help import command, option
from pairgen.cli.options import config_options, given, say, trust_option
from pairgen.cli.result import EXIT_INTERRUPTED
from pairgen.config import command_options, read_yaml

# Trains no student, and so is no member of `pairgen/methods/`.
LATENT_LPIPS = "latent-lpips"


@command()
@click.argument("method")
@option(
    "--data",
    group="Training",
    multiple=True,
    default=None,
    metavar="DIR|URL",
    help="Dataset to train on; repeatable.",
)
@option(
    "--model",
    group="Model",
    metavar="NAME|PATH|HUB_ID",
    help="Model to initialize the student from. [the dataset's teacher]",
)
@option(
    "--out", group="Output", metavar="RUN", help="Output folder of the run. [runs/METHOD-MODEL]"
)
@option(
    "--steps", group="Training", type=int, metavar="N", help="Number of training steps. [10,000]"
)
@option(
    "--batch-size",
    group="Training",
    type=int,
    metavar="B",
    help="Samples per step, over all processes and micro-batches. [the method's default]",
)
@option(
    "--accumulate",
    group="Training",
    type=int,
    metavar="N",
    help="Micro-batches per process and step (gradient accumulation). [1]",
)
@option(
    "--precision",
    group="Compute",
    metavar="float32|bfloat16|float16",
    help="Compute precision. [float32]",
)
@option(
    "--lr", group="Training", type=float, metavar="LR", help="Learning rate. [the method's default]"
)
@option(
    "--lora-rank",
    group="Training",
    type=int,
    metavar="R",
    help="Train LoRA adapters of this rank instead of all weights. [0: off]",
)
@option("--seed", group="Training", type=int, metavar="S", help="Random seed of the training. [0]")
@option(
    "--where",
    group="Training",
    metavar="EXPR",
    help="Train only on samples that match, such as 'guidance_scale == 8'.",
)
@option(
    "--guidance-embedding",
    group="Training",
    is_flag=True,
    default=None,
    help="Condition the student on the guidance scale of each sample.",
)
@option(
    "--checkpoint-every",
    group="Output",
    type=int,
    metavar="N",
    help="Steps. [1,000; 0: at the end]",
)
@option("--grid-every", group="Output", type=int, metavar="N", help="Steps. [1,000; 0: at the end]")
@option(
    "--skip-bad",
    group="Training",
    is_flag=True,
    default=None,
    help="Skip damaged shards and log each one.",
)
@option(
    "--resume",
    group="Training",
    is_flag=True,
    default=None,
    help="Resume from the last checkpoint.",
)
@trust_option
@config_options
def train(method: str, config: Path | None, overrides: tuple[str, ...], **options: Any) -> None:
    """Train a student with METHOD on datasets made by pairgen.

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
    merged = command_options("train", config, overrides, given(options) | {"method": method})

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
