"""How much of a dataset `verify` reads, and how to describe it."""

from collections.abc import Sequence
from dataclasses import dataclass

from pairgen.seeding import Stream, generator_for
from pairgen.shards.format.where import Where

# Maximum number of shards that a report names individually.
MAX_NAMED = 10


@dataclass(frozen=True)
class Scope:
    """What is read in addition to receipts, names and sizes, which are always checked.

    Attributes:
        quick: Read nothing more.
        fraction: Share of the shards to read, in (0, 1].
        seed: Seed of their choice.
        where: Samples to check one by one; None for all.
    """

    quick: bool = False
    fraction: float = 1.0
    seed: int = 0
    where: Where | None = None

    def choose(self, shards: Sequence[int]) -> list[int]:
        """Return the shards to read, in order: at least one; a larger fraction includes these."""
        if self.quick:
            return []
        num = max(1, round(self.fraction * len(shards)))
        order = generator_for(self.seed, 0, Stream.VERIFY).permutation(len(shards))
        return [shards[position] for position in sorted(order[:num])]

    def unread(self, chosen: Sequence[int], num_shards: int) -> list[str]:
        """Describe what is not checked; empty if everything is.

        Args:
            chosen: The shards to read.
            num_shards: Number of shards that could be read.
        """
        if self.quick:
            return ["the content of shards, index files and inputs; the noise (--quick)"]
        said = []
        if len(chosen) < num_shards:
            names = ", ".join(f"{shard:05d}" for shard in chosen[:MAX_NAMED])
            more = len(chosen) - MAX_NAMED
            names += f" and {more:,} more" if more > 0 else ""
            said.append(
                f"the content of {num_shards - len(chosen):,} shards; --fraction {self.fraction:g} "
                f"--seed {self.seed} reads {names}, and compares their noise with each other only"
            )
        if self.where is not None:
            said.append(
                f"samples that do not meet {self.where.text!r}, except for their keys; tars "
                "without matching samples, except for their sizes"
            )
        return said
