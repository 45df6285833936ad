"""Which samples a dataset and all its overlays have, and what is left out and why.

Receipts alone answer, before the order of samples is fixed; a shard's index is compared to its
receipt when the shard is loaded.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pairgen.receipts import Receipt
from pairgen.shards.loading.value_layer import Lack
from pairgen.shards.overlays.adding import continuing_command
from pairgen.shards.overlays.overlay import Layer, added_by
from pairgen.shards.overlays.parent_shards import is_behind, slots_of, usable_slots

log = logging.getLogger("pairgen")


@dataclass(frozen=True)
class Lacking:
    """The samples that one overlay lacks.

    Attributes:
        overlay: URL of the overlay.
        members: The members that it adds, or its columns if it adds none.
        num_samples: Number of samples that lack them.
        is_behind: Whether some of them have not been made yet: the set has grown, or the overlay
            is not finished.
        command: The command that makes them, if it is known.
    """

    overlay: str
    members: tuple[str, ...]
    num_samples: int
    is_behind: bool
    command: str = ""

    def __str__(self) -> str:
        return f"have no {' or '.join(self.members)}"


@dataclass(frozen=True)
class LeftOut:
    """The samples of one dataset that are left out because an overlay lacks them.

    Attributes:
        url: URL of the dataset.
        num_samples: Number of samples left out.
        num_all: Number of samples in the shards that are read.
        because: The overlays that lack some. Several may lack the same sample.
        sha256: Hash of which samples they are.
    """

    url: str
    num_samples: int
    num_all: int
    because: tuple[Lacking, ...]
    sha256: str

    def __str__(self) -> str:
        if len(self.because) == 1:
            said = f"{self._which} {self.because[0]}: left out"
        else:
            said = f"{self._which} are left out: {self._each}"
        return f"{said}{self._remedy}."

    @property
    def lack(self) -> str:
        """What samples lack, and what adds it, where none is left out: as part of a sentence."""
        lack = str(self.because[0]) if len(self.because) == 1 else f"lack members: {self._each}"
        return f"{self._which} {lack}{self._remedy}"

    @property
    def _which(self) -> str:
        return f"{self.url}: {self.num_samples:,} of {self.num_all:,} samples"

    @property
    def _each(self) -> str:
        return ", ".join(f"{lacking.num_samples:,} {lacking}" for lacking in self.because)

    @property
    def _remedy(self) -> str:
        """What makes the samples that were not made yet; empty if there are none."""
        behind = [lacking for lacking in self.because if lacking.is_behind]
        if not behind:
            return ""
        names = " and ".join(lacking.overlay for lacking in behind)
        are, them = ("is", "it") if len(behind) == 1 else ("are", "them")
        if all(lacking.command for lacking in behind):
            commands = " and ".join(f"`{lacking.command}`" for lacking in behind)
            return f"; {names} {are} behind: {commands} adds what is missing"
        return f"; {names} {are} behind: the command that made {them}, run again, catches up"


def say_left_out(*found: LeftOut | None) -> None:
    """Log what is left out, a message for each dataset that lacks something."""
    for each in found:
        if each is not None:
            log.warning("%s", each)


def common_rows(
    layers: Sequence[Layer],
    shards: Sequence[int],
    by_value: Sequence[tuple[Layer, Mapping[int, Lack]]] = (),
) -> tuple[Mapping[int, np.ndarray | None], LeftOut | None]:
    """Intersect the samples of a dataset and its overlays, shard by shard.

    Args:
        layers: The dataset, then its overlays.
        shards: The shards to read, none of them bad.
        by_value: The overlays by value, with what each lacks, by shard.

    Returns:
        Each shard's rows in the index of the dataset, [N], None for all; and what is left out,
        None if nothing is. A shard without any row is left out as a whole.
    """
    base, *by_slot = layers
    overlays = [*by_slot, *(overlay for overlay, _ in by_value)]
    num_lacking, behind = [0] * len(overlays), [False] * len(overlays)
    found: dict[int, np.ndarray | None] = {}
    num_left_out, digest = 0, hashlib.sha256()
    for shard_index in shards:
        parent = base.receipts[shard_index]
        kept: np.ndarray | None = None
        lacks = [_lack(parent, overlay.receipts.get(shard_index)) for overlay in by_slot]
        lacks += [lacking.get(shard_index) for _, lacking in by_value]
        for number, lack in enumerate(lacks):
            if lack is None:
                continue
            num_lacking[number] += int((~lack.has).sum())
            behind[number] |= lack.is_behind
            kept = lack.has if kept is None else kept & lack.has
        if kept is None:
            found[shard_index] = None
            continue
        num_left_out += int((~kept).sum())
        digest.update(np.int64(shard_index).tobytes() + np.packbits(kept).tobytes())
        if kept.any():
            found[shard_index] = np.flatnonzero(kept)
    if not num_left_out:
        return found, None
    because = tuple(
        Lacking(
            overlay.store.url,
            tuple(added_by(overlay.plan)),
            num,
            late,
            continuing_command(base.store.url, overlay.store.url, overlay.plan),
        )
        for overlay, num, late in zip(overlays, num_lacking, behind, strict=True)
        if num
    )
    num_all = sum(base.receipts[shard].count for shard in shards)
    return found, LeftOut(base.store.url, num_left_out, num_all, because, digest.hexdigest())


def _lack(parent: Receipt, overlay: Receipt | None) -> Lack | None:
    """Return which of a shard's samples an overlay's shard, None if it was not made, lacks."""
    slots, usable = slots_of(parent), usable_slots(parent, overlay)
    if np.array_equal(slots, usable):
        return None
    has = np.isin(slots, usable, assume_unique=True)
    return None if has.all() else Lack(has, is_behind(parent, overlay))
