"""`pairgen repair`: withdraw what is bad, then make it again."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pairgen.api.dataset_run import RunResult, Say, log
from pairgen.api.degrade_run import run_degrade
from pairgen.api.ode_run import run_ode
from pairgen.api.verify_run import run_verify
from pairgen.generate.degrade_config import make_degrade_config
from pairgen.generate.ode_config import make_ode_config
from pairgen.generate.run import RunOptions, check_executor
from pairgen.shards.manifest import read_plan
from pairgen.shards.repair import shards_to_redo, withdraw
from pairgen.shards.store import open_store

# Kind of a dataset to what checks its options and what makes its shards.
KINDS: dict[str, tuple[Callable[..., RunOptions], Callable[..., RunResult]]] = {
    "ode": (make_ode_config, run_ode),
    "degrade": (make_degrade_config, run_degrade),
}


def run_repair(folder: str | Path, given: Mapping[str, Any], say: Say = log) -> RunResult:
    """Do what `repair` says, and tell how it ended."""
    store = open_store(folder)
    make_config, run = KINDS[read_plan(store).kind]
    # Options first: nothing may be withdrawn for a command that cannot run.
    check_executor(make_config(given))
    report = run_verify(folder)
    bad = shards_to_redo(report)
    say(f"{len(bad)} of {report.num_shards} shards are made again.")
    elsewhere = [problem.where for problem in report.problems if problem.shard_index is None]
    if elsewhere:
        say(f"Not in a shard, so not mended: {', '.join(elsewhere[:5])}; see pairgen verify.")
    withdraw(store, bad)
    return run({**given, "out": store.url}, say)
