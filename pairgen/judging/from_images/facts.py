"""The facts of an evaluation of models from images, as in eval.json."""

from collections.abc import Sequence
from typing import Any

from pairgen.evaluation.iqa import IqaMetric
from pairgen.types import Plan


def data_facts(plan: Plan, num: int, num_available: int, url: str, where: str) -> dict[str, Any]:
    """Return the facts of `num` pairs from a URL that meet a condition."""
    return {
        "url": url,
        "fingerprint": plan.fingerprint(),
        "kind": plan.kind,
        "num_samples": num,
        "num_available": num_available,
        "where": where,
        "noise_seed": plan.seed,
    }


def iqa_facts(version: str, metrics: Sequence[IqaMetric]) -> dict[str, Any]:
    """Return the facts of metrics of a version of pyiqa."""
    better = {True: "lower", False: "higher"}
    return {
        "pyiqa": version,
        "better": {each.name: better[each.lower_is_better] for each in metrics},
    }
