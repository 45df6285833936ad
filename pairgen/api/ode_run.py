"""`pairgen ode`: options to plan, plan to shards."""

from collections.abc import Mapping
from typing import Any

from pairgen.api.dataset_run import RunResult, Say, log, make_dataset, spooled_input
from pairgen.api.ode_inputs import (
    OdeRequest,
    continued_plan,
    find_prompts,
    read_plan_prompts,
    resolve_ode,
)
from pairgen.shards import layout
from pairgen.shards.manifest import write_plan
from pairgen.sources.prompts import encode_rejected
from pairgen.types import Plan


def run_ode(given: Mapping[str, Any], say: Say = log) -> RunResult:
    """Do what `ode` says, tell what it starts from, and how it ended."""
    request = resolve_ode(given)
    plan = continued_plan(request, say) if request.continues else _take_prompts(request, say)
    write_plan(request.store, plan)
    return make_dataset(request.store, plan, request.config)


def _take_prompts(request: OdeRequest, say: Say) -> Plan:
    """Read the prompts and write them once everything is known to be right."""
    store, prompts = request.store, find_prompts(request, say)
    with spooled_input(store, "prompts.arrow") as spooled:
        plan, summary = read_plan_prompts(request, prompts, spooled, say)
        store.put_file(spooled, layout.PROMPTS)
    if summary.rejected:
        store.put_bytes(layout.REJECTED, encode_rejected(summary.rejected))
    return plan
