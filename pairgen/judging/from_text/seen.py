"""Check whether a student was trained on the pairs that it is evaluated on."""

from pairgen.judging.judged import Judged
from pairgen.judging.seen import check_unseen
from pairgen.training.runs.record import RECORD_FILE
from pairgen.types import Plan

DEMAND = "evaluate it on pairs of another --seed"


def seen_notes(judged: Judged, plan: Plan, url: str, allowed: bool) -> list[str]:
    """Return notes on what the pairs share with the training data.

    Args:
        judged: The model.
        plan: Plan of the pairs.
        url: URL of the pairs.
        allowed: Whether training data may be used.

    Raises:
        ConfigError: The student was trained on these pairs, or that is unknown, and training data
            is not allowed.
    """
    record = judged.record
    problem = _problem(judged, plan, url) if judged.is_run else ""
    notes = check_unseen(problem, DEMAND, allowed)
    if record is None or problem:
        return notes
    for each in record.all_sets:
        if (each.seed, each.noise_generator) == _noises(plan):
            notes.append(
                f"{url} has the same noises as {each.url}, on which a student was trained."
            )
        if each.source_sha256 == plan.source["sha256"]:
            notes.append(
                f"{url} has the same prompts as {each.url}, on which a student was trained."
            )
    return notes


def _problem(judged: Judged, plan: Plan, url: str) -> str:
    run, record = judged.path, judged.record
    if record is None:
        return f"{run} has no {RECORD_FILE} that says what it was trained on"
    for each in record.all_sets:
        if each.fingerprint == plan.fingerprint():
            return f"{run} was trained on {url} (fingerprint {each.fingerprint[:12]})"
        same_noises = (each.seed, each.noise_generator) == _noises(plan)
        if same_noises and each.source_sha256 == plan.source["sha256"]:
            return f"{run} was trained on {each.url}, which has the noises and prompts of {url}"
    return ""


def _noises(plan: Plan) -> tuple[int, str]:
    return plan.seed, str(plan.recipe["noise_generator"])
