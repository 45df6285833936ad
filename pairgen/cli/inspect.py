"""`pairgen inspect`."""

import json
from typing import Any

import click

from pairgen.cli.help import command, option
from pairgen.cli.options import given, trust_option


@command()
@click.argument("folder", metavar="DIR|URL")
@click.argument("keys", metavar="[KEY]...", nargs=-1)
@option(
    "--where",
    group="What is shown",
    metavar="EXPR",
    help="Count and show only these, such as 'guidance_scale == 8 and len(prompt) < 200': the "
    "columns are those of the index.",
)
@option(
    "--grid",
    group="What is shown",
    metavar="FILE.png",
    help="Save a grid of the given samples, or of samples spread evenly over the dataset.",
)
@option(
    "--num",
    group="What is shown",
    type=int,
    metavar="N",
    help="Number of samples in the grid, without KEY. [16]",
)
@option(
    "--trajectory",
    group="What is shown",
    is_flag=True,
    help="Show the stored trajectory of each sample, from noise to end point.",
)
@trust_option
@option("--json", "as_json", group="What is shown", is_flag=True, help="Print JSON.")
def inspect(folder: str, keys: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Show what a dataset holds and how it was made, or single samples of it.

    Nothing of it is changed, and unfinished sets are told of too. Several values of one thing among
    the receipts (device, batch size, dtype, threads, versions ...) are marked as mixed.

    \b
    Examples:
        pairgen inspect data/pairs
        pairgen inspect data/pairs 0 17 --grid samples.png
        pairgen inspect data/pairs --where "guidance_scale == 8" --json
    """  # noqa: D301
    from pairgen.jobs.inspect.run import run_inspect
    from pairgen.jobs.inspect.sample_facts import sample_text
    from pairgen.jobs.inspect.set_facts import set_text

    found = run_inspect(folder, keys, **given(options))
    if as_json:
        data = list(found.samples) if keys else found.data
        click.echo(json.dumps(data, ensure_ascii=False, indent=1))
    elif keys:
        click.echo("\n\n".join(map(sample_text, found.samples)))
    else:
        click.echo(set_text(found.data))
    if found.grid is not None:
        click.echo(f"Grid: {found.grid}", err=as_json)
