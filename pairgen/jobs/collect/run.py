"""`pairgen collect`: options to plan, plan to shards."""

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
from pairgen.jobs.collect.buckets import run_buckets
from pairgen.jobs.collect.inputs import CollectRequest, continued_plan, read_images, resolve_collect
from pairgen.jobs.collect.shifts import say_shifts
from pairgen.types import Plan


@trusts_user
def run_collect(given: Mapping[str, Any], say: Say = log) -> RunResult:
    """Run `collect`; report its inputs and return its result."""
    request = resolve_collect(given)
    if request.config.bucket:
        return run_buckets(request, say)
    part = request.config.part
    try:
        plan = _planned(request, say)
    except FewerAskedError as fewer:
        return nothing_to_do(request.store, request.config, fewer, part)
    result = make_dataset(request.store, plan, request.config, shard_range=part)
    if plan.recipe["layout"] == "pairs":
        say_shifts(request.store, result.manifest, say)
    return result


def _planned(request: CollectRequest, say: Say) -> Plan:
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
