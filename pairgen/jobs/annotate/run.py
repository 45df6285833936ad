"""`pairgen annotate`: a set and its annotators to overlays."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pairgen.execution.dataset import RunResult, make_dataset
from pairgen.execution.say import Say, log
from pairgen.execution.user_trust import trusted_by_user
from pairgen.jobs.annotate.inputs import open_annotated, resolve_annotate
from pairgen.kinds.overlay.distinct_texts import write_texts
from pairgen.shards.format.plan_file import write_plan


def run_annotate(folder: str | Path, given: Mapping[str, Any], say: Say = log) -> list[RunResult]:
    """Make, continue or renew one overlay after the other; stop at the first that is interrupted.

    Everything is checked before the first one is begun.
    """
    results = []
    with trusted_by_user(given) as options:
        parent = open_annotated(folder)
        for request in resolve_annotate(parent, options, say):
            say(f"{request.name}: {request.store.url}")
            if request.texts is not None:
                # Before the plan: texts beyond its number are not read.
                write_texts(request.texts, parent, request.store)
            write_plan(request.store, request.plan)
            results.append(make_dataset(request.store, request.plan, request.config, parent))
            if results[-1].interrupted:
                break
    return results
