"""`pairgen methods`."""

import json

from pairgen.cli.help import argument, command, option
from pairgen.cli.options import echo, trust_option


@command()
@argument("method", metavar="[METHOD]", default="")
@option(
    "--data",
    group="Data",
    multiple=True,
    metavar="DIR|URL",
    help="Dataset to check; repeatable.",
)
@option("--json", "as_json", group="What is shown", is_flag=True, help="Print JSON.")
@trust_option
def methods(method: str, data: tuple[str, ...], as_json: bool, trust_code: bool) -> None:
    """Show what each training method needs of a dataset, and which command adds it.

    METHOD is a built-in method, or the name or file of your own module; leave it out for all
    built-in methods. With --data, you see whether each dataset or its annotations have what the
    method needs, and which command adds what is missing.

    \b
    Examples:
        pairgen methods
        pairgen methods --data data/pairs --data data/photos
        pairgen methods diffusion2gan --json
    """  # noqa: D301
    from pairgen.jobs.methods.run import run_methods
    from pairgen.jobs.methods.text import methods_text

    found = run_methods(method, data, bool(trust_code))
    data_of_all = [each.data for each in found]
    echo(json.dumps(data_of_all, indent=1) if as_json else methods_text(found))
