"""Painted pictures of 64 px with their LR: those to learn from, and held-out ones."""

from pathlib import Path
from typing import Any

import pairgen

SIZE = 64


def make_painted(
    root: Path, world: str, nums: tuple[int, int], *, held_out_seed: int = 1, **degradation: Any
) -> None:
    """Make `WORLD-pairs-N` and `WORLD-held-out-N` in a folder, or what lacks of them.

    Args:
        root: The folder.
        world: Name of the degradation.
        nums: Numbers of pictures to learn from, and of held-out ones, of other compositions.
        held_out_seed: Seed of the held-out ones.
        **degradation: Options of `pairgen degrade` that say how LR is made.

    Raises:
        KeyboardInterrupt: It was stopped.
    """
    names = (("pairs", "train", 0), ("held-out", "held-out", held_out_seed))
    for (name, split, seed), num in zip(names, nums, strict=True):
        made = pairgen.degrade(
            images="package:painted",
            num_images=num,
            split=split,
            seed=seed,
            crop=SIZE,
            executor="serial",
            out=str(root / f"{world}-{name}-{num}"),
            **degradation,
        )
        if not made.complete:
            raise KeyboardInterrupt
