"""`pairgen sample`."""

from pathlib import Path
from typing import Any

import click

from pairgen.cli.help import command, option
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
from pairgen.config import command_options


@command()
@option(
    "--model",
    group="Model",
    metavar="NAME|PATH|HUB_ID",
    help="Teacher: a packaged name, a folder or a hub id. [tiny]",
)
@option(
    "--prompts",
    group="Prompts",
    multiple=True,
    metavar="FILE|GLOB|DIR/|-|TEXT",
    help="A prompt, or any prompt source that `pairgen ode` accepts; repeatable.",
)
@prompt_options
@option(
    "--out",
    group="Output",
    metavar="FILE.png|DIR/",
    help="Output: a .png grid, or a folder for single images, the grid and samples.json. "
    "[samples.png]",
)
@option("--num-per-prompt", group="Prompts", type=int, metavar="K", help="Images per prompt. [1]")
@option(
    "--cfg",
    group="Model",
    metavar="SCALE[,SCALE...]",
    help="Guidance scales. Each noise is sampled at every scale. [7.5]",
)
@setting_options
@sampler_options
@option(
    "--columns",
    group="What is shown",
    type=int,
    metavar="N",
    help="Images per row of the grid. [see above]",
)
@option(
    "--captions/--no-captions",
    group="What is shown",
    default=None,
    help="Print the prompt below each image. [captions]",
)
@trust_option
@config_options
def sample(config: Path | None, overrides: tuple[str, ...], **options: Any) -> None:
    """Sample images from a teacher or a student.

    The grid goes prompt by prompt. Several guidance scales make a row for each prompt and noise,
    from left to right as given; several noises alone make a row for each prompt. Pictures are those
    of `pairgen ode` with the same options. They carry how they were made: PNG text chunk "pairgen".

    \b
    Examples:
        pairgen sample --prompts "a red apple on a white background"
        pairgen sample --prompts "a red apple" --num-per-prompt 8 --out apples.png
        pairgen sample --model sd15 --prompts captions.txt --cfg 1,4,8 --out pictures/
    """  # noqa: D301
    merged = command_options("sample", config, overrides, given(options))
    pin_threads(merged.get("cpu_threads", 1))
    from pairgen.jobs.sample.run import run_sample

    made = run_sample(merged, say)
    num, height, width, _ = made.pictures.shape
    click.echo(f"{num:,} picture{'s' * (num != 1)} of {width} x {height} px: {made.path}")
