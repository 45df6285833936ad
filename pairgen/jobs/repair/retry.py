"""Which degraded shards are worth making again because images that failed are there by now."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pairgen.shards.format import layout
from pairgen.shards.format.store import Store
from pairgen.sources.image_files import ImageFile
from pairgen.sources.images import PlannedImages
from pairgen.types import Plan, Receipt


def worth_retrying(store: Store, plan: Plan, receipts: Iterable[Receipt]) -> Iterator[Receipt]:
    """Yield the receipts of shards that would gain a sample and lose none.

    Args:
        store: The dataset folder, its list of images sound.
        plan: Its plan.
        receipts: Of sound shards.
    """
    failed = [receipt for receipt in receipts if any(not slot.skipped for slot in receipt.failed)]
    if plan.kind != "degrade" or not failed:
        return
    with store.local(layout.IMAGES) as path:
        images = PlannedImages(path)
        yield from (receipt for receipt in failed if _gains(images, receipt))


def _gains(images: PlannedImages, receipt: Receipt) -> bool:
    """Whether an image that failed can be read now, and so can all others of the shard."""
    missing = {slot.index for slot in receipt.failed if not slot.skipped}
    skipped = {slot.index for slot in receipt.failed if slot.skipped}
    readable: dict[int, bool] = {}
    gains = False
    for index in range(receipt.start, receipt.stop):
        row = images.row_of(index)
        if row not in readable:
            readable[row] = _is_there(images[row].file)
        if index in missing:
            gains |= readable[row]
        elif index not in skipped and not readable[row]:
            # A folder that is not mounted: what was made of it cannot be made again.
            return False
    return gains


def _is_there(image: ImageFile) -> bool:
    """Whether an image is where it was planned; one of another size would fail."""
    try:
        num_bytes = Path(image.container).stat().st_size
    except OSError:
        return False
    return image.kind != "file" or num_bytes == image.num_bytes
