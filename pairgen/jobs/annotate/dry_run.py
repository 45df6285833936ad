"""`pairgen annotate --dry-run`: what the overlays would cost, without making them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pairgen.execution.forecast.dry_run import DryRun, dry_run
from pairgen.execution.say import Say, log
from pairgen.execution.user_trust import trusted_by_user
from pairgen.jobs.annotate.inputs import Request, resolve_annotate
from pairgen.kinds.overlay.distinct_texts import write_texts
from pairgen.shards.storage.local_store import LocalStore
from pairgen.types import Plan


def run_annotate_dry(
    folder: str | Path, given: Mapping[str, Any], num_samples: int = 64, say: Say = log
) -> list[DryRun]:
    """Run `annotate` up to its first shard, then annotate a few samples in memory; write nothing.

    Args:
        folder: The dataset, or a folder of sub-sets.
        given: The options of `pairgen.annotate`.
        num_samples: Number of samples to try with each annotator, spread evenly over the missing
            ones, in whole batches; at least one batch.
        say: Called with the name and the folder of each overlay.

    Returns:
        What each overlay would cost, in the order of `add`; those of each sub-set in turn.

    Raises:
        ConfigError: `annotate` would refuse the options, or `num_samples` is below 1.
        PairgenError: The weights cannot be loaded, or a batch does not fit into memory.
    """
    with trusted_by_user(given) as options:
        requests = resolve_annotate(folder, options, say)
        return [_price(request, num_samples, say) for request in requests]


def _price(request: Request, num_samples: int, say: Say) -> DryRun:
    say(f"{request.name}: {request.store.url}")

    def plan_in(trial: LocalStore) -> Plan:
        if request.texts is not None:
            write_texts(request.texts, request.parent, trial)
        return request.plan

    return dry_run(
        request.store,
        request.resolved,
        plan_in,
        lambda plan: min(int(plan.execution["batch_size"]), plan.samples_per_shard),
        num_samples,
        say,
        is_padded=False,
        parent=request.parent,
    )
