"""Check the noise of one shard, sample by sample, and keep what the whole set must be told."""

import hashlib

import numpy as np

from pairgen.seeding import NOISE_GENERATOR, array_crc32, noise_for
from pairgen.shards.check.noise_audit import ShardNoise
from pairgen.shards.check.report import Tally
from pairgen.shards.format.slots import Slot
from pairgen.types import Plan, sample_key


class NoiseCheck:
    """Takes the noise of one sample of a shard after the other, in order."""

    def __init__(self, plan: Plan) -> None:
        self._seed = plan.seed
        self._stored = plan.recipe["noise"] == "stored"
        self._is_known = plan.recipe["noise_generator"] == NOISE_GENERATOR
        self._shape = tuple(plan.members["latent.npy"]["shape"])
        self._dtype = plan.recipe["stored_dtype"]
        # Siblings follow each other, so one pair is all that is worth keeping.
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
            noise: As stored, of the planned dtype and shape; None where it is not stored or
                cannot be used.
            crc32: The recorded `noise_crc32`; None when there is none.
            tally: Told what is wrong.
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
                tally.add("foreign noise", "noise.npy is not the noise of its seed", key)
        else:
            noise = self._planned
        if noise is None:
            return
        found = array_crc32(noise)
        if crc32 is not None and crc32 != found:
            subject = "noise_crc32 is not that of the noise"
            tally.add("noise crc32", subject, key, f"{crc32!r}, not {found}")
        self._remember(slot, noise)

    def found(self) -> ShardNoise:
        """Return what the whole set must be told of this shard."""
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
        # 0 stands for a slot without noise.
        found = max(1, int.from_bytes(digest, "little"))
        if found not in self._hashes_of_pair:
            # Siblings share their noise rightly: a pair has each of its noises once.
            self._hashes_of_pair.add(found)
            self._slots.append(slot.index)
            self._hashes.append(found)
