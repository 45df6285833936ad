"""`pairgen degrade`: options to plan, plan to shards."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from pairgen.execution.dataset import RunResult, begin, begin_claimed, make_dataset
from pairgen.execution.inputs.taken import take_images
from pairgen.execution.own_code import with_code
from pairgen.execution.say import Say, log
from pairgen.execution.user_trust import trusts_user
from pairgen.jobs.degrade.inputs import continued_plan, read_images, resolve_degrade
from pairgen.jobs.degrade.joint import is_joint, resolve_joint


@trusts_user
def run_degrade(given: Mapping[str, Any], say: Say = log) -> RunResult:
    """Run `degrade`; report its inputs and return its result."""
    if is_joint(given):
        joint = resolve_joint(given, say)
        options = joint.resolved.options
        plan = with_code(joint.store, joint.plan, options, say)
        begin(joint.store, plan, options.part)
        return make_dataset(joint.store, plan, options, joint.parent, options.part)
    request = resolve_degrade(given)
    part = request.config.part
    if request.continues:
        plan = with_code(request.store, continued_plan(request, say), request.config, say)
        begin(request.store, plan, part)
    else:
        read = partial(read_images, request, say=say)
        plan = take_images(request.store, request.old, read, request.config, say)
        begin_claimed(request.store, request.old, plan, part)
    return make_dataset(request.store, plan, request.config, shard_range=part)
