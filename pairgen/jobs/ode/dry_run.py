"""`pairgen ode --dry-run`: what the command would cost, without making the dataset."""

from collections.abc import Mapping
from typing import Any

from pairgen.execution.forecast.dry_run import DryRun, dry_run
from pairgen.execution.say import Say, log
from pairgen.execution.user_trust import trusts_user
from pairgen.jobs.ode.inputs import continued_plan, open_prompts, read_plan_prompts, resolve_ode
from pairgen.shards.format import layout
from pairgen.shards.storage.local_store import LocalStore
from pairgen.types import Plan


@trusts_user
def run_ode_dry(given: Mapping[str, Any], num_samples: int = 64, say: Say = log) -> DryRun:
    """Run `ode` up to its first shard, then make a few batches in memory.

    Nothing is written to `out`; the prompts are kept in a temporary folder.

    Args:
        given: The options of `pairgen.ode`.
        num_samples: Number of slots to try, spread evenly over the missing ones, rounded up to at
            least three whole batches.
        say: Called with messages about the run's inputs.

    Raises:
        ConfigError: `ode` would refuse the options, or `num_samples` is below 1.
        PairgenError: The teacher cannot be loaded, or a batch does not fit into memory.
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
