"""The state of a worker of `pairgen degrade`: the preset, and where HR comes from."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pairgen.degradations.base import Draw
from pairgen.kinds.degrade.high_resolution import (
    HighResolution,
    HighResolutionOf,
    HighResolutionSource,
)
from pairgen.kinds.degrade.parent_latents import ParentLatents
from pairgen.kinds.degrade.planned_crops import PlannedCrops
from pairgen.kinds.degrade.pyramid import make_preset, render, render_batch
from pairgen.kinds.images.decoded_samples import LatentPictures, check_decoder
from pairgen.kinds.images.painted_plan import check_painter
from pairgen.kinds.images.source_pixels import or_failed
from pairgen.kinds.machine import batch_does_not_fit, device_name
from pairgen.process_state import cpu_threads
from pairgen.receipts import FailedSlot
from pairgen.seeding import Stream, generator_for
from pairgen.shards.format.draw_columns import draw_columns
from pairgen.shards.format.image_encoding import encode_image
from pairgen.shards.overlays.overlay import KIND as OVERLAY
from pairgen.shards.storage.store import Store
from pairgen.sources.photographs import decode_rgb
from pairgen.types import Plan, Sample, ShardTask, canonical_json

MODULES = ("numpy", "cv2", "PIL", "scipy", "torch")


class DegradeMaker:
    """Cuts and encodes on the CPU; degrades one image at a time there, or in batches on a device.

    Latents are decoded on a GPU if there is one.

    Raises:
        ConfigError: The operations, or the parent of an overlay, are not as planned.
        TeacherLoadError: The decoder cannot be loaded, or does not match the plan.
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
        decode = decode_rgb
        if plan.teacher:
            latents = LatentPictures(plan)
            decode = latents.decode
            self.device, self.modules = device_name(latents.device), (*MODULES, "diffusers")
        self.preset = make_preset(plan.recipe["degradation"], plan.recipe["operations"])
        self.index_columns = draw_columns(self.preset.draw_every())
        source = ParentLatents if plan.kind == OVERLAY else PlannedCrops
        self.source: HighResolutionSource = source(plan, store, decode)

    def make(self, task: ShardTask) -> Iterator[list[Sample | FailedSlot]]:
        """Yield the samples of a shard in order, one batch at a time.

        Raises:
            CorruptShardError: The shard of an overlay's parent is damaged.
            OutOfDeviceMemoryError: A batch does not fit into memory.
        """
        hr_of = self.source.of_shard(task)
        for start in range(task.start, task.stop, self.batch_size):
            yield self._make_batch(range(start, min(start + self.batch_size, task.stop)), hr_of)

    def prepare(self, task: ShardTask) -> None:
        """Read the shard of an overlay's parent; captions are kept as they are."""
        self.source.of_shard(task)

    def make_again(
        self, indices: Collection[int], task: ShardTask
    ) -> Iterator[Sample | FailedSlot]:
        """Yield some slots of a shard as `make` does, each in its original batch.

        Raises:
            CorruptShardError: The shard of an overlay's parent is damaged, or another one.
            OutOfDeviceMemoryError: A batch does not fit into memory.
        """
        hr_of = self.source.of_shard(task)
        for start in sorted({i - (i - task.start) % self.batch_size for i in indices}):
            made = self._make_batch(range(start, min(start + self.batch_size, task.stop)), hr_of)
            yield from (result for result in made if result.index in indices)

    def _make_batch(self, indices: range, hr_of: HighResolutionOf) -> list[Sample | FailedSlot]:
        """Make a batch of samples; a slot that fails keeps its place."""
        num_threads = self.plan.execution["cpu_threads"]
        # The caller may have set other thread counts, or set them before it loaded OpenCV.
        with cpu_threads(num_threads), ThreadPoolExecutor(num_threads) as threads:
            found = [or_failed(hr_of, index, self.source.name_of) for index in indices]
            images = [each for each in found if isinstance(each, HighResolution)]
            draws = [self._draw(image.index) for image in images]
            samples = threads.map(self._encode, images, draws, self._render(images, draws))
            return [each if isinstance(each, FailedSlot) else next(samples) for each in found]

    def _draw(self, index: int) -> Draw:
        return self.preset.draw(generator_for(self.plan.seed, index, Stream.DEGRADATION))

    def _render(
        self, images: Sequence[HighResolution], draws: Sequence[Draw]
    ) -> list[dict[int, NDArray[np.uint8]]]:
        """Return the levels of each image."""
        levels = self.plan.recipe["levels"]
        if not self.by_torch:
            return [
                render(self.preset, image.pixels, draw, levels)
                for image, draw in zip(images, draws, strict=True)
            ]
        if not images:
            return []
        pixels = [image.pixels for image in images]
        try:
            return render_batch(self.preset, pixels, draws, levels, self.torch_device)
        except torch.OutOfMemoryError:
            raise batch_does_not_fit(self.batch_size, self.torch_device) from None

    def _encode(
        self, image: HighResolution, draw: Draw, levels: Mapping[int, NDArray[np.uint8]]
    ) -> Sample:
        """Encode HR and its levels for storage."""
        hr_format = self.plan.recipe["hr_format"]
        fields: dict[str, NDArray[Any] | bytes | str] = {
            f"lr{level}.png": encode_image(picture, "png") for level, picture in levels.items()
        }
        fields[hr_format.removesuffix("-lossless")] = encode_image(image.pixels, hr_format)
        fields |= {name: text for name, text in image.texts.items() if name in self.plan.members}
        # Stored as one string: hub loaders type every nested key, and draws have many.
        facts = {**image.facts, "draw": canonical_json(draw)}
        return Sample(index=image.index, fields=fields, facts=facts)


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
