"""`pairgen ode`: options to plan, plan to shards."""

from collections.abc import Mapping
from typing import Any

from pairgen.errors import FewerAskedError
from pairgen.execution.dataset import (
    begin,
    begin_claimed,
    claim,
    make_dataset,
    nothing_to_do,
)
from pairgen.execution.inputs.spooled import put_inputs, spooled_input
from pairgen.execution.own_code import with_code
from pairgen.execution.run_result import RunResult
from pairgen.execution.say import Say, log
from pairgen.execution.user_trust import trusts_user
from pairgen.jobs.ode.inputs import (
    OdeRequest,
    continued_plan,
    open_prompts,
    read_plan_prompts,
    resolve_ode,
)
from pairgen.kinds.ode.options import OdeConfig
from pairgen.shards.format import layout
from pairgen.shards.storage.store import Store
from pairgen.types import Plan


@trusts_user
def run_ode(given: Mapping[str, Any], say: Say = log) -> RunResult:
    """Run `ode`; report its inputs and return its result."""
    request = resolve_ode(given)
    store, config = request.store, request.config
    try:
        plan = _planned(request, say)
    except FewerAskedError as fewer:
        return nothing_to_do(store, config, fewer, config.part)
    return make_dataset(store, plan, config, shard_range=config.part)


def plan_ode(given: Mapping[str, Any], say: Say = log) -> tuple[Store, Plan, OdeConfig]:
    """Read the prompts and write the plan, or continue the folder's plan.

    Returns:
        The folder, its plan, and the resolved options.
    """
    request = resolve_ode(given)
    return request.store, _planned(request, say), request.config


def _planned(request: OdeRequest, say: Say) -> Plan:
    if request.continues:
        plan = with_code(request.store, continued_plan(request, say), request.config, say)
        begin(request.store, plan, request.config.part)
    else:
        plan = _take_prompts(request, say)
        begin_claimed(request.store, request.old, plan, request.config.part)
    return plan


def _take_prompts(request: OdeRequest, say: Say) -> Plan:
    """Read the prompts, and write them once everything is checked."""
    store, part = request.store, request.config.part
    prompts = open_prompts(request, say)
    with (
        spooled_input(store, "prompts.arrow") as spooled,
        spooled_input(store, "rejected.jsonl") as rejected,
    ):
        plan, summary = read_plan_prompts(request, prompts, spooled, rejected, say)
        plan = with_code(store, plan, request.config, say)
        claim(store, request.old, plan, part)
        plan = put_inputs(store, spooled, layout.PROMPTS, plan, part)
        if summary.num_rejected:
            store.put_file(rejected, layout.REJECTED)
        else:
            store.drop(rejected)
            store.remove(layout.REJECTED)
    return plan
