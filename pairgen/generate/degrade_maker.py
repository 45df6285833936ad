"""What a worker of `pairgen degrade` holds: the preset, the images, the last one decoded."""

import zlib
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from pairgen.generate.crops import choose_place, cut, draw_place, sharpness, tile_place
from pairgen.generate.decoded_samples import LatentPictures
from pairgen.generate.machine import device_name
from pairgen.generate.pyramid import make_preset, render
from pairgen.seeding import Stream, generator_for
from pairgen.shards import layout
from pairgen.shards.slots import crop_facts
from pairgen.shards.store import Store
from pairgen.sources.images import PlannedImage, PlannedImages
from pairgen.sources.photographs import (
    ImageSize,
    SkippedImageError,
    UnusableImageError,
    decode_rgb,
)
from pairgen.types import FailedSlot, Plan, Sample, ShardTask, canonical_json

MODULES = ("numpy", "cv2", "PIL", "scipy", "torch")
# Deflate's fastest level: a tenth larger and four times as fast as the usual one.
PNG_OPTIONS = [cv2.IMWRITE_PNG_COMPRESSION, 1]
ENCODINGS: dict[str, tuple[str, list[int]]] = {
    "png": (".png", PNG_OPTIONS),
    # OpenCV's word for lossless.
    "webp-lossless": (".webp", [cv2.IMWRITE_WEBP_QUALITY, 101]),
    "jpg": (
        ".jpg",
        [
            *(cv2.IMWRITE_JPEG_QUALITY, 95),
            *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
        ],
    ),
}


class DegradeMaker:
    """Cuts, degrades and encodes on the CPU; latents are decoded on a GPU where there is one."""

    modules: tuple[str, ...] = MODULES

    def __init__(self, plan: Plan, store: Store) -> None:
        cv2.setNumThreads(plan.execution["cpu_threads"])
        self.plan = plan
        self.device = device_name(torch.device("cpu"))
        self.latents = LatentPictures(plan) if plan.teacher else None
        if self.latents is not None:
            self.device, self.modules = device_name(self.latents.device), (*MODULES, "diffusers")
        self.preset = make_preset(plan.recipe["degradation"], plan.recipe["operations"])
        with store.local(layout.IMAGES) as path:
            self.images = PlannedImages(path)
        self._decoded: tuple[int, NDArray[np.uint8], int] | None = None

    def make(self, task: ShardTask) -> Iterator[list[Sample | FailedSlot]]:
        """Yield the samples of a shard in order, one at a time."""
        # Per thread: torch and OpenCV may be called from another one than loaded them.
        cv2.setNumThreads(self.plan.execution["cpu_threads"])
        for index in range(task.start, task.stop):
            try:
                yield [self.make_sample(index)]
            except SkippedImageError as error:
                yield [FailedSlot(index=index, reason=str(error), skipped=True)]
            except UnusableImageError as error:
                yield [FailedSlot(index=index, reason=str(error))]
            except OSError as error:
                yield [FailedSlot(index=index, reason=error.strerror or str(error))]

    def make_sample(self, index: int) -> Sample:
        """Make one sample.

        Raises:
            UnusableImageError: Its image or its crop cannot be used.
            OSError: Its image cannot be read.
        """
        plan, recipe = self.plan, self.plan.recipe
        row = self.images.row_of(index)
        planned = self.images[row]
        image, crc32 = self._decode(row, planned)
        facts: dict[str, Any] = crop_facts(plan, planned, row, index)
        place, found = self._place(image, index, facts["crop_number"])
        hr = cut(image, place, recipe["crop"])
        draw = self.preset.draw(generator_for(plan.seed, index, Stream.DEGRADATION))
        levels = render(self.preset, hr, draw, recipe["levels"])
        fields: dict[str, NDArray[Any] | bytes | str] = {
            f"lr{level}.png": encode_image(picture, "png") for level, picture in levels.items()
        }
        name = recipe["hr_format"].removesuffix("-lossless")
        fields[name] = encode_image(hr, recipe["hr_format"])
        if "txt" in plan.members:
            fields["txt"] = planned.file.caption
        facts |= {"image_crc32": crc32, "top": place[0], "left": place[1], "sharpness": found}
        # One string: hub loaders type every nested key, and draws have many.
        return Sample(index=index, fields=fields, facts={**facts, "draw": canonical_json(draw)})

    def _decode(self, row: int, planned: PlannedImage) -> tuple[NDArray[np.uint8], int]:
        """Return an image and the checksum of its file; crops of one image follow each other."""
        if self._decoded is None or self._decoded[0] != row:
            self._decoded = None
            data = planned.file.read()
            image = self.latents.decode(data) if self.latents else decode_rgb(data)
            height, width = image.shape[:2]
            if ImageSize(width, height) != planned.size:
                raise UnusableImageError(
                    f"{width} x {height} px, planned with {planned.size.width} x "
                    f"{planned.size.height}"
                )
            self._decoded = row, image, zlib.crc32(data)
        return self._decoded[1], self._decoded[2]

    def _place(
        self, image: NDArray[np.uint8], index: int, number: int
    ) -> tuple[tuple[int, int], float]:
        """Return where a crop lies and how sharp it is."""
        recipe, size = self.plan.recipe, ImageSize(image.shape[1], image.shape[0])
        crop, lowest = recipe["crop"], recipe["min_sharpness"]
        generator = generator_for(self.plan.seed, index, Stream.CROP)
        if recipe["crops"] == "random" and lowest > 0:
            return choose_place(generator, image, crop, lowest)
        if recipe["crops"] == "random":
            place = draw_place(generator, size, crop)
        else:
            place = tile_place(size, crop, number)
        found = sharpness(cut(image, place, crop))
        if found < lowest:
            raise SkippedImageError(f"flat or blurred: sharpness {found:.1f}, below {lowest:g}")
        return place, found


build = DegradeMaker


def encode_image(image: NDArray[np.uint8], kind: str) -> bytes:
    """Return an image [H, W, 3] as bytes of a format of `ENCODINGS`."""
    extension, options = ENCODINGS[kind]
    encoded = cv2.imencode(extension, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)[1]
    return bytes(encoded)
