"""`pairgen report`."""

from typing import Any

from pairgen.cli.flags import options_of
from pairgen.cli.help import argument, command
from pairgen.cli.options import echo, given, say, trust_option
from pairgen.jobs.report.options import ReportConfig


@command()
@argument("folder", metavar="DIR|URL|RUN")
@options_of(ReportConfig)
@trust_option
def report(folder: str, **options: Any) -> None:
    """Write a page about a dataset or a training run: one HTML file that opens offline.

    For a dataset, the page shows samples to filter, sort and enlarge, charts of the columns, the
    progress and how it was made; for a run, its metrics and grids. Writes nothing but the page.
    The folder of an evaluation or a comparison already has a page: the command prints its path.

    \b
    Examples:
        pairgen report data/pairs
        pairgen report data/pairs --num 200 --where "guidance_scale == 8" --out eight.html
        pairgen report runs/student
        pairgen report runs/student/eval
    """  # noqa: D301
    from pairgen.jobs.report.run import run_report

    found = run_report(folder, given(options), say)
    echo(f"Page: {found.page}")
