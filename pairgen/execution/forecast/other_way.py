"""Time a teacher compiled where a run would not compile it, or the other way round.

In a process of its own, which can be stopped: a compiler may take minutes, and may not work at all.
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
from pairgen.shards.format.local_store import LocalStore
from pairgen.shards.format.plan_file import read_plan, write_plan
from pairgen.trust import Trust, current_trust, trusting
from pairgen.types import Plan, ShardTask

# Time for the other way: to load, to compile and to make some batches.
LIMIT_SECONDS = 300.0
# A run that is over sooner gains nothing that a compiler could give it.
SHORT_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class OtherWay:
    """What batches take when the network is compiled, or not compiled, unlike in the plan.

    Attributes:
        compile: Whether it is compiled here.
        per_batch: Seconds; None when this was not measured.
        warm_up_seconds: By which the first batch is slower, compiling included.
        reason: Why there is no measurement; else empty.
    """

    compile: bool
    per_batch: float | None = None
    warm_up_seconds: float = 0.0
    reason: str = ""


def measure_other_way(
    plan: Plan, store: LocalStore, tasks: Sequence[ShardTask], limit: float = LIMIT_SECONDS
) -> OtherWay:
    """Make some batches with the other value of `compile`, for `limit` seconds at most.

    Args:
        plan: Of an ODE set.
        store: A temporary folder with its prompts; the other plan and compiled files go there.
        tasks: One batch each.
        limit: Seconds.
    """
    compiled = not plan.execution["compile"]
    write_plan(store, replace(plan, execution={**plan.execution, "compile": compiled}))
    # A compiler that is stopped leaves broken files, which must not lie where a run looks for them.
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
    """Make the batches of the plan in the folder `sys.argv[1]` and print what they took.

    Tasks come as JSON on stdin, and whose code may be imported.
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
