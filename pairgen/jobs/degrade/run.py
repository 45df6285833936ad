"""`pairgen degrade`: options to plan, plan to shards."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from pairgen.errors import FewerAskedError
from pairgen.execution.dataset import (
    begin,
    begin_claimed,
    make_dataset,
    nothing_to_do,
)
from pairgen.execution.inputs.taken import take_images
from pairgen.execution.own_code import with_code
from pairgen.execution.run_result import RunResult
from pairgen.execution.say import Say, log
from pairgen.execution.user_trust import trusts_user
from pairgen.jobs.degrade.inputs import DegradeRequest, continued_plan, read_images, resolve_degrade
from pairgen.jobs.degrade.joint import is_joint, resolve_joint
from pairgen.types import Plan


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
    try:
        plan = _planned(request, say)
    except FewerAskedError as fewer:
        if request.asks_for_more:
            raise
        return nothing_to_do(request.store, request.config, fewer, part)
    return make_dataset(request.store, plan, request.config, shard_range=part)


def _planned(request: DegradeRequest, say: Say) -> Plan:
    """Read the images and write the plan, or continue the folder's plan."""
    part = request.config.part
    if request.continues:
        plan = with_code(request.store, continued_plan(request, say), request.config, say)
        begin(request.store, plan, part)
    else:
        read = partial(read_images, request, say=say)
        plan = take_images(request.store, request.old, read, request.config, say)
        begin_claimed(request.store, request.old, plan, part)
    return plan
