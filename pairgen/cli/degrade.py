"""`pairgen degrade`."""

from pathlib import Path
from typing import Any

import click

from pairgen.cli.options import (
    config_options,
    dry_run_options,
    executor_options,
    given,
    pin_threads,
    say,
    trust_option,
)
from pairgen.cli.result import print_result
from pairgen.config import merge_config
from pairgen.execution.forecast.sheet import cost_sheet


@click.command()
@click.option(
    "--images",
    multiple=True,
    default=None,
    metavar="DIR|GLOB|FILE",
    help="Folder, glob, image, .txt list of paths, .tar, .parquet, .arrow; repeatable.",
)
@click.option(
    "--from-ode",
    metavar="DIR",
    help="Set made by pairgen ode: its samples, decoded by its teacher, are the images.",
)
@click.option(
    "--captions",
    metavar="FILE",
    help="csv, tsv, jsonl or parquet: file_name (or image, path, key) and a caption column.",
)
@click.option(
    "--column",
    metavar="NAME",
    help="Column of the captions. [caption, text, prompt or txt]",
)
@click.option(
    "--scales",
    metavar="N[,N...]",
    help="LR at 1/N for N of 2, 4, 8, 16; each brings its 2/N. [4]",
)
@click.option("--levels", metavar="N[,N...]", help="Levels stored, instead of those of --scales.")
@click.option("--degradation", metavar="NAME|FILE", help="Preset, or your own .yaml. [realesrgan]")
@click.option("--crop", type=int, metavar="PX", help="Side of HR. [512]")
@click.option("--crops", metavar="random|tiled", help="Random crops, or all tiles. [random]")
@click.option("--samples-per-image", type=int, metavar="K", help="Random crops an image. [1]")
@click.option(
    "--min-sharpness",
    type=float,
    metavar="V",
    help="Lowest variance of a crop's Laplacian: below 10 is flat or out of focus, texture has "
    "hundreds. Random crops try ten places. [0]",
)
@click.option("--max-aspect", type=float, metavar="A", help="Longer over shorter side. [any]")
@click.option(
    "--hr-format",
    metavar="png|webp-lossless|jpg",
    help="How HR is stored; jpg is of quality 95 and full colour resolution. [png]",
)
@click.option("--out", metavar="DIR|URL", help="Where the set goes. [data/degrade-DEGRADATION]")
@click.option("--samples-per-shard", type=int, metavar="N", help="[256]")
@click.option("--seed", type=int, metavar="S", help="Seed of crops and degradations. [0]")
@click.option(
    "--max-rejected",
    type=float,
    metavar="SHARE",
    help="Share of refused images above which the exit code is 3. [0.01]",
)
@click.option("--cpu-threads", type=int, metavar="N", help="Threads of a worker. [1]")
@click.option(
    "--pixel-path",
    metavar="cpu|torch",
    help="Degrade one image at a time on the CPU, or batches by torch, on a GPU if there is one; "
    "a set keeps its path. [cpu]",
)
@click.option(
    "--batch-size", type=int, metavar="B", help="Images of a batch of the path torch. [32]"
)
@dry_run_options
@executor_options
@trust_option
@config_options
def degrade(
    config: Path | None,
    overrides: tuple[str, ...],
    dry_run: int | None,
    price_per_gpu_hour: float | None,
    preemptions: float | None,
    **options: Any,
) -> None:
    """Turn photographs into pairs of HR and degraded LR, as WebDataset shards.

    Every sample has its own degradation, drawn once and recorded; all its levels are rendered from
    that draw. The same command continues an interrupted run.

    \b
    Examples:
        pairgen degrade --scales 4,8
        pairgen degrade --scales 4 --images photos/ --samples-per-image 4 --out data/sr
        pairgen degrade --scales 8 --images 'a/*.jpg' --degradation bicubic --crop 256
        pairgen degrade --scales 4 --from-ode data/pairs --out data/sr
        pairgen degrade --scales 4 --images photos/ --out data/sr --dry-run
    """  # noqa: D301
    merged = merge_config("degrade", config, overrides) | given(options)
    pin_threads(merged.get("cpu_threads", 1))
    from pairgen.jobs.degrade.dry_run import run_degrade_dry
    from pairgen.jobs.degrade.run import run_degrade

    if dry_run is not None:
        dry = run_degrade_dry(merged, dry_run, say)
        click.echo(cost_sheet(dry, price_per_gpu_hour, preemptions))
        return
    print_result(run_degrade(merged, say))
