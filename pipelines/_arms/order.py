"""Which run comes when."""

from collections.abc import Iterable, Mapping
from typing import Any

from _arms.study import Run, Study, require_known


def ordered_runs(study: Study, arms: Iterable[str]) -> list[Run]:
    """Return the runs of these arms: seed by seed, what must hold first, then by step count."""
    first = {
        study.run_of(arm, seed, steps)
        for each in study.comparisons
        if each.must_hold
        for arm in (each.better, each.worse)
        for seed in range(study.seeds)
        for steps in each.steps or study.steps
    }
    names = [name for name in study.arms if name in set(arms)]
    seeds = range(study.seeds)
    runs = [study.run_of(arm, seed, n) for seed in seeds for n in study.steps for arm in names]
    return sorted(dict.fromkeys(runs), key=lambda run: (run.seed, run not in first))


def chosen_arms(text: str, known: Mapping[str, Any]) -> list[str]:
    """Return the arms that `--arms` names; all if it is empty.

    Names are separated by commas, and may have commas themselves.

    Raises:
        ConfigError: one of them is no arm.
    """
    pieces = text.split(",") if text else []
    found = []
    while pieces:
        starts = [",".join(pieces[:num]).strip() for num in range(1, len(pieces) + 1)]
        names = [name for name in starts if name in known]
        require_known("arm", names[-1] if names else starts[0], known)
        found.append(names[-1])
        del pieces[: starts.index(names[-1]) + 1]
    return found or list(known)
