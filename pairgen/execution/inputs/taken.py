"""Take the images that a command is given, or go on with those of its folder."""

from collections.abc import Callable
from pathlib import Path

from pairgen.errors import ConfigError
from pairgen.execution.dataset import check_same_plan, claim
from pairgen.execution.inputs.growing import ListPaths
from pairgen.execution.inputs.spooled import put_inputs, spooled_lists
from pairgen.execution.own_code import with_code
from pairgen.execution.say import Say
from pairgen.kinds.images.additions import num_images
from pairgen.kinds.images.options import ImageOptions
from pairgen.regular_file import sha256_of
from pairgen.shards.format import layout
from pairgen.shards.format.input_lists import with_list
from pairgen.shards.format.parsing.plan import check_limits
from pairgen.shards.format.planned_images import image_lists
from pairgen.shards.format.slots import CAPTION_CHOICE
from pairgen.shards.storage.local_store import LocalStore
from pairgen.shards.storage.store import Store
from pairgen.sources.image_list import ImageSummary
from pairgen.sources.prompts import encode_rejected
from pairgen.sources.texts.caption_choice import ALL
from pairgen.types import Plan
from pairgen.wording import counted


def check_continued(store: Store, old: Plan, plan: Plan, say: Say) -> None:
    """Check that a folder continues with its own images, and report it.

    Raises:
        PlanMismatchError: The options are those of another dataset.
        ConfigError: A list of the folder's images is missing.
    """
    check_same_plan(store, old, plan, say)
    missing = [path for path in image_lists(old) if not store.exists(path)]
    if missing:
        raise ConfigError(
            f"{missing[0]} of {store.url} is missing: give the original --images again."
        )
    is_by_caption = old.recipe.get(CAPTION_CHOICE) == ALL
    by_caption = ", counted once for each caption" * is_by_caption
    say(f"Continuing {store.url} with its {counted(num_images(old), 'image')}{by_caption}.")


def plan_in(
    trial: LocalStore,
    store: Store,
    continued: Callable[[], Plan] | None,
    read: Callable[[ListPaths], tuple[Plan, ImageSummary]],
) -> Plan:
    """Plan a trial run, with the lists of images in a folder of its own.

    Args:
        trial: The folder of the trial.
        store: The dataset folder, to which nothing is written.
        continued: Returns the plan that continues with the folder's own images; None to read them.
        read: Writes the lists of images to their paths; returns the plan made from them.

    Raises:
        ConfigError: The plan has too many samples, shards or additions.
    """

    def path_of(number: int) -> Path:
        return trial.root / layout.images_path(number)

    path_of(1).parent.mkdir()
    if continued is None:
        plan, _ = read(path_of)
        check_limits(plan)
        # The folder's lists may name other paths to the same images.
        for number in range(1, len(image_lists(plan)) + 1):
            plan = with_list(plan, sha256_of(path_of(number)), number)
        return plan
    plan = continued()
    check_limits(plan)
    for number, path in enumerate(image_lists(plan), 1):
        store.fetch(path, path_of(number))
    return plan


def take_images(
    store: Store,
    old: Plan | None,
    read: Callable[[ListPaths], tuple[Plan, ImageSummary]],
    options: ImageOptions,
    say: Say,
) -> Plan:
    """Read the image headers, and write the lists of images once everything is checked.

    Args:
        store: The dataset folder.
        old: The plan in the folder; None if the command begins a new dataset.
        read: Writes the lists of images to their paths; returns the plan made from them.
        options: The part of the shards to make, and whether changed code is accepted.
        say: Called with messages about the user's own code.
    """
    with spooled_lists(store, lambda number: Path(layout.images_path(number)).name) as path_of:
        plan, summary = read(path_of)
        plan = with_code(store, plan, options, say)
        claim(store, old, plan, options.part)
        for number, path in enumerate(image_lists(plan), 1):
            plan = put_inputs(store, path_of(number), path, plan, options.part, number)
    if summary.rejected:
        store.put_bytes(layout.REJECTED, encode_rejected(summary.rejected))
    return plan
