"""`pairgen ode`."""

from pathlib import Path
from typing import Any

import click

from pairgen.cli.dry_run_options import dry_run_options
from pairgen.cli.help import command, option
from pairgen.cli.options import (
    config_options,
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
from pairgen.config import command_options
from pairgen.execution.forecast.sheet import cost_sheet


@command()
@option(
    "--model",
    group="Model",
    metavar="NAME|PATH|HUB_ID",
    help="Teacher: a packaged name, a folder or a hub id. [tiny]",
)
@option(
    "--cfg",
    group="Model",
    metavar="SCALE[,SCALE...]",
    help="Guidance scales. Each pair is sampled at every scale. [7.5]",
)
@prompt_files_option
@prompt_options
@option(
    "--num-samples",
    group="Output",
    type=int,
    metavar="N",
    help="Number of samples. [one per prompt and guidance scale]",
)
@option("--out", group="Output", metavar="DIR|URL", help="Output folder or URL. [data/ode-MODEL]")
@option(
    "--from-calibration",
    group="Sampling",
    metavar="FILE",
    help="Use the sampler settings that `pairgen calibrate` chose; flags override them.",
)
@setting_options
@sampler_options
@option(
    "--trajectory",
    group="Sampling",
    metavar="T[,T...]",
    help="Timesteps at which to store the ODE state, as path.npy.",
)
@option(
    "--noise",
    group="Output",
    metavar="stored|seed",
    help="Store the noise, or only its seed, which halves the size. [stored]",
)
@option(
    "--store-embeddings",
    group="Output",
    is_flag=True,
    default=None,
    help="Store prompt embeddings: txt_emb.npy, and pooled_emb.npy where the model has it.",
)
@option(
    "--samples-per-shard",
    group="Output",
    type=int,
    metavar="N",
    help="Samples per shard. [the model's default]",
)
@option(
    "--long-prompts",
    group="Prompts",
    metavar="truncate|reject",
    help="How to handle prompts longer than the text encoder's limit. [truncate]",
)
@option(
    "--max-rejected",
    group="Output",
    type=float,
    metavar="SHARE",
    help="Exit with code 3 if more than this share of the inputs is rejected. [0.01]",
)
@option(
    "--compile",
    group="Compute",
    is_flag=True,
    default=None,
    help="Compile the network with torch.compile.",
)
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
    """Turn prompts into (noise, prompt, latent) pairs as WebDataset shards.

    The same command continues an interrupted run. On a folder that holds a dataset, options that
    are not given are taken from its plan.

    \b
    Examples:
        pairgen ode --model tiny --cfg 8
        pairgen ode --model sd15 --cfg 3,8 --prompts captions.parquet --out data/pairs
        pairgen ode --model sd15 --cfg 8 --trajectory 999,749,499,249 --executor ray
        pairgen ode --model sd15 --cfg 8 --num-workers 8 --dry-run --preemptions 5%
    """  # noqa: D301
    merged = command_options("ode", config, overrides, given(options))
    pin_threads(merged.get("cpu_threads", 1))
    from pairgen.jobs.ode.dry_run import run_ode_dry
    from pairgen.jobs.ode.run import run_ode

    if dry_run is not None:
        dry = run_ode_dry(merged, dry_run, say)
        click.echo(cost_sheet(dry, price_per_gpu_hour, preemptions))
        return
    print_result(run_ode(merged, say))
