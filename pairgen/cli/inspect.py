"""`pairgen inspect`."""

import json
from typing import Any

from pairgen.cli.flags import options_of
from pairgen.cli.help import argument, command, option
from pairgen.cli.options import echo, given, say, trust_option
from pairgen.jobs.inspect.options import InspectConfig


@command()
@argument("folder", metavar="DIR|URL")
@argument("keys", metavar="[KEY]...", nargs=-1)
@options_of(InspectConfig)
@trust_option
@option("--json", "as_json", group="What is shown", is_flag=True, help="Print JSON.")
def inspect(folder: str, keys: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Show what a dataset contains and how it was made, or show single samples.

    Changes nothing, and works on unfinished datasets too. Values that differ between receipts
    (device, batch size, dtype, threads, versions ...) are marked as mixed.

    \b
    Examples:
        pairgen inspect data/pairs
        pairgen inspect data/pairs 0 17 --grid samples.png
        pairgen inspect data/pairs --where "guidance_scale == 8" --json
    """  # noqa: D301
    from pairgen.jobs.inspect.run import run_inspect
    from pairgen.jobs.inspect.sample_facts import sample_text
    from pairgen.jobs.inspect.set_facts import set_text
    from pairgen.jobs.inspect.subsets import subsets_text

    found = run_inspect(folder, keys, **given(options))
    if as_json:
        data = list(found.samples) if keys else found.data
        echo(json.dumps(data, ensure_ascii=False, indent=1))
    elif keys:
        echo("\n\n".join(map(sample_text, found.samples)))
    else:
        echo(subsets_text(found.data) if "subsets" in found.data else set_text(found.data))
    if found.grid is not None:
        (say if as_json else echo)(f"Grid: {found.grid}")
