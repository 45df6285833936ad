"""Check whether an image student was trained on the images that it is evaluated on."""

from pairgen.jobs.eval.evaluation import Asked
from pairgen.jobs.eval.from_images.shared_images import num_shared_images
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
    problem, unknown = _problem(asked, plan)
    return [*check_unseen(problem, DEMAND, config.allow_training_data), *unknown]


def _problem(asked: Asked, plan: Plan) -> tuple[str, list[str]]:
    """Return what the pairs share with the training data, and notes on what is not known."""
    run, url, record = asked.config.run, asked.config.data, asked.judged.record
    if record is None:
        return f"{run} has no {RECORD_FILE} that says what it was trained on", []
    for each in record.all_sets:
        if each.fingerprint == plan.fingerprint():
            return f"{run} was trained on {url} (fingerprint {each.fingerprint[:12]})", []
        if each.source_sha256 == plan.source["sha256"]:
            return f"{run} was trained on {each.url}, which has the source images of {url}", []
    unknown = []
    for each in record.all_sets:
        num = num_shared_images(each.url, url)
        if num:
            shared = f"{num:,} source image{'s' * (num > 1)}"
            return f"{run} was trained on {each.url}, which shares {shared} with {url}", []
        if num is None:
            unknown.append(
                f"The images of {url} could not be compared with those of {each.url}, which "
                f"{run} was trained on."
            )
    return "", unknown
