"""Count the source images that two datasets share, by the checksums in their indices."""

import numpy as np

from pairgen.errors import ConfigError, CorruptShardError
from pairgen.shards.format.index import IMAGE_CHECKSUM, index_columns
from pairgen.shards.loading.good_shards import read_index
from pairgen.shards.overlays.overlay import Layer, open_layer
from pairgen.shards.storage.store import open_store

NUM_CHECKSUMS = 2**32
# Standard deviations by which a number exceeds what chance gives.
CLEARLY = 4


def num_shared_images(first_url: str, second_url: str) -> int | None:
    """Return how many source images two datasets share; None if that cannot be found.

    Two images may have one checksum: as many shared ones as chance explains count as none.
    """
    found = []
    for url in (first_url, second_url):
        try:
            layer = open_layer(open_store(url))
            if IMAGE_CHECKSUM not in index_columns(layer.plan):
                return None
            found.append(_checksums(layer))
        except (ConfigError, CorruptShardError, OSError):
            return None
    first, second = found
    num = len(np.intersect1d(first, second, assume_unique=True))
    by_chance = len(first) * len(second) / NUM_CHECKSUMS
    return num if num > by_chance + CLEARLY * by_chance**0.5 else 0


def _checksums(layer: Layer) -> np.ndarray:
    """Return the distinct checksums of a dataset's source images, sorted."""
    parts = [
        read_index(layer, receipt.shard_index, [IMAGE_CHECKSUM]).column(0).to_numpy()
        for receipt in layer.receipts.values()
        if receipt.count
    ]
    return np.unique(np.concatenate(parts)) if parts else np.empty(0, np.int64)
