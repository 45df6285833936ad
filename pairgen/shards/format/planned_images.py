"""The images of a plan: those of the lists in its folder, or painted ones, which need no list."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Protocol

from pairgen.additions import Addition
from pairgen.shards.format import layout
from pairgen.shards.format.input_lists import check_list, read_list
from pairgen.shards.format.parsing.plan import check_whole
from pairgen.shards.storage.store import Store
from pairgen.sources.arrow_files import UNREADABLE, is_damage
from pairgen.sources.image_list import PlannedImage, PlannedImages
from pairgen.sources.painted.images import PaintedImages
from pairgen.types import Plan


@dataclass(frozen=True)
class ImageOfSlot:
    """The image that a slot is made from.

    Attributes:
        row: Its row, among all images of the set.
        image: The image.
        number: Number of the slot's sample, among all samples of the image.
    """

    row: int
    image: PlannedImage
    number: int


class ImageList(Protocol):
    """The images of a plan."""

    def of_slot(self, slot: int) -> ImageOfSlot:
        """Return the image that a slot is made from."""

    def sha256s(self) -> list[str]:
        """Return the hashes that the plan says, as `planned_sha256s` returns them."""


def is_painted(plan: Plan) -> bool:
    """Whether the images of a plan are painted by the workers."""
    return "painted" in plan.recipe


def image_lists(plan: Plan) -> list[str]:
    """Return the paths of the lists of a plan's images; none for painted ones."""
    if is_painted(plan):
        return []
    return [layout.images_path(number) for number in range(1, len(plan.listed_additions) + 2)]


def planned_sha256s(plan: Plan) -> list[str]:
    """Return the hash of each list of inputs of a plan, as the plan says."""
    return [str(plan.source["sha256"]), *(each.sha256 for each in plan.listed_additions)]


def open_images(plan: Plan, store: Store) -> ImageList:
    """Return the images of a plan.

    Raises:
        CorruptShardError: A list is missing or damaged.
    """
    if is_painted(plan):
        return painted_images(plan)
    opened = [
        read_list(store, path, partial(_listed, plan, number))
        for number, path in enumerate(image_lists(plan))
    ]
    return ListedImages(plan, opened)


def listed_images(plan: Plan, paths: Sequence[Path]) -> "ListedImages":
    """Open the lists of a plan's images.

    Raises:
        UNREADABLE: A file is damaged, or is not the list of the plan.
    """
    opened = []
    for number, path in enumerate(paths):
        try:
            opened.append(_listed(plan, number, path))
        except UNREADABLE as error:
            if len(paths) == 1 or not is_damage(error):
                raise
            name = Path(layout.images_path(number + 1)).name
            raise ValueError(f"{name}: {error}") from None
    return ListedImages(plan, opened)


def _listed(plan: Plan, number: int, path: Path) -> PlannedImages:
    """Open one list, of those in the order of `image_lists`.

    Raises:
        UNREADABLE: The file is damaged, or is not the list of the plan.
    """
    check_whole(plan)
    addition = plan.listed_additions[number - 1] if number else None
    check_list(plan, path, addition)
    images = PlannedImages(path)
    planned = plan.source["num_inputs"] if addition is None else addition.num_inputs
    if len(images) != planned:
        raise ValueError(f"it has {len(images):,} images, the plan says {planned:,}")
    first, stop = slots_of(plan, addition)
    if images.num_slots < stop - first:
        raise ValueError(f"its images give {images.num_slots:,} of {stop - first:,} samples")
    return images


def slots_of(plan: Plan, addition: Addition | None) -> tuple[int, int]:
    """Return the slots of an addition, or, for None, of what a set began with."""
    known = (None, *plan.additions)
    begun = [0, *(each.first_slot for each in plan.additions), plan.num_samples]
    number = known.index(addition)
    return begun[number], begun[number + 1]


def painted_images(plan: Plan) -> "PictureList":
    """Return the images of a plan whose images are painted."""
    check_whole(plan)
    recipe = plan.recipe
    images = PaintedImages(
        seed=plan.seed,
        split=recipe["painted"]["split"],
        side=recipe["size"] if plan.kind == "collect" else recipe["crop"],
        edits=recipe.get("layout") == "edits",
        # A picture is one tile; plans of tiles, and of collected images, have no other number.
        num_slots=recipe.get("samples_per_image") or 1,
    )
    return PictureList(plan, images)


class ListedImages:
    """The images of several lists, one behind the other.

    Args:
        plan: The plan.
        lists: The lists, at least one.
    """

    def __init__(self, plan: Plan, lists: Sequence[PlannedImages]) -> None:
        self._lists, self._additions = lists, plan.additions
        self._first_rows = [0, *accumulate(len(each) for each in lists)][:-1]
        # The list of what a set began with, and of each addition; that of others is not read.
        self._numbers = [0, *accumulate(each.has_list for each in plan.additions)]

    def __getitem__(self, row: int) -> PlannedImage:
        number = bisect_right(self._first_rows, row) - 1
        return self._lists[number][row - self._first_rows[number]]

    def of_slot(self, slot: int) -> ImageOfSlot:
        """Return the image that a slot is cropped from."""
        num_begun = _num_begun(self._additions, slot)
        addition = self._additions[num_begun - 1] if num_begun else None
        if addition is not None and not addition.has_list:
            return _more_of(addition, slot, self)
        number = self._numbers[num_begun]
        inner = slot - (addition.first_slot if addition else 0)
        images = self._lists[number]
        row = images.row_of(inner)
        image = images[row]
        return ImageOfSlot(self._first_rows[number] + row, image, inner - image.first_slot)

    def sha256s(self) -> list[str]:
        """Return the hash of each list."""
        return [each.sha256() for each in self._lists]


class PictureList:
    """Painted pictures, as many as a plan asks for.

    Args:
        plan: The plan.
        pictures: All pictures of its seed.
    """

    def __init__(self, plan: Plan, pictures: PaintedImages) -> None:
        self._pictures, self._additions = pictures, plan.additions

    def __getitem__(self, row: int) -> PlannedImage:
        return self._pictures[row]

    def of_slot(self, slot: int) -> ImageOfSlot:
        """Return the picture that a slot shows."""
        if num_begun := _num_begun(self._additions, slot):
            return _more_of(self._additions[num_begun - 1], slot, self._pictures)
        row, number = divmod(slot, self._pictures.num_slots)
        return ImageOfSlot(row, self._pictures[row], number)

    def sha256s(self) -> list[str]:
        """Return the hash of what paints them."""
        return [self._pictures.sha256()]


def _num_begun(additions: Sequence[Addition], slot: int) -> int:
    """Return the number of additions that begin at a slot or before it."""
    return bisect_right(additions, slot, key=lambda each: each.first_slot)


def _more_of(addition: Addition, slot: int, images: "ListedImages | PaintedImages") -> ImageOfSlot:
    """Return the image of a slot of an addition that has no list of its own."""
    row, number = divmod(slot - addition.first_slot, addition.samples_per_image)
    row += addition.first_row
    return ImageOfSlot(row, images[row], addition.first_number + number)
