"""`pairgen degrade --dry-run`: what the command would cost, without making the dataset."""

from collections.abc import Mapping
from typing import Any

from pairgen.execution.forecast.dry_run import DryRun, dry_run
from pairgen.execution.inputs.taken import plan_in
from pairgen.execution.say import Say, log
from pairgen.execution.user_trust import trusts_user
from pairgen.jobs.degrade.inputs import continued_plan, read_images, resolve_degrade
from pairgen.jobs.degrade.joint import is_joint, resolve_joint
from pairgen.shards.storage.local_store import LocalStore
from pairgen.types import Plan

# Maximum number of crops to try per image: more would leave too few images.
MAX_CROPS_TRIED = 4
# Slots of an overlay to try together: each try reads a shard of the parent.
SLOTS_TOGETHER = 8


@trusts_user
def run_degrade_dry(given: Mapping[str, Any], num_samples: int = 64, say: Say = log) -> DryRun:
    """Run `degrade` up to its first shard, then make a few samples in memory.

    Nothing is written to `out`; the list of images is kept in a temporary folder.

    Args:
        given: The options of `pairgen.degrade`.
        num_samples: Number of slots to try, spread evenly over the missing ones.
        say: Called with messages about the run's inputs.

    Raises:
        ConfigError: `degrade` would refuse the options, or `num_samples` is below 1.
    """
    if is_joint(given):
        joint = resolve_joint(given, say)
        return dry_run(
            joint.store,
            joint.resolved,
            lambda _: joint.plan,
            lambda plan: min(
                max(plan.execution.get("batch_size", 1), SLOTS_TOGETHER), plan.samples_per_shard
            ),
            num_samples,
            say,
            is_padded=False,
            parent=joint.parent,
        )
    request = resolve_degrade(given)

    def plan_trial(trial: LocalStore) -> Plan:
        continued = (lambda: continued_plan(request, say)) if request.continues else None
        return plan_in(
            trial, request.store, continued, lambda target: read_images(request, target, say)
        )

    def run_length(plan: Plan) -> int:
        # Crops of one image follow each other and share its decoding.
        crops = min(request.config.samples_per_image, MAX_CROPS_TRIED)
        return max(plan.execution.get("batch_size", 1), crops)

    return dry_run(
        request.store, request.resolved, plan_trial, run_length, num_samples, say, is_padded=False
    )
