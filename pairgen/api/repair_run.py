"""`pairgen repair`: withdraw what is bad, then make it again."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pairgen.api.dataset_run import RunResult, Say, log
from pairgen.api.ode_run import run_ode
from pairgen.api.verify_run import run_verify
from pairgen.generate.ode_config import make_ode_config
from pairgen.generate.run import check_executor
from pairgen.shards.repair import shards_to_redo, withdraw
from pairgen.shards.store import open_store


def run_repair(folder: str | Path, given: Mapping[str, Any], say: Say = log) -> RunResult:
    """Do what `repair` says, and tell how it ended."""
    store = open_store(folder)
    # Options first: nothing may be withdrawn for a command that cannot run.
    check_executor(make_ode_config(given))
    report = run_verify(folder)
    bad = shards_to_redo(report)
    say(f"{len(bad)} of {report.num_shards} shards are made again.")
    elsewhere = [problem.where for problem in report.problems if problem.shard_index is None]
    if elsewhere:
        say(f"Not in a shard, so not mended: {', '.join(elsewhere[:5])}; see pairgen verify.")
    withdraw(store, bad)
    return run_ode({**given, "out": store.url}, say)
