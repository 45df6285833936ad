"""Continue a set with images that are given: those that it has, and new ones behind them."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from pairgen.errors import ConfigError, FewerAskedError, PlanMismatchError
from pairgen.execution.say import Say
from pairgen.kinds.images.additions import (
    images_in_lists,
    num_images,
    samples_in_lists,
    samples_per_image,
    with_images,
)
from pairgen.shards.format.planned_images import (
    image_lists,
    is_painted,
    planned_sha256s,
    slots_of,
)
from pairgen.shards.storage.store import Store
from pairgen.sources.arrow_files import UNREADABLE, is_damage
from pairgen.sources.image_list import ImageSummary, PlannedImages
from pairgen.sources.known_images import KnownImages, find_known, write_rows
from pairgen.types import Plan
from pairgen.wording import counted

# Returns where to write a list of images: 1 for those that the set began with, 0 for one that is
# not kept.
ListPaths = Callable[[int], Path]


def with_given_images(store: Store, plan: Plan, name: str, path_of: ListPaths, say: Say) -> Plan:
    """Return the plan with the given images that are new to a set, behind those that it has.

    Args:
        store: The dataset folder.
        plan: The plan of the set.
        name: Where the given images come from.
        path_of: The list of what was given is at 1; every list of the set is written to its path.
        say: Called with what is new.

    Raises:
        PlanMismatchError: Images of the set are not among those given.
        ConfigError: A new image is of a class that the set does not have.
    """
    if is_painted(plan):
        raise PlanMismatchError(
            f"{store.url} holds painted pictures, to which you cannot add other images: give "
            "another --out."
        )
    given, planned = PlannedImages(path_of(1)), planned_sha256s(plan)
    # The hash says nothing of the number of samples of each image, which the options may raise.
    if [given.sha256()] == planned and given.num_slots == slots_of(plan, None)[1]:
        return plan
    known = _find(store, plan, given)
    # The list at 1 is being read.
    targets = [path_of(0), *(path_of(number) for number in range(2, len(planned) + 1))]
    found = [
        write_rows(target, given, rows, each).sha256
        for target, rows, each in zip(targets, known.rows, samples_in_lists(plan), strict=True)
    ]
    if known.missing or found != planned:
        message = _told_missing(plan, known, given)
        if known.new or not all(map(store.exists, image_lists(plan))):
            raise PlanMismatchError(message)
        given_text = counted(len(given), "was", "were")
        has = counted(num_images(plan), "image")
        raise FewerAskedError(message, f"has {has} already, {given_text} asked for")
    if known.new:
        target = path_of(len(planned) + 1)
        summary = write_rows(target, given, known.new, samples_per_image(plan))
        _check_classes(plan, summary)
        say(
            f"{counted(summary.num_accepted, 'new image')} behind the {num_images(plan):,} that "
            f"{store.url} has."
        )
        if summary.num_captions and "txt" not in plan.members:
            say("The set has no captions: those of new images are left out.")
        plan = with_images(plan, name, summary)
    path_of(0).replace(path_of(1))
    return plan


def _find(store: Store, plan: Plan, given: PlannedImages) -> KnownImages:
    """Find the images of a set among those given."""
    lists = zip(image_lists(plan), planned_sha256s(plan), images_in_lists(plan), strict=True)
    with ExitStack() as stack:
        return find_known(given, [_standing(store, stack, *each) for each in lists])


def _standing(
    store: Store, stack: ExitStack, path: str, sha256: str, num_images: int
) -> PlannedImages | int:
    """Return a list of a set; if it is lost, its number of images.

    It is told by what it holds: a command that was killed may have put it in place with other
    paths to the same images, and not its hash in the plan.
    """
    try:
        images = PlannedImages(stack.enter_context(store.local(path)))
        return images if images.sha256() == sha256 else num_images
    except UNREADABLE as error:
        if not (is_damage(error) or isinstance(error, FileNotFoundError)):
            raise
        return num_images


def _told_missing(plan: Plan, known: KnownImages, given: PlannedImages) -> str:
    lacks = "whose list is lost"
    if known.missing:
        first, others = known.missing[0], len(known.missing) - 1
        # An image of that name is another image if its bytes are others.
        changed = any(given[row].file.name == first for row in known.new)
        lacks = f"of which {counted(len(known.missing), 'is', 'are')} not among those given: "
        lacks += f"{first!r}{', whose content has changed' * changed}{' and others' * bool(others)}"
    return (
        f"The folder holds a dataset of {num_images(plan):,} other images, {lacks}. To add images, "
        "give all that it has, unchanged, and the new ones; or give another --out."
    )


def _check_classes(plan: Plan, summary: ImageSummary) -> None:
    """Check that new images are of the classes that a set has.

    Raises:
        ConfigError: They are not.
    """
    num_classes = plan.source.get("num_classes", 0)
    if summary.num_classes > num_classes > 0:
        raise ConfigError(
            f"A new image is of class {summary.num_classes - 1}, but the set has the classes 0 to "
            f"{num_classes - 1}: give another --out, or leave such images out."
        )
