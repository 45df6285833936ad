"""`pairgen verify`."""

import sys
from typing import Any

from pairgen.cli.flags import options_of
from pairgen.cli.help import argument, command
from pairgen.cli.options import echo, given
from pairgen.cli.result import EXIT_INTERRUPTED
from pairgen.jobs.verify.options import VerifyConfig

EXIT_NOT_CLEAN = 1


@command()
@argument("folder", metavar="DIR|URL")
@options_of(VerifyConfig)
def verify(folder: str, **options: Any) -> None:
    """Check a dataset: shards, samples, index and noise; then its annotations.

    Prints a table of problems and where they are. The exit code is 0 if there are none, else 1.

    \b
    Examples:
        pairgen verify pairs --quick
        pairgen verify pairs --fraction 0.01 --seed 3
        pairgen verify pairs --where "guidance_scale == 8" --executor ray --num-workers 8
    """  # noqa: D301
    from pairgen.jobs.verify.run import verify_all

    clean, interrupted = True, False
    for heading, report in verify_all(folder, given(options)):
        echo(f"\n{heading}\n{report.table()}" if heading else report.table())
        clean, interrupted = clean and report.clean, report.interrupted
    if interrupted:
        sys.exit(EXIT_INTERRUPTED)
    sys.exit(0 if clean else EXIT_NOT_CLEAN)
