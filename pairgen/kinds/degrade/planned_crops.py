"""HR from the list of images in the folder: a crop of each, where the plan says."""

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pairgen.kinds.degrade.crops import tile_place
from pairgen.kinds.degrade.high_resolution import HighResolution, HighResolutionOf
from pairgen.kinds.images.crops import check_sharp, choose_place, cut, draw_place
from pairgen.kinds.images.source_pixels import decode_planned, read_planned
from pairgen.seeding import Stream, generator_for
from pairgen.shards.format.planned_images import open_images
from pairgen.shards.format.slots import caption_of, crop_facts
from pairgen.shards.storage.store import Store
from pairgen.sources.image_list import PlannedImage
from pairgen.sources.photographs import ImageSize
from pairgen.types import Plan, ShardTask


class PlannedCrops:
    """Crops of planned images; the last decoded image is kept for more crops.

    Args:
        plan: The plan.
        store: The dataset folder.
        decode: Decodes the bytes of an image.
    """

    def __init__(
        self, plan: Plan, store: Store, decode: Callable[[bytes], NDArray[np.uint8]]
    ) -> None:
        self._plan, self._decode = plan, decode
        self._images = open_images(plan, store)
        self._decoded: tuple[int, NDArray[np.uint8], int] | None = None

    def of_shard(self, task: ShardTask) -> HighResolutionOf:
        """Return what cuts the crop of a slot out of its image."""
        del task
        return self._crop

    def name_of(self, index: int) -> str:
        """Return the name of a slot's image."""
        return self._images.of_slot(index).image.file.name

    def _crop(self, index: int) -> HighResolution:
        found = self._images.of_slot(index)
        planned = found.image
        image, crc32 = self._decoded_image(found.row, planned)
        facts: dict[str, Any] = crop_facts(self._plan, found, index)
        place, sharpness = self._place(image, index, found.number)
        return HighResolution(
            index=index,
            pixels=cut(image, place, _square(self._plan.recipe["crop"])),
            facts=facts
            | {"image_crc32": crc32, "top": place[0], "left": place[1], "sharpness": sharpness},
            texts={
                "txt": caption_of(self._plan, planned, index),
                "tag.txt": planned.file.tag,
            },
        )

    def _decoded_image(self, row: int, planned: PlannedImage) -> tuple[NDArray[np.uint8], int]:
        """Return a decoded image and its file's checksum."""
        if self._decoded is None or self._decoded[0] != row:
            self._decoded = None
            data = read_planned(planned.file)
            image = decode_planned(data, planned.size, self._decode)
            self._decoded = row, image, zlib.crc32(data)
        return self._decoded[1], self._decoded[2]

    def _place(
        self, image: NDArray[np.uint8], index: int, number: int
    ) -> tuple[tuple[int, int], float]:
        """Return a crop's position and its sharpness."""
        recipe, size = self._plan.recipe, ImageSize(image.shape[1], image.shape[0])
        crop, lowest = _square(recipe["crop"]), recipe["min_sharpness"]
        generator = generator_for(self._plan.seed, index, Stream.CROP)
        if recipe["crops"] == "random" and lowest > 0:
            return choose_place(generator, image, crop, lowest)
        if recipe["crops"] == "random":
            place = draw_place(generator, size, crop)
        else:
            place = tile_place(size, recipe["crop"], number)
        return place, check_sharp(cut(image, place, crop), lowest)


def _square(side: int) -> ImageSize:
    return ImageSize(side, side)
