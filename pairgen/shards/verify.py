"""Check a whole dataset against its plan and receipts, a shard at a time.

Memory does not grow with the set, but for 8 bytes a sample. One damaged shard never hides the
state of the others.
"""

from collections.abc import Callable
from pathlib import Path

from pairgen.shards.manifest import read_plan
from pairgen.shards.planned import INPUTS, UNREADABLE, NoInputs, PlannedInputs
from pairgen.shards.receipt_check import check_folder, check_receipts, find_mixes
from pairgen.shards.report import Problem, Report
from pairgen.shards.shard_check import ShardCheck
from pairgen.shards.store import Store
from pairgen.types import Plan


def verify(store: Store, on_progress: Callable[[int, int], None] = lambda *_: None) -> Report:
    """Check every byte and number of a dataset.

    Args:
        store: The dataset folder.
        on_progress: Called after each shard with the shards checked and to check.

    Raises:
        ConfigError: The folder holds no dataset, or its plan was edited.
    """
    plan = read_plan(store)
    receipts, problems = check_receipts(store, plan)
    problems += check_folder(store, plan, receipts)
    inputs, input_problems = _planned_inputs(store, plan)
    shards = ShardCheck(store, plan, inputs)
    for num_done, receipt in enumerate(receipts, start=1):
        problems += shards.check(receipt)
        on_progress(num_done, len(receipts))
    noise = shards.noise
    mean_z, variance_z = (noise and noise.z_scores()) or (None, None)
    return Report(
        problems=tuple(problems + input_problems + (noise.problems() if noise else [])),
        num_samples=shards.num_samples,
        num_shards=plan.num_shards,
        num_bytes=shards.num_bytes,
        noise_mean_z=mean_z,
        noise_variance_z=variance_z,
        mixes=find_mixes(receipts),
    )


def _planned_inputs(store: Store, plan: Plan) -> tuple[PlannedInputs, list[Problem]]:
    """Return the inputs of the plan, or why they cannot be compared; a set may come without."""
    if plan.kind not in INPUTS:
        # An overlay adds members to samples whose inputs its parent holds.
        return NoInputs(plan), []
    path, read = INPUTS[plan.kind]
    if not store.exists(path):
        return NoInputs(plan), []
    kind = Path(path).stem
    try:
        with store.local(path) as local:
            inputs = read(plan, local)
        sha256 = inputs.sha256()
    except UNREADABLE as error:
        return NoInputs(plan), [Problem(kind, path, f"cannot be read: {error}")]
    if sha256 != plan.source["sha256"]:
        detail = f"sha256 {sha256[:12]}, the plan says {str(plan.source['sha256'])[:12]}"
        return NoInputs(plan), [Problem(kind, path, detail)]
    return inputs, []
