"""Look again at images that failed: shards to remake because they can be read now, or why not."""

from collections.abc import Callable, Iterable
from typing import Literal

from pairgen.errors import PairgenError
from pairgen.receipts import Receipt
from pairgen.shards.format.planned_images import is_painted, open_images
from pairgen.shards.storage.store import Store
from pairgen.sources.image_file import ImageFile
from pairgen.types import Plan

# As planned; of another size than planned; or not to be read.
State = Literal["there", "changed", "away"]


def look_again(
    store: Store, plan: Plan, receipts: Iterable[Receipt]
) -> tuple[list[Receipt], list[str]]:
    """Look at the images of shards with failed samples, each image once.

    Args:
        store: The dataset folder, with sound lists of images.
        plan: The dataset's plan.
        receipts: Receipts of sound shards.

    Returns:
        The receipts of shards that would gain a sample and lose none, and the names of images that
        failed and whose files have changed since.
    """
    failed = [receipt for receipt in receipts if _missing(receipt)]
    if plan.kind not in ("degrade", "collect") or is_painted(plan) or not failed:
        return [], []
    images = open_images(plan, store)
    states: dict[int, State] = {}

    def state_of(index: int) -> State:
        found = images.of_slot(index)
        if found.row not in states:
            states[found.row] = _state(found.image.file)
        return states[found.row]

    gaining = [receipt for receipt in failed if _gains(receipt, state_of)]
    changed = [
        images.of_slot(index).image.file.name
        for receipt in failed
        for index in _missing(receipt)
        if state_of(index) == "changed"
    ]
    return gaining, list(dict.fromkeys(changed))


def _missing(receipt: Receipt) -> list[int]:
    return [slot.index for slot in receipt.failed if not slot.skipped]


def _gains(receipt: Receipt, state_of: Callable[[int], State]) -> bool:
    """Return whether an image that failed, and all others of the shard, can be read now."""
    missing = set(_missing(receipt))
    skipped = {slot.index for slot in receipt.failed if slot.skipped}
    gains = False
    for index in range(receipt.start, receipt.stop):
        is_there = state_of(index) == "there"
        if index in missing:
            gains |= is_there
        elif index not in skipped and not is_there:
            # Perhaps a folder is not mounted: samples of this image could not be remade.
            return False
    return gains


def _state(image: ImageFile) -> State:
    """Return the state of an image and its partner: there only if both are."""
    if image.partner is not None and (state := _state(image.partner)) != "there":
        return state
    try:
        num_bytes = image.num_container_bytes()
    except (OSError, PairgenError):
        # The latter, where its URL may not be read, or was recorded without its secrets.
        return "away"
    return "changed" if image.kind == "file" and num_bytes != image.num_bytes else "there"
