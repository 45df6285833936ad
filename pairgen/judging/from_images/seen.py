"""Check whether an image student was trained on the images that it is evaluated on."""

from pairgen.judging.from_images.shared_images import num_shared_images
from pairgen.judging.judged import Judged
from pairgen.judging.seen import check_unseen
from pairgen.shards.format.planned_images import planned_sha256s
from pairgen.training.runs.record import RECORD_FILE
from pairgen.types import Plan
from pairgen.wording import counted

DEMAND = "evaluate it on other images"


def seen_notes(judged: Judged, plan: Plan, url: str, allowed: bool) -> list[str]:
    """Return notes on what the pairs share with the training data.

    Crops and degradations of another seed are no other images: the source decides.

    Args:
        judged: The model.
        plan: The plan of the pairs.
        url: URL of the pairs.
        allowed: Whether training data may be used.

    Raises:
        ConfigError: The student was trained on these images, or that is unknown, and training data
            is not allowed.
    """
    if not judged.is_run:
        return [f"{judged.path} is not a run of pairgen train: nothing says what it has seen."]
    problem, unknown = _problem(judged, plan, url)
    return [*check_unseen(problem, DEMAND, allowed), *unknown]


def _problem(judged: Judged, plan: Plan, url: str) -> tuple[str, list[str]]:
    """Return what the pairs share with the training data, and notes on what is not known."""
    run, record = judged.path, judged.record
    if record is None:
        return f"{run} has no {RECORD_FILE} that says what it was trained on", []
    for each in record.all_sets:
        if each.fingerprint in plan.fingerprints():
            return f"{run} was trained on {url} (fingerprint {each.fingerprint[:12]})", []
        if each.source_sha256 in planned_sha256s(plan):
            return f"{run} was trained on {each.url}, which has the source images of {url}", []
    unknown = []
    for each in record.all_sets:
        num = num_shared_images(each.url, url)
        if num:
            shared = f"{counted(num, 'source image')}"
            return f"{run} was trained on {each.url}, which shares {shared} with {url}", []
        if num is None:
            unknown.append(
                f"The images of {url} could not be compared with those of {each.url}, which "
                f"{run} was trained on."
            )
    return "", unknown
