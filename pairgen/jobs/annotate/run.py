"""`pairgen annotate`: a set and its annotators to overlays."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pairgen.execution.dataset import begin, make_dataset
from pairgen.execution.run_result import RunResult
from pairgen.execution.say import Say, log
from pairgen.execution.user_trust import trusted_by_user
from pairgen.jobs.annotate.inputs import resolve_annotate
from pairgen.kinds.overlay.distinct_texts import write_texts


def run_annotate(folder: str | Path, given: Mapping[str, Any], say: Say = log) -> list[RunResult]:
    """Make, continue or renew one overlay after the other; stop where the user asks for it.

    Everything is checked before the first one is begun, in all sub-sets of a folder.

    Raises:
        ConfigError: An option is invalid, or a folder or a parent does not fit.
    """
    results: list[RunResult] = []
    with trusted_by_user(given) as options:
        for request in resolve_annotate(folder, options, say):
            say(f"{request.name}: {request.store.url}")
            if request.texts is not None:
                # Before the plan: texts beyond its number are not read.
                write_texts(request.texts, request.parent, request.store)
            part = request.config.part
            begin(request.store, request.plan, part)
            made = make_dataset(request.store, request.plan, request.config, request.parent, part)
            results.append(made)
            if made.stopped:
                break
    return results
