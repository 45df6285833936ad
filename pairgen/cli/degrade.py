"""`pairgen degrade`."""

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
    say,
    trust_option,
)
from pairgen.cli.result import print_result
from pairgen.config import command_options
from pairgen.execution.forecast.sheet import cost_sheet


@command()
@option(
    "--images",
    group="Images",
    multiple=True,
    default=None,
    metavar="DIR|GLOB|FILE",
    help="Images: folders, globs, files, .txt lists of paths, .tar, .parquet or .arrow; "
    "repeatable. [packaged photographs]",
)
@option(
    "--from-ode",
    group="Images",
    metavar="DIR",
    help="Use the decoded samples of a dataset made by `pairgen ode` as images.",
)
@option(
    "--captions",
    group="Images",
    metavar="FILE",
    help="Captions: csv, tsv, jsonl or Parquet with file_name (or image, path, key) and a "
    "caption column.",
)
@option(
    "--column",
    group="Images",
    metavar="NAME",
    help="Caption column. [caption, text, prompt or txt]",
)
@option(
    "--scales",
    group="Degradation",
    metavar="N[,N...]",
    help="Super-resolution factors, of 2, 4, 8 and 16. Each stores LR at 1/N and 2/N. [4]",
)
@option(
    "--levels",
    group="Degradation",
    metavar="N[,N...]",
    help="LR levels to store instead of those that --scales implies.",
)
@option(
    "--degradation",
    group="Degradation",
    metavar="NAME|FILE",
    help="Degradation preset, or your own .yaml file. [realesrgan]",
)
@option(
    "--crop", group="Images", type=int, metavar="PX", help="Side of the HR crop in pixels. [512]"
)
@option(
    "--crops",
    group="Images",
    metavar="random|tiled",
    help="Random crops, or every tile of a grid. [random]",
)
@option(
    "--samples-per-image", group="Images", type=int, metavar="K", help="Random crops per image. [1]"
)
@option(
    "--min-sharpness",
    group="Images",
    type=float,
    metavar="V",
    help="Lowest variance of a crop's Laplacian: below 10 is flat or out of focus, texture has "
    "hundreds. Random crops try ten places. [0]",
)
@option(
    "--max-aspect",
    group="Images",
    type=float,
    metavar="A",
    help="Skip images with a larger aspect ratio. [no limit]",
)
@option(
    "--hr-format",
    group="Output",
    metavar="png|webp-lossless|jpg",
    help="HR format; jpg uses quality 95 without chroma subsampling. [png]",
)
@option(
    "--out",
    group="Output",
    metavar="DIR|URL",
    help="Output folder or URL. [data/degrade-DEGRADATION]",
)
@option(
    "--samples-per-shard", group="Output", type=int, metavar="N", help="Samples per shard. [256]"
)
@option(
    "--seed",
    group="Degradation",
    type=int,
    metavar="S",
    help="Random seed of crops and degradations. [0]",
)
@option(
    "--max-rejected",
    group="Output",
    type=float,
    metavar="SHARE",
    help="Exit with code 3 if more than this share of the images is rejected. [0.01]",
)
@option(
    "--cpu-threads", group="Compute", type=int, metavar="N", help="CPU threads of each worker. [1]"
)
@option(
    "--pixel-path",
    group="Compute",
    metavar="cpu|torch",
    help="Degrade one image at a time on the CPU, or batches by torch, on a GPU if there is one; "
    "a set keeps its path. [cpu]",
)
@option(
    "--batch-size",
    group="Compute",
    type=int,
    metavar="B",
    help="Images per batch with --pixel-path torch. [32]",
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
    """Turn images into (HR, degraded LR) pairs as WebDataset shards.

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
    merged = command_options("degrade", config, overrides, given(options))
    pin_threads(merged.get("cpu_threads", 1))
    from pairgen.jobs.degrade.dry_run import run_degrade_dry
    from pairgen.jobs.degrade.run import run_degrade

    if dry_run is not None:
        dry = run_degrade_dry(merged, dry_run, say)
        click.echo(cost_sheet(dry, price_per_gpu_hour, preemptions))
        return
    print_result(run_degrade(merged, say))
