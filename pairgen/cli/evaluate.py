"""`pairgen eval`."""

from pathlib import Path
from typing import Any

import click

from pairgen.cli.help import command, option
from pairgen.cli.options import config_options, given, pin_threads, say, trust_option
from pairgen.config import command_options


@command("eval")
@click.argument("run")
@option(
    "--data",
    group="What is measured",
    metavar="DIR|URL",
    help="Held-out pairs: a dataset that the student was not trained on.",
)
@option(
    "--num-samples",
    group="What is measured",
    type=int,
    metavar="N",
    help="Number of pairs to use. [512, or all if there are fewer]",
)
@option(
    "--teacher-steps",
    group="What is measured",
    metavar="N[,N...]",
    help="Numbers of steps at which to evaluate the teacher too. [1,2,4,50]",
)
@option(
    "--real-statistics",
    group="What is measured",
    metavar="FILE",
    help="Statistics of real images; adds the Frechet distance to them.",
)
@option("--out", group="Output", metavar="DIR", help="Output folder. [RUN/eval]")
@option(
    "--batch-size",
    group="Compute",
    type=int,
    metavar="B",
    help="Samples per batch. [as the pairs were made]",
)
@option(
    "--where",
    group="What is measured",
    metavar="EXPR",
    help="Use only pairs that match, such as 'guidance_scale == 8'.",
)
@option(
    "--allow-training-data",
    group="What is measured",
    is_flag=True,
    default=None,
    help="Allow evaluation on training data.",
)
@option(
    "--cpu-threads",
    group="Compute",
    type=int,
    metavar="N",
    help="CPU threads. [as the pairs were made]",
)
@trust_option
@config_options
def evaluate(run: str, config: Path | None, overrides: tuple[str, ...], **options: Any) -> None:
    """Evaluate a student on held-out pairs, next to its teacher at several step counts.

    RUN is a folder of `pairgen train`, or any model. Prints a table of distances to the end points
    of the pairs, of the evaluation net's figures, of time and cost; leaves eval.json with all
    numbers, grid.png and index.html.

    \b
    Examples:
        pairgen eval runs/student --data held-out
        pairgen eval runs/student --data held-out --num-samples 64 --teacher-steps 1,4
    """  # noqa: D301
    merged = command_options("eval", config, overrides, given(options) | {"run": run})
    if merged.get("cpu_threads"):
        pin_threads(merged["cpu_threads"])
    from pairgen.jobs.eval.page import LEGEND, figure_table, ledger_table
    from pairgen.jobs.eval.run import PAGE_FILE, run_evaluate

    result = run_evaluate(merged, say)
    click.echo(figure_table(result.figures))
    click.echo(f"\n{LEGEND}\n")
    if result.figures["ledger"]:
        click.echo(ledger_table(result.figures) + "\n")
    click.echo(f"Page: {result.folder / PAGE_FILE}")
