"""`pairgen eval`."""

from pathlib import Path
from typing import Any

from pairgen.cli.flags import options_of
from pairgen.cli.help import command
from pairgen.cli.options import config_options, echo, given, pin_threads, say, trust_option
from pairgen.config import command_options
from pairgen.jobs.eval.options import EvalConfig


@command("eval")
@options_of(EvalConfig, arguments=("run",))
@trust_option
@config_options
def evaluate(run: str, config: Path | None, overrides: tuple[str, ...], **options: Any) -> None:
    """Evaluate a student on held-out pairs, next to its teacher or to the target images.

    RUN is a run folder of `pairgen train`, or any model. A text-to-image student is evaluated on
    pairs from `pairgen ode`, next to its teacher at several step counts; an image-to-image student
    on pairs of images. Prints distances to the end points or targets, metrics of the evaluation
    net, time and cost. Writes eval.json with all numbers, grid.png and index.html.

    \b
    Examples:
        pairgen eval runs/student --data held-out
        pairgen eval runs/restorer --data held-out-images
        pairgen eval runs/restorer --data held-out-images --beside other=outputs/other
        pairgen eval runs/student --data held-out --num-samples 64 --teacher-steps 1,4
    """  # noqa: D301
    merged = command_options("eval", config, overrides, given(options) | {"run": run})
    if merged.get("cpu_threads"):
        pin_threads(EvalConfig.check("cpu_threads", merged["cpu_threads"]))
    from pairgen.jobs.eval.cost import ledger_table
    from pairgen.jobs.eval.folder import PAGE_FILE
    from pairgen.jobs.eval.page import subset_tables
    from pairgen.jobs.eval.run import run_evaluate
    from pairgen.judging.table import figure_table, legend

    result = run_evaluate(merged, say)
    echo(figure_table(result.figures))
    for title, table in subset_tables(result.figures).items():
        echo(f"\n{title}\n{table}")
    echo(f"\n{legend(result.figures)}\n")
    if result.figures["ledger"]:
        echo(ledger_table(result.figures) + "\n")
    echo(f"Page: {result.folder / PAGE_FILE}")
