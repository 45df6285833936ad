"""What a source holds and is not taken, counted by kind, so that nothing is lost in silence."""

import re
from collections import Counter
from pathlib import PurePath


class PassedOver:
    """Counts what is passed over.

    Attributes:
        counts: Number of each kind: a suffix such as `.mp4`, or words.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def file(self, name: str) -> None:
        """Count a file by its suffix."""
        self.counts[PurePath(name).suffix.lower() or "file without a suffix"] += 1

    def add(self, kind: str, number: int = 1) -> None:
        """Count something else; `kind` is in the singular."""
        self.counts[kind] += number

    def __str__(self) -> str:
        """Return the counts, the largest first: `3 .mp4, 2 links in tars`; empty for none."""
        found = sorted(self.counts.items(), key=lambda each: (-each[1], each[0]))
        return ", ".join(f"{number:,} {_plural(kind, number)}" for kind, number in found if number)


def _plural(kind: str, number: int) -> str:
    if number == 1 or kind.startswith("."):
        return kind
    noun = re.split(" (?:in|of|that|without) ", kind, maxsplit=1)[0]
    return f"{noun}s{kind.removeprefix(noun)}"
