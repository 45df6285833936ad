"""`pairgen methods`."""

import json

import click

from pairgen.cli.help import command, option
from pairgen.cli.options import echo, trust_option


@command()
@click.argument("method", metavar="[METHOD]", default="")
@option(
    "--data",
    group="Training",
    multiple=True,
    metavar="DIR|URL",
    help="Dataset to compare; repeatable.",
)
@option("--json", "as_json", group="What is shown", is_flag=True, help="Print JSON.")
@trust_option
def methods(method: str, data: tuple[str, ...], as_json: bool, trust_code: bool) -> None:
    """Show what each training method needs of a dataset, and which command adds it.

    METHOD is a name, or the name or file of your own module; all of pairgen's own without it. With
    --data, a column says who has what is needed: the set itself, or the annotation of that name.

    \b
    Examples:
        pairgen methods
        pairgen methods --data data/pairs --data data/photos
        pairgen methods diffusion2gan --json
    """  # noqa: D301
    from pairgen.jobs.methods.run import methods_text, run_methods

    found = run_methods(method, data, bool(trust_code))
    echo(json.dumps(found, indent=1) if as_json else methods_text(found))
