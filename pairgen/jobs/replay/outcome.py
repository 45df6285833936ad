"""The result of a replay."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pairgen.jobs.replay.compare import Distance
from pairgen.shown import Shown, ShownTable
from pairgen.wording import counted


@dataclass(frozen=True, repr=False)
class Replay(Shown):
    """The result of a replay.

    Attributes:
        key: Key of the sample.
        differences: Differences, in words; empty if every byte is equal.
        software: `name: there a, here b` for versions, and for the device, that differ from those
            of the receipt.
        seconds: Elapsed seconds, including waiting.
        equal: Members that are equal in every byte.
        distances: Distances of arrays that differ, by member.
    """

    key: str
    differences: tuple[str, ...]
    software: tuple[str, ...]
    seconds: float
    equal: tuple[str, ...] = ()
    distances: Mapping[str, Distance] = field(default_factory=dict)

    def shown(self) -> ShownTable:
        """Return what differs."""
        rows = [("differs", each) for each in self.differences]
        rows += [("equal", ", ".join(self.equal))] if self.equal else []
        rows += [("software", each) for each in self.software]
        differs = counted(len(self.differences), "difference") if self.differences else "equal"
        return ShownTable(f"Replay of sample {self.key}: {differs} ({self.seconds:.1f} s)", rows)
