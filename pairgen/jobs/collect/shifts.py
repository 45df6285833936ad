"""Tell how many pairs of a set are shifted against each other."""

import numpy as np

from pairgen.execution.say import Say
from pairgen.receipts import Manifest
from pairgen.shards.loading.good_shards import read_index
from pairgen.shards.overlays.overlay import Layer
from pairgen.shards.storage.store import Store

# In LR pixels: less is what cameras and registration leave.
MAX_SHIFT = 0.5


def say_shifts(store: Store, manifest: Manifest, say: Say) -> None:
    """Warn if LR of some samples is shifted by more than half a pixel in x or y."""
    num_shifted, largest, where = 0, 0.0, ""
    layer = Layer(store, manifest.plan, {each.shard_index: each for each in manifest.receipts})
    for receipt in manifest.receipts:
        if not receipt.count:
            continue
        table = read_index(layer, receipt.shard_index, ["key", "shift_x", "shift_y"])
        shifts = np.abs([table.column(name).to_numpy() for name in ("shift_x", "shift_y")])
        furthest = shifts.max(axis=0)
        num_shifted += int((furthest > MAX_SHIFT).sum())
        if furthest.max() > largest:
            largest = float(furthest.max())
            where = table.column("key")[int(furthest.argmax())].as_py()
    if num_shifted:
        say(
            f"Warning: {num_shifted:,} of {manifest.num_samples:,} pairs are shifted by more than "
            f"{MAX_SHIFT:g} LR pixels, sample {where} by {largest:.2f}: see shift_x and shift_y in "
            "the index."
        )
