"""`pairgen verify`."""

import sys
from typing import Any

import click

from pairgen.cli.flags import options_of
from pairgen.cli.help import command
from pairgen.cli.options import given
from pairgen.cli.result import EXIT_INTERRUPTED
from pairgen.jobs.verify.options import VerifyConfig

EXIT_NOT_CLEAN = 1


@command()
@click.argument("folder", metavar="DIR|URL")
@options_of(VerifyConfig)
def verify(folder: str, **options: Any) -> None:
    """Check a dataset: shards, samples, index and noise; then its annotations.

    Prints a table of problems and where they are. The exit code is 0 if all that was read is clean,
    else 1.

    \b
    Examples:
        pairgen verify pairs --quick
        pairgen verify pairs --fraction 0.01 --seed 3
        pairgen verify pairs --where "guidance_scale == 8" --executor ray --num-workers 8
    """  # noqa: D301
    from pairgen.jobs.verify.run import run_verify, verify_annotations

    report = run_verify(folder, given(options))
    click.echo(report.table())
    clean = report.clean
    if not report.interrupted:
        for url, report in verify_annotations(folder, given(options)):
            click.echo(f"\n{url}\n{report.table()}")
            clean = clean and report.clean
            if report.interrupted:
                break
    if report.interrupted:
        sys.exit(EXIT_INTERRUPTED)
    sys.exit(0 if clean else EXIT_NOT_CLEAN)
