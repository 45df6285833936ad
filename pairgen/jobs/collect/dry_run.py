"""`pairgen collect --dry-run`: what the command would cost, without making the dataset."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pairgen.execution.forecast.dry_run import DryRun, dry_run
from pairgen.execution.inputs.taken import plan_in
from pairgen.execution.say import Say, log
from pairgen.execution.shard_size import fit_shards
from pairgen.execution.user_trust import trusts_user
from pairgen.jobs.collect.inputs import continued_plan, read_images, resolve_collect
from pairgen.kinds.collect.buckets import bucket_counts, shape_in
from pairgen.shards.format import layout
from pairgen.shards.storage.local_store import LocalStore
from pairgen.sources.image_list import PlannedImages
from pairgen.sources.photographs import ImageSize
from pairgen.types import Plan


@trusts_user
def run_collect_dry(given: Mapping[str, Any], num_samples: int = 64, say: Say = log) -> DryRun:
    """Run `collect` up to its first shard, then make a few samples in memory.

    Nothing is written to `out`; the list of images is kept in a temporary folder.

    Args:
        given: The options of `pairgen.collect`.
        num_samples: Number of slots to try, spread evenly over the missing ones.
        say: Called with messages about the run's inputs.

    Raises:
        ConfigError: `collect` would refuse the options, or `num_samples` is below 1.
    """
    request = resolve_collect(given)
    if request.config.bucket and request.old is not None:
        say("Buckets are estimated as a whole: what is made already is counted again.")

    def plan_trial(trial: LocalStore) -> Plan:
        continued = (lambda: continued_plan(request, say)) if request.continues else None
        plan = plan_in(
            trial, request.store, continued, lambda target: read_images(request, target, say)
        )
        if request.config.bucket:
            rows = PlannedImages(trial.root / layout.IMAGES).rows()
            sizes = (ImageSize(row["width"], row["height"]) for row in rows)
            say(bucket_counts(Counter(shape_in(plan.recipe, size) for size in sizes)))
            if request.old is None:
                images = trial.root / layout.IMAGES
                plan = fit_shards(plan, request.config.shard_bytes, images, say)
        return plan

    def run_length(plan: Plan) -> int:
        # As many images at a time as there are threads.
        return int(plan.execution["cpu_threads"])

    return dry_run(
        request.store, request.resolved, plan_trial, run_length, num_samples, say, is_padded=False
    )
