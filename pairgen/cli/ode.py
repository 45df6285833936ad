"""`pairgen ode`."""

from pathlib import Path
from typing import Any

import click

from pairgen.cli.options import (
    config_options,
    dry_run_options,
    executor_options,
    given,
    pin_threads,
    prompt_files_option,
    prompt_options,
    sampler_options,
    say,
    setting_options,
    trust_option,
)
from pairgen.cli.result import print_result
from pairgen.config import merge_config
from pairgen.execution.forecast.sheet import cost_sheet


@click.command()
@click.option("--model", metavar="NAME|PATH|HUB_ID", help="Teacher. [tiny]")
@click.option(
    "--cfg",
    metavar="SCALE[,SCALE...]",
    help="Guidance scales; each pair is sampled at every one. [7.5]",
)
@prompt_files_option
@prompt_options
@click.option(
    "--num-samples",
    type=int,
    metavar="N",
    help="Samples in the set. [one for each prompt and scale]",
)
@click.option("--out", metavar="DIR|URL", help="Where the dataset goes. [data/ode-MODEL]")
@click.option(
    "--from-calibration",
    metavar="FILE",
    help="Of pairgen calibrate: gives solver, spacing, steps, end and dtype unless typed.",
)
@setting_options
@sampler_options
@click.option(
    "--trajectory",
    metavar="T[,T...]",
    help="Times whose states are stored as path.npy; inserted into the grid.",
)
@click.option(
    "--noise",
    metavar="stored|seed",
    help="Store noise.npy, or only its seed: half the size. [stored]",
)
@click.option(
    "--store-embeddings", is_flag=True, default=None, help="Store txt_emb.npy (and pooled_emb.npy)."
)
@click.option("--samples-per-shard", type=int, metavar="N", help="[the model's number]")
@click.option(
    "--long-prompts",
    metavar="truncate|reject",
    help="What happens to a prompt longer than the teacher reads. [truncate]",
)
@click.option(
    "--max-rejected",
    type=float,
    metavar="SHARE",
    help="Share of refused inputs above which the exit code is 3. [0.01]",
)
@click.option("--compile", is_flag=True, default=None, help="Compile the network.")
@dry_run_options
@executor_options
@trust_option
@config_options
def ode(
    config: Path | None,
    overrides: tuple[str, ...],
    dry_run: int | None,
    price_per_gpu_hour: float | None,
    preemptions: float | None,
    **options: Any,
) -> None:
    """Turn prompts into (noise, prompt, latent) WebDataset shards.

    The same command continues an interrupted run. On a folder that holds a dataset, options that
    are not given are taken from its plan.

    \b
    Examples:
        pairgen ode --model tiny --cfg 8
        pairgen ode --model sd15 --cfg 3,8 --prompts captions.parquet --out data/pairs
        pairgen ode --model sd15 --cfg 8 --trajectory 999,749,499,249 --executor ray
        pairgen ode --model sd15 --cfg 8 --num-workers 8 --dry-run --preemptions 5%
    """  # noqa: D301
    merged = merge_config("ode", config, overrides) | given(options)
    pin_threads(merged.get("cpu_threads", 1))
    from pairgen.jobs.ode.dry_run import run_ode_dry
    from pairgen.jobs.ode.run import run_ode

    if dry_run is not None:
        dry = run_ode_dry(merged, dry_run, say)
        click.echo(cost_sheet(dry, price_per_gpu_hour, preemptions))
        return
    print_result(run_ode(merged, say))
