"""`pairgen ode --dry-run`: what the command would cost, without making the dataset."""

from collections.abc import Mapping
from typing import Any

from pairgen.execution.forecast.dry_run import DryRun, dry_run
from pairgen.execution.say import Say, log
from pairgen.execution.user_trust import trusts_user
from pairgen.jobs.ode.inputs import continued_plan, open_prompts, read_plan_prompts, resolve_ode
from pairgen.shards.format import layout
from pairgen.shards.format.local_store import LocalStore
from pairgen.types import Plan


@trusts_user
def run_ode_dry(given: Mapping[str, Any], num_samples: int = 64, say: Say = log) -> DryRun:
    """Do all that `ode` does before its first shard, then make a few batches in memory.

    Nothing is written at `out`. The prompts lie in a temporary folder while this runs.

    Args:
        given: The options of `pairgen.ode`.
        num_samples: Slots to try, spread evenly over those that are missing, in whole batches and
            in three or more of them.
        say: Told what it starts from.

    Raises:
        ConfigError: What `ode` would refuse, or `num_samples` is below 1.
        PairgenError: The teacher cannot be loaded, or a batch does not fit.
    """
    request = resolve_ode(given)

    def plan_in(trial: LocalStore) -> Plan:
        prompts = trial.root / layout.PROMPTS
        prompts.parent.mkdir()
        if request.continues:
            plan = continued_plan(request, say)
            request.store.fetch(layout.PROMPTS, prompts)
            return plan
        plan, _ = read_plan_prompts(
            request, open_prompts(request, say), prompts, trial.root / "rejected.jsonl", say
        )
        return plan

    def run_length(plan: Plan) -> int:
        return int(plan.execution["batch_size"])

    return dry_run(
        request.store, request.resolved, plan_in, run_length, num_samples, say, is_padded=True
    )
