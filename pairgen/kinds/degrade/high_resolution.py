"""HR of a sample, whatever it is taken from: a crop of an image, or a latent of a parent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pairgen.types import ShardTask


@dataclass(frozen=True)
class HighResolution:
    """HR of a sample.

    Attributes:
        index: Index of the sample.
        pixels: The image, [H, W, 3] uint8.
        facts: Facts about its origin.
        texts: Its texts, caption and tags, by the member that would hold them.
    """

    index: int
    pixels: NDArray[np.uint8]
    facts: Mapping[str, Any]
    texts: Mapping[str, str] = field(default_factory=dict)


# Takes a slot. Raises UnusableImageError, or OSError if its image cannot be read.
HighResolutionOf = Callable[[int], HighResolution]


class HighResolutionSource(Protocol):
    """What HR is taken from."""

    def of_shard(self, task: ShardTask) -> HighResolutionOf:
        """Return what gives HR of every slot of a shard."""

    def name_of(self, index: int) -> str:
        """Return the name of a slot's image; empty if it has none."""
