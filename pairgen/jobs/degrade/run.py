"""`pairgen degrade`: options to plan, plan to shards."""

from collections.abc import Mapping
from typing import Any

from pairgen.execution.dataset import (
    RunResult,
    check_begins,
    check_folder,
    check_same_plan,
    make_dataset,
    spooled_input,
)
from pairgen.execution.run import check_executor
from pairgen.execution.say import Say, log
from pairgen.execution.user_trust import trusts_user
from pairgen.jobs.degrade.inputs import continued_plan, read_images, resolve_degrade
from pairgen.kinds.degrade.options import DegradeConfig
from pairgen.kinds.degrade.pyramid import Preset
from pairgen.shards.format import layout
from pairgen.shards.format.plan_file import write_plan
from pairgen.shards.format.store import Store
from pairgen.sources.prompts import encode_rejected
from pairgen.types import Plan


@trusts_user
def run_degrade(given: Mapping[str, Any], say: Say = log) -> RunResult:
    """Do what `degrade` says, tell what it starts from, and how it ended."""
    config, preset, store, old = resolve_degrade(given)
    check_folder(store)
    check_executor(config)
    if old is not None and not config.has_inputs:
        plan = continued_plan(config, preset, store, old, say)
    else:
        plan = _take_images(config, preset, store, old, say)
    write_plan(store, plan)
    return make_dataset(store, plan, config)


def _take_images(
    config: DegradeConfig, preset: Preset, store: Store, old: Plan | None, say: Say
) -> Plan:
    """Read the headers and write the images once everything is known to be right."""
    with spooled_input(store, "images.arrow") as spooled:
        plan, summary = read_images(config, preset, spooled, say)
        if old is not None:
            check_same_plan(store, old, plan, say)
        check_begins(store, old)
        store.put_file(spooled, layout.IMAGES)
    if summary.rejected:
        store.put_bytes(layout.REJECTED, encode_rejected(summary.rejected))
    return plan
