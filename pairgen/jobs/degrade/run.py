"""`pairgen degrade`: options to plan, plan to shards."""

from collections.abc import Mapping
from typing import Any

from pairgen.execution.dataset import RunResult, check_begins, make_dataset, spooled_input
from pairgen.execution.say import Say, log
from pairgen.execution.user_trust import trusts_user
from pairgen.jobs.degrade.inputs import (
    DegradeRequest,
    continued_plan,
    read_images,
    resolve_degrade,
)
from pairgen.shards.format import layout
from pairgen.shards.format.plan_file import write_plan
from pairgen.sources.prompts import encode_rejected
from pairgen.types import Plan


@trusts_user
def run_degrade(given: Mapping[str, Any], say: Say = log) -> RunResult:
    """Run `degrade`; report its inputs and return its result."""
    request = resolve_degrade(given)
    plan = continued_plan(request, say) if request.continues else _take_images(request, say)
    write_plan(request.store, plan)
    return make_dataset(request.store, plan, request.config)


def _take_images(request: DegradeRequest, say: Say) -> Plan:
    """Read the image headers, and write the list of images once everything is checked."""
    store = request.store
    with spooled_input(store, "images.arrow") as spooled:
        plan, summary = read_images(request, spooled, say)
        check_begins(store, request.old)
        store.put_file(spooled, layout.IMAGES)
    if summary.rejected:
        store.put_bytes(layout.REJECTED, encode_rejected(summary.rejected))
    return plan
