"""Audit the noise of a whole dataset: no repeated noise, mean 0, variance 1.

For each sample, 8 bytes are kept, a hash of its noise: 80 MB for ten million. Finding equal hashes
raises that to 125 MB for a moment, or to 210 MB if all are equal.
"""

import math
from dataclasses import dataclass

import numpy as np

from pairgen.seeding import NOISE_GENERATOR
from pairgen.shards.check.report import Problem
from pairgen.types import Plan, sample_key
from pairgen.wording import counted

WHOLE_SET = "whole set"
# A standard normal deviates this far by chance in one of two million datasets.
MAX_Z = 5.0
MAX_EXAMPLES = 5
# Hashes are compared one part at a time, split by their highest bits: equal ones share a part.
NUM_PARTS = 16
SLOTS_AT_A_TIME = 1 << 20


@dataclass(frozen=True)
class ShardNoise:
    """Noise statistics of one shard.

    Attributes:
        slots: Samples whose noise no earlier sibling has, int64 [N].
        hashes: Hashes of these noises, uint64 [N], never 0.
        num_values: Number of noise values, one noise per pair.
        sum: Sum of these values.
        sum_squares: Sum of their squares.
    """

    slots: np.ndarray
    hashes: np.ndarray
    num_values: int
    sum: float
    sum_squares: float


class NoiseAudit:
    """Collects the noise statistics of shards and reports what is wrong with the whole dataset."""

    def __init__(self, plan: Plan) -> None:
        self._num_guidances = len(plan.recipe["guidance_scales"])
        self._generator = plan.recipe["noise_generator"]
        # One hash per slot; 0 if there is none. The byte order is named for `_highest_bytes`.
        self._hashes = np.zeros(plan.num_samples, dtype="<u8")
        self._num_values = 0
        # Kept per shard: their exact sum does not depend on the order of shards.
        self._sums: list[float] = []
        self._sums_squares: list[float] = []

    def add(self, noise: ShardNoise) -> None:
        """Add a shard."""
        self._hashes[noise.slots] = noise.hashes
        self._num_values += noise.num_values
        self._sums.append(noise.sum)
        self._sums_squares.append(noise.sum_squares)

    def z_scores(self) -> tuple[float, float] | None:
        """Return the distances of mean and variance from 0 and 1, in standard errors."""
        n = self._num_values
        if n == 0:
            return None
        mean = math.fsum(self._sums) / n
        variance = math.fsum(self._sums_squares) / n - mean * mean
        return mean * math.sqrt(n), (variance - 1) * math.sqrt(n / 2)

    def problems(self) -> list[Problem]:
        """Return what is wrong with the dataset as a whole."""
        found = self._equal_noise()
        if self._generator != NOISE_GENERATOR:
            detail = f"the plan's generator {self._generator!r} is unknown, the only known one is "
            found.append(Problem("noise generator", WHOLE_SET, detail + f"{NOISE_GENERATOR!r}"))
        for name, z in zip(("mean", "variance"), self.z_scores() or (), strict=False):
            if abs(z) > MAX_Z:
                detail = f"{z:+.1f} standard errors from {0 if name == 'mean' else 1}"
                found.append(Problem(f"noise {name}", WHOLE_SET, detail))
        return found

    def _equal_noise(self) -> list[Problem]:
        """Find noises that several pairs have; siblings of one pair legitimately share theirs."""
        repeated = self._repeated_hashes()
        if repeated.size == 0:
            return []
        firsts = np.full(repeated.size, -1, dtype=np.int64)
        num_slots = 0
        examples: list[str] = []
        for start in range(0, self._hashes.size, SLOTS_AT_A_TIME):
            hashes = self._hashes[start : start + SLOTS_AT_A_TIME]
            at = np.minimum(np.searchsorted(repeated, hashes), repeated.size - 1)
            places = np.flatnonzero(repeated[at] == hashes)
            slots, noises = places + start, at[places]
            num_slots += slots.size
            found, first_places = np.unique(noises, return_index=True)
            is_new = firsts[found] < 0
            firsts[found[is_new]] = slots[first_places[is_new]]
            again = np.flatnonzero(slots != firsts[noises])[: MAX_EXAMPLES - len(examples)]
            pairs = zip(slots[again], firsts[noises[again]], strict=True)
            examples += [f"{self._key(slot)} = {self._key(first)}" for slot, first in pairs]
        detail = (
            f"{counted(num_slots, 'pair shares', 'pairs share')} "
            f"{counted(repeated.size, 'noise')}: {', '.join(examples)}"
        )
        detail += " ..." if num_slots - repeated.size > MAX_EXAMPLES else ""
        return [Problem("equal noise", WHOLE_SET, detail)]

    def _repeated_hashes(self) -> np.ndarray:
        """Return the hashes that occur more than once, sorted, uint64 [N]."""
        highest_bytes = self._hashes.view(np.uint8)[7::8]
        found = []
        for part in range(NUM_PARTS):
            is_in_part = highest_bytes // (256 // NUM_PARTS) == part
            hashes = self._hashes[is_in_part & (self._hashes != 0)]
            hashes.sort()
            is_repeat = hashes[1:] == hashes[:-1]
            is_first_repeat = is_repeat.copy()
            is_first_repeat[1:] &= ~is_repeat[:-1]
            found.append(hashes[1:][is_first_repeat])
        return np.concatenate(found)

    def _key(self, slot: int) -> str:
        """Return the key of the first sample of a slot's pair."""
        return sample_key(int(slot) // self._num_guidances * self._num_guidances)
