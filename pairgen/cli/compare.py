"""`pairgen compare`."""

from pathlib import Path
from typing import Any

from pairgen.cli.flags import options_of
from pairgen.cli.help import command
from pairgen.cli.options import config_options, echo, given, pin_threads, say, trust_option
from pairgen.config import command_options
from pairgen.jobs.compare.options import CompareConfig


@command()
@options_of(CompareConfig, arguments=("runs",))
@trust_option
@config_options
def compare(
    runs: tuple[str, ...], config: Path | None, overrides: tuple[str, ...], **options: Any
) -> None:
    """Compare students, baselines and the teacher on the same held-out pairs, with their costs.

    RUN is a run folder of `pairgen train`, or any model; RUN@1,4 evaluates it in 1 and in 4
    steps instead of its own number. Text-to-image models are compared on pairs from `pairgen ode`,
    beside the teacher at several step counts; image-to-image models on pairs of images, beside
    bicubic interpolation.

    Writes compare.json, index.html and a folder for each row. Run the same command again to
    continue, or with more models to add rows: finished rows are not computed again.

    \b
    Examples:
        pairgen compare runs/add runs/ladd runs/reflow@1,2,4 --data held-out
        pairgen compare runs/osediff runs/yonos --data held-out-images --out comparison
        pairgen compare runs/student tiny@8 --data held-out --teacher-steps 1,50
    """  # noqa: D301
    typed = given(options) | ({"runs": runs} if runs else {})
    merged = command_options("compare", config, overrides, typed)
    if merged.get("cpu_threads"):
        pin_threads(CompareConfig.check("cpu_threads", merged["cpu_threads"]))
    from pairgen.jobs.compare.cost import LEGEND, cost_table
    from pairgen.jobs.compare.page import best_table
    from pairgen.jobs.compare.run import PAGE_FILE, run_compare
    from pairgen.judging.table import legend

    result = run_compare(merged, say)
    echo(f"{best_table(result.figures)}\n\n{legend(result.figures)}\n")
    if cost := cost_table(result.figures):
        echo(f"{cost}\n\n{LEGEND}\n")
    echo(f"Page: {result.folder / PAGE_FILE}")
