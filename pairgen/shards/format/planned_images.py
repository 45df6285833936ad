"""The images of a plan: those of the list in its folder, or painted ones, which need no list."""

from pathlib import Path
from typing import Protocol

from pairgen.shards.format import layout
from pairgen.shards.format.input_lists import check_list, read_list
from pairgen.shards.format.parsing.plan import check_whole
from pairgen.shards.format.store import Store
from pairgen.sources.image_list import PlannedImage, PlannedImages
from pairgen.sources.painted.images import PaintedImages
from pairgen.types import Plan


class ImageList(Protocol):
    """The images of a plan, by row."""

    def __getitem__(self, row: int) -> PlannedImage:
        """Return the image of a row."""

    def row_of(self, slot: int) -> int:
        """Return the row of the image that a slot is made from."""

    def sha256(self) -> str:
        """Return the hash that the plan's `source.sha256` must equal."""


def is_painted(plan: Plan) -> bool:
    """Whether the images of a plan are painted by the workers."""
    return "painted" in plan.recipe


def open_images(plan: Plan, store: Store) -> ImageList:
    """Return the images of a plan.

    Raises:
        CorruptShardError: Their list is missing or damaged.
    """
    if is_painted(plan):
        return painted_images(plan)
    return read_list(store, layout.IMAGES, lambda path: listed_images(plan, path))


def listed_images(plan: Plan, path: Path) -> PlannedImages:
    """Open the list of a plan's images.

    Raises:
        UNREADABLE: The file is damaged, or is not the list of the plan.
    """
    check_whole(plan)
    check_list(plan, path)
    images = PlannedImages(path)
    if images.num_slots < plan.num_samples:
        raise ValueError(f"its images give {images.num_slots:,} of {plan.num_samples:,} samples")
    return images


def painted_images(plan: Plan) -> PaintedImages:
    """Return the images of a plan whose images are painted."""
    check_whole(plan)
    recipe = plan.recipe
    return PaintedImages(
        seed=plan.seed,
        split=recipe["painted"]["split"],
        side=recipe["size"] if plan.kind == "collect" else recipe["crop"],
        edits=recipe.get("layout") == "edits",
        # A picture is one tile; plans of tiles, and of collected images, have no other number.
        num_slots=recipe.get("samples_per_image") or 1,
    )
