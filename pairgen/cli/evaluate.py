"""`pairgen eval`."""

from pathlib import Path
from typing import Any

import click

from pairgen.cli.options import config_options, given, pin_threads, say, trust_option
from pairgen.config import merge_config


@click.command("eval")
@click.argument("run")
@click.option("--data", metavar="DIR|URL", help="Pairs that the student was not trained on.")
@click.option("--num-samples", type=int, metavar="N", help="Of the first pairs. [512, or all]")
@click.option(
    "--teacher-steps",
    metavar="N[,N...]",
    help="Steps at which the pairs' teacher is measured too. [1,2,4,50]",
)
@click.option(
    "--real-statistics",
    metavar="FILE",
    help="Statistics of real pictures of such prompts: adds the Frechet distance to them.",
)
@click.option("--out", metavar="DIR", help="Folder of what is found. [RUN/eval]")
@click.option("--batch-size", type=int, metavar="B", help="[that of the pairs]")
@click.option("--where", metavar="EXPR", help="Only pairs with, such as 'guidance_scale == 8'.")
@click.option(
    "--allow-training-data", is_flag=True, default=None, help="Judge by what was trained on."
)
@click.option("--cpu-threads", type=int, metavar="N", help="Threads. [those of the pairs]")
@trust_option
@config_options
def evaluate(run: str, config: Path | None, overrides: tuple[str, ...], **options: Any) -> None:
    """Judge the student of RUN by held-out pairs, beside its teacher at several steps.

    RUN is a folder of `pairgen train`, or any model. Prints a table of distances to the end points
    of the pairs, of the evaluation net's figures, of time and cost; leaves eval.json with all
    numbers, grid.png and index.html.

    \b
    Examples:
        pairgen eval runs/student --data held-out
        pairgen eval runs/student --data held-out --num-samples 64 --teacher-steps 1,4
    """  # noqa: D301
    merged = merge_config("eval", config, overrides) | given(options) | {"run": run}
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
