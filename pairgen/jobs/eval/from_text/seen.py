"""Check whether a student was trained on the pairs that it is evaluated on."""

from pairgen.jobs.eval.seen import check_unseen
from pairgen.training.record import RECORD_FILE, TrainRecord
from pairgen.types import Plan

DEMAND = "evaluate it on pairs of another --seed"


def seen_notes(
    plan: Plan, url: str, record: TrainRecord | None, run: str, is_run: bool, allowed: bool
) -> list[str]:
    """Return notes on what the pairs share with the training data.

    Args:
        plan: Plan of the pairs.
        url: URL of the pairs.
        record: Record of the training; None if there is none.
        run: The model that is evaluated.
        is_run: Whether that is a run of `pairgen train`.
        allowed: Whether training data may be used.

    Raises:
        ConfigError: The student was trained on these pairs, or that is unknown, and training data
            is not allowed.
    """
    problem = _problem(plan, url, record, run) if is_run else ""
    notes = check_unseen(problem, DEMAND, allowed)
    if record is None or problem:
        return notes
    for each in record.all_sets:
        if (each.seed, each.noise_generator) == _noises(plan):
            notes.append(f"{url} has the same noises as {each.url}, which was trained on.")
        if each.source_sha256 == plan.source["sha256"]:
            notes.append(f"{url} has the same prompts as {each.url}, which was trained on.")
    return notes


def _problem(plan: Plan, url: str, record: TrainRecord | None, run: str) -> str:
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
