"""`pairgen repair`."""

from typing import Any

from pairgen.cli.flags import options_of
from pairgen.cli.help import argument, command
from pairgen.cli.options import given, pin_threads, say, trust_option
from pairgen.cli.result import print_results
from pairgen.jobs.repair.options import RepairConfig


@command()
@argument("folder", metavar="DIR|URL")
@options_of(RepairConfig)
@trust_option
def repair(folder: str, **options: Any) -> None:
    """Remake damaged and missing shards; good shards keep their bytes.

    A lost or damaged plan is first restored from the manifest.

    \b
    Examples:
        pairgen repair data/pairs
        pairgen repair data/pairs --executor ray --num-workers 8
    """  # noqa: D301
    pin_threads(1)
    from pairgen.jobs.repair.run import run_repairs

    print_results(run_repairs(folder, given(options), say))
