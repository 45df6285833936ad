"""`pairgen inspect`."""

import json
from typing import Any

import click

from pairgen.cli.options import given, trust_option


@click.command()
@click.argument("folder", metavar="DIR|URL")
@click.argument("keys", metavar="[KEY]...", nargs=-1)
@click.option(
    "--where",
    metavar="EXPR",
    help="Count and show only these, such as 'guidance_scale == 8 and len(prompt) < 200': the "
    "columns are those of the index.",
)
@click.option(
    "--grid",
    metavar="FILE.png",
    help="Pictures of the given samples, or of some evenly spread ones.",
)
@click.option("--num", type=int, metavar="N", help="Samples of the grid without KEY. [16]")
@click.option(
    "--trajectory",
    is_flag=True,
    help="The grid shows the stored states of each sample, from noise to end point.",
)
@trust_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")
def inspect(folder: str, keys: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Show what is in a dataset and how it was made, or what is in samples KEY of it.

    Nothing of it is changed, and unfinished sets are told of too. Several values of one thing among
    the receipts (device, batch size, dtype, threads, versions ...) are marked as mixed.
    """
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
