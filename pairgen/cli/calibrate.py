"""`pairgen calibrate`."""

import sys
from pathlib import Path
from typing import Any

import click

from pairgen.cli.help import command, option
from pairgen.cli.options import (
    config_options,
    given,
    pin_threads,
    prompt_files_option,
    prompt_options,
    sampler_options,
    say,
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
    "--cfg",
    group="Model",
    metavar="SCALE[,SCALE...]",
    help="Guidance scales. The scale with the largest error decides. [7.5]",
)
@prompt_files_option
@prompt_options
@option(
    "--num-prompts",
    group="Prompts",
    type=int,
    metavar="N",
    help="Number of (prompt, noise) pairs to measure. [64]",
)
@option(
    "--tolerance",
    group="What is measured",
    metavar="SHARE",
    help="Largest median error to accept, as 2% or 0.02. [2%]",
)
@option(
    "--solvers",
    group="What is measured",
    metavar="SOLVER/SPACING[,...]",
    help="Solvers and spacings to measure. [ddim/trailing,ddim/leading,dpmpp_2m/trailing,"
    "dpmpp_2m/logsnr,heun/logsnr]",
)
@option(
    "--steps",
    group="What is measured",
    metavar="N[,N...]",
    help="Numbers of steps to measure. [10,15,20,30,50]",
)
@option(
    "--dtypes",
    group="What is measured",
    metavar="DTYPE[,DTYPE...]",
    help="Precisions to measure. [the model's and float32]",
)
@option(
    "--reference-steps",
    group="What is measured",
    type=int,
    metavar="N",
    help="Steps of the reference solution (heun, logsnr, float32). [200]",
)
@sampler_options
@option(
    "--out",
    group="Output",
    metavar="DIR|URL",
    help="Output folder or URL. [data/calibration-MODEL]",
)
@trust_option
@config_options
def calibrate(config: Path | None, overrides: tuple[str, ...], **options: Any) -> None:
    """Measure which solver, spacing and step count reach a teacher's converged ODE.

    Prints a table of errors, evaluations and speeds and the cheapest setting within the tolerance;
    leaves calibration.json, for `pairgen ode --from-calibration`, calibration.md and
    calibration.png. What is measured is kept: the same command continues, other --steps add rows.

    \b
    Examples:
        pairgen calibrate --model tiny --cfg 8
        pairgen calibrate --model sd15 --cfg 8 --prompts captions.txt --tolerance 1%
        pairgen calibrate --model sd15 --solvers ddim/trailing,dpmpp_2m/logsnr --steps 20,25,30
    """  # noqa: D301
    merged = command_options("calibrate", config, overrides, given(options))
    pin_threads(merged.get("cpu_threads", 1))
    from pairgen.jobs.calibrate.page import LEGEND, error_table, notes, verdict
    from pairgen.jobs.calibrate.run import PLOT_FILE, run_calibrate
    from pairgen.kinds.ode.calibration import CALIBRATION_FILE

    result = run_calibrate(merged, say)
    found = result.calibration
    click.echo(error_table(found))
    click.echo(f"\n{LEGEND}\n")
    for note in notes(found):
        click.echo(note)
    click.echo(f"Plot: {result.url}/{PLOT_FILE}")
    if found.chosen is None:
        click.echo(f"Error: {verdict(found)}", err=True)
        sys.exit(1)
    click.echo(verdict(found))
    click.echo(f"Next: pairgen ode ... --from-calibration {result.url}/{CALIBRATION_FILE}")
