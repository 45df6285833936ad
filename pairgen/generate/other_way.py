"""Time a teacher compiled where a run would not compile it, or the other way round.

In a process of its own, which can be stopped: a compiler may take minutes, and may not work at all.
Run as `python -m pairgen.generate.other_way FOLDER`; tasks come as JSON on stdin.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pairgen.errors import PairgenError
from pairgen.generate.trial import make_runs
from pairgen.generate.worker import open_maker
from pairgen.shards.manifest import read_plan, write_plan
from pairgen.shards.store import LocalStore
from pairgen.types import Plan, ShardTask

# Time for the other way: to load, to compile and to make some batches.
LIMIT_SECONDS = 300.0
# A run that is over sooner gains nothing that a compiler could give it.
SHORT_SECONDS = 60.0
MAX_REASON = 160


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
    process = subprocess.Popen(  # noqa: S603 - this module, with a folder of ours
        [sys.executable, "-m", "pairgen.generate.other_way", str(store.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **caches},
        # A compiler starts processes of its own, which must go with it.
        start_new_session=True,
    )
    try:
        out, errors = process.communicate(json.dumps([asdict(task) for task in tasks]), limit)
    except subprocess.TimeoutExpired:
        return OtherWay(compile=compiled, reason=f"it took longer than {limit:.0f} s")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode:
        return OtherWay(compile=compiled, reason=_last_line(errors) or f"exit {process.returncode}")
    return OtherWay(compile=compiled, **json.loads(out.splitlines()[-1]))


def _last_line(text: str) -> str:
    """Return what a process said last that may be a reason."""
    lines = [line.strip() for line in text.splitlines()]
    named = [line for line in lines if "Error" in line.partition(":")[0]] or [*filter(None, lines)]
    return named[-1][:MAX_REASON] if named else ""


def main(folder: Path, tasks: Sequence[ShardTask]) -> None:
    """Make the batches of a plan and print what they took."""
    store = LocalStore(folder)
    plan = read_plan(store)
    runs = make_runs(plan, open_maker(plan, store), tasks)
    time = runs.batch_time(plan.execution["batch_size"])
    print(json.dumps({"per_batch": time.per_batch, "warm_up_seconds": runs.warm_up_seconds}))  # noqa: T201


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), [ShardTask(**task) for task in json.load(sys.stdin)])
    except PairgenError as error:
        sys.exit(str(error))
