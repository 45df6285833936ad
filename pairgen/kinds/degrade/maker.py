"""The state of a worker of `pairgen degrade`: the preset, the images, the last decoded one."""

import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pairgen.degradations.base import Draw
from pairgen.kinds.degrade.crops import tile_place
from pairgen.kinds.degrade.pyramid import make_preset, render, render_batch
from pairgen.kinds.images.crops import check_sharp, choose_place, cut, draw_place
from pairgen.kinds.images.decoded_samples import LatentPictures, check_decoder
from pairgen.kinds.images.painted_plan import check_painter
from pairgen.kinds.images.source_pixels import decode_planned, or_failed, read_planned
from pairgen.kinds.machine import batch_does_not_fit, device_name
from pairgen.process_state import cpu_threads
from pairgen.seeding import Stream, generator_for
from pairgen.shards.format.draw_columns import draw_columns
from pairgen.shards.format.image_encoding import encode_image
from pairgen.shards.format.planned_images import open_images
from pairgen.shards.format.slots import crop_facts
from pairgen.shards.format.store import Store
from pairgen.sources.images import PlannedImage
from pairgen.sources.photographs import ImageSize, decode_rgb
from pairgen.types import FailedSlot, Plan, Sample, ShardTask, canonical_json

MODULES = ("numpy", "cv2", "PIL", "scipy", "torch")


@dataclass(frozen=True)
class Crop:
    """An HR crop and the draw of its degradation.

    Attributes:
        index: Index of the sample.
        hr: The crop, [crop, crop, 3] uint8.
        draw: The draw of its degradation.
        texts: Texts of its image: caption and tag, by the member that would hold them.
        facts: Facts about its origin, without the draw.
    """

    index: int
    hr: NDArray[np.uint8]
    draw: Draw
    texts: Mapping[str, str]
    facts: dict[str, Any]


class DegradeMaker:
    """Cuts and encodes on the CPU; degrades one image at a time there, or in batches on a device.

    Latents are decoded on a GPU if there is one.
    """

    modules: tuple[str, ...] = MODULES

    def __init__(self, plan: Plan, store: Store) -> None:
        self.plan = plan
        self.by_torch = plan.recipe["pixel_path"] == "torch"
        on_gpu = self.by_torch and torch.cuda.is_available()
        self.torch_device = torch.device("cuda" if on_gpu else "cpu")
        self.device = device_name(self.torch_device)
        # The other path takes one image at a time.
        self.batch_size = plan.execution["batch_size"] if self.by_torch else 1
        self.latents = LatentPictures(plan) if plan.teacher else None
        if self.latents is not None:
            self.device, self.modules = device_name(self.latents.device), (*MODULES, "diffusers")
        self.preset = make_preset(plan.recipe["degradation"], plan.recipe["operations"])
        self.index_columns = draw_columns(self.preset.draw_every())
        self.images = open_images(plan, store)
        self._decoded: tuple[int, NDArray[np.uint8], int] | None = None

    def make(self, task: ShardTask) -> Iterator[list[Sample | FailedSlot]]:
        """Yield the samples of a shard in order, one batch at a time.

        Raises:
            OutOfDeviceMemoryError: A batch does not fit into memory.
        """
        for start in range(task.start, task.stop, self.batch_size):
            yield self._make_batch(range(start, min(start + self.batch_size, task.stop)))

    def encode(self, task: ShardTask) -> None:
        """Do nothing: captions are kept as they are."""

    def make_again(
        self, indices: Collection[int], task: ShardTask
    ) -> Iterator[Sample | FailedSlot]:
        """Yield some slots of a shard as `make` does, each in its original batch.

        Raises:
            OutOfDeviceMemoryError: A batch does not fit into memory.
        """
        for start in sorted({i - (i - task.start) % self.batch_size for i in indices}):
            made = self._make_batch(range(start, min(start + self.batch_size, task.stop)))
            yield from (result for result in made if result.index in indices)

    def _make_batch(self, indices: range) -> list[Sample | FailedSlot]:
        """Make a batch of samples; a slot that fails keeps its place."""
        num_threads = self.plan.execution["cpu_threads"]
        # The caller may have set other thread counts, or set them before it loaded OpenCV.
        with cpu_threads(num_threads), ThreadPoolExecutor(num_threads) as threads:
            cut_out = [or_failed(self._crop, index) for index in indices]
            crops = [each for each in cut_out if isinstance(each, Crop)]
            samples = threads.map(self._encode, crops, self._render(crops))
            return [each if isinstance(each, FailedSlot) else next(samples) for each in cut_out]

    def _render(self, crops: Sequence[Crop]) -> list[dict[int, NDArray[np.uint8]]]:
        """Return the levels of each crop."""
        levels = self.plan.recipe["levels"]
        if not self.by_torch:
            return [render(self.preset, crop.hr, crop.draw, levels) for crop in crops]
        if not crops:
            return []
        images, draws = [crop.hr for crop in crops], [crop.draw for crop in crops]
        try:
            return render_batch(self.preset, images, draws, levels, self.torch_device)
        except torch.OutOfMemoryError:
            raise batch_does_not_fit(self.batch_size, self.torch_device) from None

    def _crop(self, index: int) -> Crop:
        """Cut HR out of its image, and draw its degradation.

        Raises:
            UnusableImageError: The image or the crop cannot be used.
            OSError: The image cannot be read.
        """
        row = self.images.row_of(index)
        planned = self.images[row]
        image, crc32 = self._decode(row, planned)
        facts: dict[str, Any] = crop_facts(self.plan, planned, row, index)
        place, found = self._place(image, index, facts["crop_number"])
        return Crop(
            index=index,
            hr=cut(image, place, _square(self.plan.recipe["crop"])),
            draw=self.preset.draw(generator_for(self.plan.seed, index, Stream.DEGRADATION)),
            texts={"txt": planned.file.caption, "tag.txt": planned.file.tag},
            facts=facts
            | {"image_crc32": crc32, "top": place[0], "left": place[1], "sharpness": found},
        )

    def _encode(self, crop: Crop, levels: Mapping[int, NDArray[np.uint8]]) -> Sample:
        """Encode a crop and its levels for storage."""
        hr_format = self.plan.recipe["hr_format"]
        fields: dict[str, NDArray[Any] | bytes | str] = {
            f"lr{level}.png": encode_image(picture, "png") for level, picture in levels.items()
        }
        fields[hr_format.removesuffix("-lossless")] = encode_image(crop.hr, hr_format)
        fields |= {name: text for name, text in crop.texts.items() if name in self.plan.members}
        # Stored as one string: hub loaders type every nested key, and draws have many.
        facts = {**crop.facts, "draw": canonical_json(crop.draw)}
        return Sample(index=crop.index, fields=fields, facts=facts)

    def _decode(self, row: int, planned: PlannedImage) -> tuple[NDArray[np.uint8], int]:
        """Return a decoded image and its file's checksum; the last image is kept for more crops."""
        if self._decoded is None or self._decoded[0] != row:
            self._decoded = None
            data = read_planned(planned.file)
            decode = self.latents.decode if self.latents else decode_rgb
            image = decode_planned(data, planned.size, decode)
            self._decoded = row, image, zlib.crc32(data)
        return self._decoded[1], self._decoded[2]

    def _place(
        self, image: NDArray[np.uint8], index: int, number: int
    ) -> tuple[tuple[int, int], float]:
        """Return a crop's position and its sharpness."""
        recipe, size = self.plan.recipe, ImageSize(image.shape[1], image.shape[0])
        crop, lowest = _square(recipe["crop"]), recipe["min_sharpness"]
        generator = generator_for(self.plan.seed, index, Stream.CROP)
        if recipe["crops"] == "random" and lowest > 0:
            return choose_place(generator, image, crop, lowest)
        if recipe["crops"] == "random":
            place = draw_place(generator, size, crop)
        else:
            place = tile_place(size, recipe["crop"], number)
        return place, check_sharp(cut(image, place, crop), lowest)


def _square(side: int) -> ImageSize:
    return ImageSize(side, side)


build = DegradeMaker


def check(plan: Plan) -> None:
    """Check that a plan's operations and decoder are available, without loading weights.

    Raises:
        ConfigError: They cannot be found, or do not match the plan; or the painter does not.
    """
    check_painter(plan)
    make_preset(plan.recipe["degradation"], plan.recipe["operations"])
    if plan.teacher:
        check_decoder(plan)
