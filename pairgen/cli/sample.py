"""`pairgen sample`."""

from pathlib import Path
from typing import Any

import click

from pairgen.cli.options import (
    config_options,
    given,
    pin_threads,
    prompt_options,
    sampler_options,
    say,
    setting_options,
    trust_option,
)
from pairgen.config import merge_config


@click.command()
@click.option("--model", metavar="NAME|PATH|HUB_ID", help="Teacher. [tiny]")
@click.option(
    "--prompts",
    multiple=True,
    metavar="FILE|GLOB|DIR/|-|TEXT",
    help="A prompt itself, or what `pairgen ode` takes; repeatable.",
)
@prompt_options
@click.option(
    "--out",
    metavar="FILE.png|DIR/",
    help="A grid; or a folder for every picture, the grid and samples.json. [samples.png]",
)
@click.option("--num-per-prompt", type=int, metavar="K", help="Noises of each prompt. [1]")
@click.option(
    "--cfg",
    metavar="SCALE[,SCALE...]",
    help="Guidance scales; each noise is sampled at every one. [7.5]",
)
@setting_options
@sampler_options
@click.option(
    "--columns",
    type=int,
    metavar="N",
    help="Pictures in a row of the grid. [rows of what belongs together, see above]",
)
@click.option(
    "--captions/--no-captions",
    default=None,
    help="Whether the prompt stands under each picture of the grid. [captions]",
)
@trust_option
@config_options
def sample(config: Path | None, overrides: tuple[str, ...], **options: Any) -> None:
    """Show what a teacher makes of prompts: one picture, or a grid.

    The grid goes prompt by prompt. Several guidance scales make a row for each prompt and noise,
    from left to right as given; several noises alone make a row for each prompt. Pictures are those
    of `pairgen ode` with the same options. They carry how they were made: PNG text chunk "pairgen".

    \b
    Examples:
        pairgen sample --prompts "a red apple on a white background"
        pairgen sample --prompts "a red apple" --num-per-prompt 8 --out apples.png
        pairgen sample --model sd15 --prompts captions.txt --cfg 1,4,8 --out pictures/
    """  # noqa: D301
    merged = merge_config("sample", config, overrides) | given(options)
    pin_threads(merged.get("cpu_threads", 1))
    from pairgen.jobs.sample.run import run_sample

    made = run_sample(merged, say)
    num, height, width, _ = made.pictures.shape
    click.echo(f"{num:,} picture{'s' * (num != 1)} of {width} x {height} px: {made.path}")
