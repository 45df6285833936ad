"""The state of a worker of `pairgen collect`: the list of images, and a decoder where needed."""

import io
import zlib
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pairgen.kinds.collect.acceptance import kept_extension
from pairgen.kinds.collect.buckets import shape_in
from pairgen.kinds.collect.framing import draw_framing
from pairgen.kinds.collect.geometry import fitted_size, resized
from pairgen.kinds.collect.partner import make_partner
from pairgen.kinds.images.decoded_samples import LatentPictures, check_decoder
from pairgen.kinds.images.painted_plan import check_painter
from pairgen.kinds.images.source_pixels import decode_planned, or_failed, read_planned
from pairgen.kinds.machine import device_name
from pairgen.process_state import cpu_threads
from pairgen.receipts import FailedSlot
from pairgen.seeding import Stream, generator_for
from pairgen.shards.format.image_encoding import encode_image
from pairgen.shards.format.planned_images import open_images
from pairgen.shards.format.slots import caption_of, source_facts
from pairgen.shards.storage.store import Store
from pairgen.sources.painted.images import PaintedFile
from pairgen.sources.photographs import UnusableImageError, decode_rgb
from pairgen.types import Field, Plan, Sample, ShardTask

# Names of the encodings; the others are those of the members.
ENCODINGS = {"webp": "webp-lossless"}


class CollectMaker:
    """Decodes, resizes, cuts and encodes on the CPU, one image per thread.

    Latents are decoded one after the other, on a GPU if there is one.
    """

    modules: tuple[str, ...] = ("numpy", "cv2", "PIL")
    index_columns: Mapping[str, Any] = {}

    def __init__(self, plan: Plan, store: Store) -> None:
        self.plan = plan
        self.latents = LatentPictures(plan) if plan.teacher else None
        self.device = device_name(self.latents.device if self.latents else torch.device("cpu"))
        if self.latents:
            self.modules = (*self.modules, "torch", "diffusers")
        self.images = open_images(plan, store)

    def make(self, task: ShardTask) -> Iterator[list[Sample | FailedSlot]]:
        """Yield the samples of a shard in order, as many at a time as there are threads."""
        num_threads = self.plan.execution["cpu_threads"]
        for start in range(task.start, task.stop, num_threads):
            yield self._make(range(start, min(start + num_threads, task.stop)))

    def prepare(self, task: ShardTask) -> None:
        """Do nothing: captions are kept as they are."""

    def make_again(
        self, indices: Collection[int], task: ShardTask
    ) -> Iterator[Sample | FailedSlot]:
        """Yield some slots of a shard as `make` does."""
        del task
        for index in sorted(indices):
            yield from self._make([index])

    def _make(self, indices: Collection[int]) -> list[Sample | FailedSlot]:
        # The caller may have set other thread counts, or set them before it loaded OpenCV.
        num_threads = 1 if self.latents else len(indices)
        with (
            cpu_threads(self.plan.execution["cpu_threads"]),
            ThreadPoolExecutor(num_threads) as threads,
        ):
            make = partial(or_failed, self._sample, name_of=self._name_of)
            return list(threads.map(make, indices))

    def _name_of(self, index: int) -> str:
        return self.images.of_slot(index).image.file.name

    def _sample(self, index: int) -> Sample:
        """Make one sample.

        Raises:
            UnusableImageError: The image cannot be used.
            OSError: It cannot be read.
        """
        found, recipe = self.images.of_slot(index), self.plan.recipe
        planned = found.image
        data = read_planned(planned.file)
        decode = self.latents.decode if self.latents else decode_rgb
        image = decode_planned(data, planned.size, decode)
        shape = shape_in(recipe, planned.size)
        if recipe["layout"] != "pairs":
            image = resized(image, fitted_size(planned.size, shape, recipe["enlarge"]))
        generator = generator_for(self.plan.seed, index, Stream.CROP)
        framing = draw_framing(generator, image, shape, recipe, recipe.get("scale", 1))
        fields = self._image_field(data, framing.cut(image))
        facts = {
            **source_facts(self.plan, found, index),
            "image_crc32": zlib.crc32(data),
            "resized_width": image.shape[1],
            "resized_height": image.shape[0],
            **framing.facts(),
        }
        if planned.file.partner is not None:
            partner = make_partner(planned, image, framing, recipe)
            fields |= partner.fields
            facts |= partner.facts
        if "mask.png" in self.plan.members:
            assert isinstance(planned.file, PaintedFile)
            fields["mask.png"] = encode_image(framing.cut(planned.file.mask()), "png")
        texts = {
            "txt": caption_of(self.plan, planned, index),
            "cls": planned.file.label,
            "tag.txt": planned.file.tag,
        }
        fields |= {name: text for name, text in texts.items() if name in self.plan.members}
        return Sample(index=index, fields=fields, facts=facts)

    def _image_field(self, data: bytes, picture: NDArray[np.uint8]) -> dict[str, Field]:
        """Return the image member: the file's own bytes, or the encoded picture."""
        asked = self.plan.recipe["format"]
        if asked != "keep":
            return {asked: encode_image(picture, ENCODINGS.get(asked, asked))}
        extension = kept_extension(io.BytesIO(data))
        if extension not in self.plan.members:
            raise UnusableImageError(f"{extension}, planned as another format: other content")
        return {extension: data}


build = CollectMaker


def check(plan: Plan) -> None:
    """Check that a plan's decoder or painter is available, without loading weights.

    Raises:
        ConfigError: It cannot be found, or does not match the plan; or the painter does not.
    """
    check_painter(plan)
    if plan.teacher:
        check_decoder(plan)
