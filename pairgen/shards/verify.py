"""Check a whole dataset against its plan and receipts, a shard at a time.

Memory does not grow with the set, but for 8 bytes a sample. One damaged shard never hides the
state of the others.
"""

from collections.abc import Callable

import pyarrow as pa

from pairgen.shards import layout
from pairgen.shards.manifest import read_plan
from pairgen.shards.receipt_check import check_folder, check_receipts, find_mixes
from pairgen.shards.report import Problem, Report
from pairgen.shards.shard_check import ShardCheck
from pairgen.shards.store import Store
from pairgen.sources.prompts import open_prompts, prompts_sha256
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
    prompts, prompt_problems = _planned_prompts(store, plan)
    shards = ShardCheck(store, plan, prompts)
    for num_done, receipt in enumerate(receipts, start=1):
        problems += shards.check(receipt)
        on_progress(num_done, len(receipts))
    mean_z, variance_z = shards.noise.z_scores() or (None, None)
    return Report(
        problems=tuple(problems + prompt_problems + shards.noise.problems()),
        num_samples=shards.num_samples,
        num_shards=plan.num_shards,
        num_bytes=shards.num_bytes,
        noise_mean_z=mean_z,
        noise_variance_z=variance_z,
        mixes=find_mixes(receipts),
    )


def _planned_prompts(store: Store, plan: Plan) -> tuple[pa.ChunkedArray | None, list[Problem]]:
    """Return the prompts of the plan, or why they cannot be compared; a set may come without."""
    path = layout.PROMPTS
    if not store.exists(path):
        return None, []
    try:
        with store.local(path) as local:
            prompts = open_prompts(local)
        sha256 = prompts_sha256(prompts)
    except (pa.ArrowException, OSError, ValueError) as error:
        return None, [Problem("prompts", path, f"cannot be read: {error}")]
    if sha256 != plan.source["sha256"]:
        detail = f"sha256 {sha256[:12]}, the plan says {str(plan.source['sha256'])[:12]}"
        return None, [Problem("prompts", path, detail)]
    return prompts, []
