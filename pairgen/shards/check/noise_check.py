"""Check the noise of one shard, sample by sample, and collect statistics for the dataset."""

import hashlib

import numpy as np

from pairgen.seeding import NOISE_GENERATOR, array_crc32, noise_for
from pairgen.shards.check.noise_audit import ShardNoise
from pairgen.shards.check.report import Tally
from pairgen.shards.format.slots import Slot
from pairgen.types import Plan, sample_key


class NoiseCheck:
    """Checks the noise of a shard's samples, in order."""

    def __init__(self, plan: Plan) -> None:
        self._seed = plan.seed
        self._stored = plan.recipe["noise"] == "stored"
        self._is_known = plan.recipe["noise_generator"] == NOISE_GENERATOR
        self._shape = tuple(plan.members["latent.npy"]["shape"])
        self._dtype = plan.recipe["stored_dtype"]
        # Siblings are adjacent, so it is enough to keep one pair.
        self._pair_index = -1
        self._planned: np.ndarray | None = None
        self._hashes_of_pair: set[int] = set()
        self._slots: list[int] = []
        self._hashes: list[int] = []
        self._num_values = 0
        self._sum = 0.0
        self._sum_squares = 0.0

    def check(self, slot: Slot, noise: np.ndarray | None, crc32: object, tally: Tally) -> None:
        """Check the noise of one sample.

        Args:
            slot: The sample's slot.
            noise: The stored noise, of the planned dtype and shape; None if it is not stored or not
                usable.
            crc32: The recorded `noise_crc32`; None if there is none.
            tally: Receives what is wrong.
        """
        key = sample_key(slot.index)
        is_first = slot.pair_index != self._pair_index
        if is_first:
            self._pair_index = slot.pair_index
            self._hashes_of_pair = set()
            self._planned = None
            if self._is_known:
                self._planned = noise_for(self._seed, slot.pair_index, self._shape, self._dtype)
        if self._stored:
            if noise is None:
                return
            if self._planned is not None and noise.tobytes() != self._planned.tobytes():
                tally.add("foreign noise", "noise.npy does not match its seed", key)
        else:
            noise = self._planned
        if noise is None:
            return
        found = array_crc32(noise)
        if crc32 is not None and crc32 != found:
            subject = "noise_crc32 does not match the noise"
            tally.add("noise crc32", subject, key, f"{crc32!r}, not {found}")
        self._remember(slot, noise)

    def found(self) -> ShardNoise:
        """Return the noise statistics of this shard."""
        return ShardNoise(
            slots=np.array(self._slots, dtype=np.int64),
            hashes=np.array(self._hashes, dtype=np.uint64),
            num_values=self._num_values,
            sum=self._sum,
            sum_squares=self._sum_squares,
        )

    def _remember(self, slot: Slot, noise: np.ndarray) -> None:
        if not self._hashes_of_pair:
            values = noise.astype(np.float64).ravel()
            self._num_values += values.size
            self._sum += float(values.sum())
            self._sum_squares += float(values @ values)
        digest = hashlib.blake2b(noise.tobytes(), digest_size=8).digest()
        # 0 marks a slot without noise.
        found = max(1, int.from_bytes(digest, "little"))
        if found not in self._hashes_of_pair:
            # Siblings legitimately share their noise: count each noise of a pair once.
            self._hashes_of_pair.add(found)
            self._slots.append(slot.index)
            self._hashes.append(found)
