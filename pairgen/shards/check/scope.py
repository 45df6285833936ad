"""How much of a set `verify` reads, and how that is said."""

from collections.abc import Sequence
from dataclasses import dataclass

from pairgen.seeding import Stream, generator_for
from pairgen.shards.format.where import Where

# Shards that a report names one by one.
MAX_NAMED = 10


@dataclass(frozen=True)
class Scope:
    """What is looked at beside receipts, names and sizes, which always are.

    Attributes:
        quick: Nothing.
        fraction: Share of the shards that are read, in (0, 1].
        seed: Decides which.
        where: Samples that are checked one by one; None for all.
    """

    quick: bool = False
    fraction: float = 1.0
    seed: int = 0
    where: Where | None = None

    def choose(self, shards: Sequence[int]) -> list[int]:
        """Return the shards to read, in order: at least one; with a larger fraction, these too."""
        if self.quick:
            return []
        num = max(1, round(self.fraction * len(shards)))
        order = generator_for(self.seed, 0, Stream.VERIFY).permutation(len(shards))
        return [shards[position] for position in sorted(order[:num])]

    def unread(self, chosen: Sequence[int], num_shards: int) -> list[str]:
        """Say what is not looked at; nothing when all is.

        Args:
            chosen: The shards to read.
            num_shards: Shards that there are to read.
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
                f"samples without {self.where.text!r}, but for their keys; tars without such a "
                "sample, but for their sizes"
            )
        return said
