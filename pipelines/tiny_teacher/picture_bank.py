"""A bank of painted pictures on disk, because a small net learns faster than pictures are painted.

Held-out compositions are never in it. It is a pure function of its size and seed, but of nothing
in the painter's code: delete the folder when the painter has changed.
"""

import os
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from batches import SIZE, paint_batch
from numpy.typing import NDArray

from pairgen.sources.painted.compositions import Composition

BLOCK = 256


class Bank(NamedTuple):
    """Pictures [N, 64, 64, 3] of 0..255, read from disk when used, and what each shows.

    `shown` [N] counts in `compositions.all_compositions()`.
    """

    pictures: NDArray[np.uint8]
    shown: NDArray[np.int32]


def open_bank(
    folder: Path,
    num_blocks: int,
    seed: int,
    places: dict[Composition, int],
) -> Bank:
    """Open the bank in `folder`; paint it first when it is not there in this size.

    Args:
        folder: Holds pictures.npy (12 kB a picture) and shown.npy.
        num_blocks: Of 256 pictures each.
        seed: Of the pictures.
        places: Of every composition in `all_compositions()`.
    """
    names = ("pictures.npy", "shown.npy")
    wanted = num_blocks * BLOCK
    if all((folder / name).exists() for name in names):
        bank = Bank(*(np.load(folder / name, mmap_mode="r") for name in names))
        if len(bank.pictures) == len(bank.shown) == wanted:
            return bank
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / "pictures.unfinished"
    pictures = np.lib.format.open_memmap(
        unfinished, mode="w+", dtype=np.uint8, shape=(wanted, SIZE, SIZE, 3)
    )
    shown = np.empty(wanted, np.int32)
    told = time.monotonic()
    for block in range(num_blocks):
        batch = paint_batch(BLOCK, seed, block)
        here = slice(block * BLOCK, (block + 1) * BLOCK)
        pictures[here] = ((batch.pictures + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
        shown[here] = [places[composition] for composition in batch.compositions]
        if time.monotonic() - told > 15 or block + 1 == num_blocks:
            print(f"{folder}: {(block + 1) * BLOCK:,} of {wanted:,} pictures painted", flush=True)
            told = time.monotonic()
    pictures.flush()
    np.save(folder / names[1], shown)
    os.replace(unfinished, folder / names[0])
    return open_bank(folder, num_blocks, seed, places)
