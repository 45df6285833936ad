"""`pairgen annotate`: a set and its annotators to overlays."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pairgen.errors import ConfigError
from pairgen.execution.dataset import RunResult, make_dataset
from pairgen.execution.say import Say, log
from pairgen.execution.user_trust import trusted_by_user
from pairgen.jobs.annotate.inputs import open_annotated, resolve_annotate
from pairgen.kinds.overlay.distinct_texts import write_texts
from pairgen.kinds.overlay.options import AnnotateConfig
from pairgen.resolution import sources_of
from pairgen.shards.format.plan_file import write_plan
from pairgen.shards.format.subsets import set_addresses


def run_annotate(folder: str | Path, given: Mapping[str, Any], say: Say = log) -> list[RunResult]:
    """Make, continue or renew one overlay after the other; stop where the user asks for it.

    Everything is checked before the first one is begun, in all sub-sets of a folder.

    Raises:
        ConfigError: An option is invalid, or a folder or a parent does not fit.
    """
    results: list[RunResult] = []
    with trusted_by_user(given) as options:
        parents = [open_annotated(address) for address in set_addresses(folder)]
        if len(parents) > 1 and sources_of(AnnotateConfig, options)["out"]:
            raise ConfigError(
                f"out names one folder, but {folder} holds {len(parents)} sub-sets: leave it out."
            )
        requests = [
            (parent, request)
            for parent in parents
            for request in resolve_annotate(parent, options, say)
        ]
        for parent, request in requests:
            say(f"{request.name}: {request.store.url}")
            if request.texts is not None:
                # Before the plan: texts beyond its number are not read.
                write_texts(request.texts, parent, request.store)
            write_plan(request.store, request.plan)
            results.append(make_dataset(request.store, request.plan, request.config, parent))
            if results[-1].stopped:
                break
    return results
