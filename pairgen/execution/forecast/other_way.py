"""Time a teacher with `compile` on if the plan has it off, and the other way round.

This runs in a separate process that can be stopped: a compiler may take minutes, or not work.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pairgen.errors import PairgenError
from pairgen.execution.forecast.trial import make_runs
from pairgen.kinds.maker import open_maker
from pairgen.own_process import run_script
from pairgen.shards.format.plan_file import read_plan, write_plan
from pairgen.shards.storage.local_store import LocalStore
from pairgen.trust import Trust, current_trust, trusting
from pairgen.types import Plan, ShardTask

# Time limit for loading, compiling and making some batches.
LIMIT_SECONDS = 300.0
# A shorter run gains nothing from compiling.
SHORT_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class OtherWay:
    """Batch times with the opposite value of the plan's `compile`.

    Attributes:
        compile: Whether the network is compiled here.
        per_batch: Seconds per batch; None if this was not measured.
        warm_up_seconds: Extra seconds of the first batch, including compilation.
        reason: Why there is no measurement; empty if there is one.
    """

    compile: bool
    per_batch: float | None = None
    warm_up_seconds: float = 0.0
    reason: str = ""


def measure_other_way(
    plan: Plan, store: LocalStore, tasks: Sequence[ShardTask], limit: float = LIMIT_SECONDS
) -> OtherWay:
    """Make some batches with the opposite value of `compile`, within `limit` seconds.

    Args:
        plan: Plan of an ODE dataset.
        store: A temporary folder with its prompts; the other plan and compiled files go there.
        tasks: Tasks of one batch each.
        limit: Time limit in seconds.
    """
    compiled = not plan.execution["compile"]
    write_plan(store, replace(plan, execution={**plan.execution, "compile": compiled}))
    # A compiler that is stopped leaves broken files; keep them out of the run's own cache.
    caches = {
        name: str(store.root / name) for name in ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")
    }
    outcome = run_script(
        f"import {__name__} as way; way.main()",
        limit,
        str(store.root),
        stdin=json.dumps({"tasks": [asdict(task) for task in tasks], "trust": _plain_trust()}),
        env=caches,
    )
    if outcome.failure:
        return OtherWay(compile=compiled, reason=outcome.failure)
    return OtherWay(compile=compiled, **outcome.lines[-1])


def _plain_trust() -> dict[str, Any]:
    trust = asdict(current_trust())
    return {**trust, "modules": sorted(trust["modules"])}


def main() -> None:
    """Make the batches of the plan in the folder `sys.argv[1]` and print their timing.

    The tasks, and which modules may be imported, come as JSON on stdin.
    """
    store = LocalStore(Path(sys.argv[1]))
    given = json.load(sys.stdin)
    tasks = [ShardTask(**task) for task in given["tasks"]]
    trust = Trust(**{**given["trust"], "modules": frozenset(given["trust"]["modules"])})
    try:
        plan = read_plan(store)
        with trusting(trust):
            runs = make_runs(plan, open_maker(plan, store), tasks)
    except PairgenError as error:
        sys.exit(str(error))
    time = runs.batch_time(plan.execution["batch_size"])
    print(json.dumps({"per_batch": time.per_batch, "warm_up_seconds": runs.warm_up_seconds}))  # noqa: T201
