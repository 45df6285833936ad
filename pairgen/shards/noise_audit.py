"""Audit the noise of a whole set: no noise twice, mean 0, variance 1, each from its own seed.

For each sample 8 bytes are kept, a hash of its noise, so that ten million fit into memory.
"""

import hashlib
import math
from functools import lru_cache

import numpy as np

from pairgen.seeding import NOISE_GENERATOR, array_crc32, noise_for
from pairgen.shards.report import Problem, Tally
from pairgen.shards.slots import Slot
from pairgen.types import Plan, sample_key

WHOLE_SET = "whole set"
# Chance takes a standard normal this far once in two million sets.
MAX_Z = 5.0
MAX_EXAMPLES = 5


class NoiseAudit:
    """Takes the noise of one sample after the other and keeps what the whole set must tell."""

    def __init__(self, plan: Plan) -> None:
        self._num_guidances = len(plan.recipe["guidance_scales"])
        self._stored = plan.recipe["noise"] == "stored"
        self._generator = plan.recipe["noise_generator"]
        # One hash a slot; 0 where there is none.
        self._hashes = np.zeros(plan.num_samples, dtype=np.uint64)
        self._last_pair = -1
        self._num_values = 0
        self._sum = 0.0
        self._sum_squares = 0.0
        shape = tuple(plan.members["latent.npy"]["shape"])
        dtype = plan.recipe["stored_dtype"]

        # Siblings follow each other, so one noise is all that is worth keeping.
        @lru_cache(maxsize=1)
        def planned_noise(pair_index: int) -> np.ndarray:
            return noise_for(plan.seed, pair_index, shape, dtype)

        self._planned_noise = planned_noise

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
        planned = self._planned_noise(slot.pair_index) if self._is_known() else None
        if self._stored:
            if noise is None:
                return
            if planned is not None and noise.tobytes() != planned.tobytes():
                tally.add("foreign noise", "noise.npy is not the noise of its seed", key)
        else:
            noise = planned
        if noise is None:
            return
        found = array_crc32(noise)
        if crc32 is not None and crc32 != found:
            subject = "noise_crc32 is not that of the noise"
            tally.add("noise crc32", subject, key, f"{crc32}, not {found}")
        self._remember(slot, noise)

    def z_scores(self) -> tuple[float, float] | None:
        """Return how far mean and variance are from 0 and 1, in standard errors."""
        n = self._num_values
        if n == 0:
            return None
        mean = self._sum / n
        variance = self._sum_squares / n - mean * mean
        return mean * math.sqrt(n), (variance - 1) * math.sqrt(n / 2)

    def problems(self) -> list[Problem]:
        """Return what is wrong with the set as a whole."""
        found = self._equal_noise()
        if not self._is_known():
            detail = f"the plan's generator {self._generator!r} is not known here, only "
            found.append(Problem("noise generator", WHOLE_SET, detail + f"{NOISE_GENERATOR!r}"))
        for name, z in zip(("mean", "variance"), self.z_scores() or (), strict=False):
            if abs(z) > MAX_Z:
                detail = f"{z:+.1f} standard errors from {0 if name == 'mean' else 1}"
                found.append(Problem(f"noise {name}", WHOLE_SET, detail))
        return found

    def _is_known(self) -> bool:
        return bool(self._generator == NOISE_GENERATOR)

    def _remember(self, slot: Slot, noise: np.ndarray) -> None:
        digest = hashlib.blake2b(noise.tobytes(), digest_size=8).digest()
        self._hashes[slot.index] = max(1, int.from_bytes(digest, "little"))
        if slot.pair_index != self._last_pair:
            self._last_pair = slot.pair_index
            values = noise.astype(np.float64).ravel()
            self._num_values += values.size
            self._sum += float(values.sum())
            self._sum_squares += float(values @ values)

    def _equal_noise(self) -> list[Problem]:
        """Find noises that more than one pair has; siblings of one pair share theirs rightly."""
        slots = np.flatnonzero(self._hashes)
        # Stable order keeps pairs rising, so the first of a run of equal hashes is its lowest.
        slots = slots[np.argsort(self._hashes[slots], kind="stable")]
        hashes, pairs = self._hashes[slots], slots // self._num_guidances
        repeats = np.flatnonzero((hashes[1:] == hashes[:-1]) & (pairs[1:] != pairs[:-1])) + 1
        if repeats.size == 0:
            return []
        firsts = np.searchsorted(hashes, hashes[repeats])
        num_noises = np.unique(firsts).size
        lowest = np.argsort(pairs[repeats])[:MAX_EXAMPLES]
        examples = [
            f"{self._key(again)} = {self._key(first)}"
            for again, first in zip(pairs[repeats[lowest]], pairs[firsts[lowest]], strict=True)
        ]
        detail = f"{repeats.size + num_noises:,} pairs share {num_noises:,} noises: "
        detail += ", ".join(examples) + (" ..." if repeats.size > MAX_EXAMPLES else "")
        return [Problem("equal noise", WHOLE_SET, detail)]

    def _key(self, pair_index: int) -> str:
        """Return the key of a pair's first sample."""
        return sample_key(int(pair_index) * self._num_guidances)
