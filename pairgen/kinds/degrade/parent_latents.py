"""HR of an overlay: the whole image that a latent of its parent decodes to."""

import zlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pairgen.kinds.degrade.high_resolution import HighResolution, HighResolutionOf
from pairgen.kinds.images.crops import check_sharp
from pairgen.kinds.images.decoded_samples import LATENT
from pairgen.kinds.images.source_pixels import decode_planned
from pairgen.kinds.parent_shard import NO_SAMPLE, planned_parent, read_parent
from pairgen.shards.storage.store import Store
from pairgen.sources.photographs import ImageSize, SkippedImageError, UnusableImageError
from pairgen.types import Plan, ShardTask


class ParentLatents:
    """The decoded latents of an overlay's parent; a slot is the parent's.

    Args:
        plan: The plan of the overlay.
        store: Its folder.
        decode: Decodes the bytes of a latent.

    Raises:
        ConfigError: The parent is not there, or is not the planned one.
    """

    def __init__(
        self, plan: Plan, store: Store, decode: Callable[[bytes], NDArray[np.uint8]]
    ) -> None:
        self._plan, self._decode = plan, decode
        self._parent = planned_parent(plan, store).store
        height, width, _ = plan.members[plan.recipe["hr_format"].removesuffix("-lossless")]["shape"]
        self._size = ImageSize(width, height)

    def name_of(self, index: int) -> str:
        """Return an empty name: a latent has none but its slot's key."""
        del index
        return ""

    def of_shard(self, task: ShardTask) -> HighResolutionOf:
        """Read the parent's shard; return what decodes the latent of a slot.

        Raises:
            CorruptShardError: The parent's shard is damaged, or not the one that the task names.
        """
        stored = read_parent(self._parent, task, (LATENT,))

        def decoded(index: int) -> HighResolution:
            if index not in stored:
                raise SkippedImageError(NO_SAMPLE)
            if LATENT not in stored[index]:
                raise UnusableImageError(f"{LATENT} is missing")
            data = stored[index][LATENT]
            pixels = decode_planned(data, self._size, self._decode)
            facts = {
                "index": index,
                "seed": self._plan.seed,
                "generator": self._plan.recipe["generator"],
                "image_crc32": zlib.crc32(data),
                "sharpness": check_sharp(pixels, self._plan.recipe["min_sharpness"]),
            }
            return HighResolution(index=index, pixels=pixels, facts=facts)

        return decoded
