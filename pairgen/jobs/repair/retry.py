"""Find shards of images to remake because images that failed can be read now."""

from collections.abc import Iterable, Iterator

from pairgen.errors import PairgenError
from pairgen.receipts import Receipt
from pairgen.shards.format.planned_images import ImageList, is_painted, open_images
from pairgen.shards.storage.store import Store
from pairgen.sources.image_file import ImageFile
from pairgen.types import Plan


def worth_retrying(store: Store, plan: Plan, receipts: Iterable[Receipt]) -> Iterator[Receipt]:
    """Yield the receipts of shards that would gain a sample and lose none.

    Args:
        store: The dataset folder, with sound lists of images.
        plan: The dataset's plan.
        receipts: Receipts of sound shards.
    """
    failed = [receipt for receipt in receipts if any(not slot.skipped for slot in receipt.failed)]
    if plan.kind not in ("degrade", "collect") or is_painted(plan) or not failed:
        return
    images = open_images(plan, store)
    yield from (receipt for receipt in failed if _gains(images, receipt))


def changed_since(store: Store, plan: Plan, receipts: Iterable[Receipt]) -> list[str]:
    """Return the names of images that failed and whose files have another size than planned.

    Args:
        store: The dataset folder, with sound lists of images.
        plan: The dataset's plan.
        receipts: Receipts of sound shards.
    """
    failed = [slot.index for each in receipts for slot in each.failed if not slot.skipped]
    if plan.kind not in ("degrade", "collect") or is_painted(plan) or not failed:
        return []
    images = open_images(plan, store)
    files = [images.of_slot(index).image.file for index in failed]
    return list(dict.fromkeys(file.name for file in files if _has_changed(file)))


def _has_changed(image: ImageFile) -> bool:
    """Return whether an image or its partner is there with another size than planned."""
    if image.partner is not None and _has_changed(image.partner):
        return True
    try:
        return image.kind == "file" and image.num_container_bytes() != image.num_bytes
    except (OSError, PairgenError):
        return False


def _gains(images: ImageList, receipt: Receipt) -> bool:
    """Return whether an image that failed, and all others of the shard, can be read now."""
    missing = {slot.index for slot in receipt.failed if not slot.skipped}
    skipped = {slot.index for slot in receipt.failed if slot.skipped}
    readable: dict[int, bool] = {}
    gains = False
    for index in range(receipt.start, receipt.stop):
        found = images.of_slot(index)
        row = found.row
        if row not in readable:
            readable[row] = _is_there(found.image.file)
        if index in missing:
            gains |= readable[row]
        elif index not in skipped and not readable[row]:
            # Perhaps a folder is not mounted: samples of this image could not be remade.
            return False
    return gains


def _is_there(image: ImageFile) -> bool:
    """Return whether an image and its partner are where the plan says, with their planned sizes."""
    if image.partner is not None and not _is_there(image.partner):
        return False
    try:
        num_bytes = image.num_container_bytes()
    except (OSError, PairgenError):
        # The latter, where its URL may not be read, or was recorded without its secrets.
        return False
    return image.kind != "file" or num_bytes == image.num_bytes
