"""Check whether an image student was trained on the images that it is evaluated on."""

from pairgen.jobs.eval.evaluation import Asked
from pairgen.jobs.eval.seen import check_unseen
from pairgen.training.record import RECORD_FILE
from pairgen.types import Plan

DEMAND = "evaluate it on other images"


def seen_notes(asked: Asked, plan: Plan) -> list[str]:
    """Return notes on what the pairs share with the training data.

    Crops and degradations of another seed are no other images: the source decides.

    Args:
        asked: What is asked.
        plan: The plan of the pairs.

    Raises:
        ConfigError: The student was trained on these images, or that is unknown, and training data
            is not allowed.
    """
    config, judged = asked.config, asked.judged
    if not judged.is_run:
        return [f"{config.run} is not a run of pairgen train: nothing says what it has seen."]
    return check_unseen(_problem(asked, plan), DEMAND, config.allow_training_data)


def _problem(asked: Asked, plan: Plan) -> str:
    run, url, record = asked.config.run, asked.config.data, asked.judged.record
    if record is None:
        return f"{run} has no {RECORD_FILE} that says what it was trained on"
    for each in record.sets:
        if each.fingerprint == plan.fingerprint():
            return f"{run} was trained on {url} (fingerprint {each.fingerprint[:12]})"
        if each.source_sha256 == plan.source["sha256"]:
            return f"{run} was trained on {each.url}, which has the source images of {url}"
    return ""
