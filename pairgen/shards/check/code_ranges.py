"""Which shards of a set were made by which state of the user's own code."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pairgen.own_code.record import SHORT, changes, modules_in, others_in
from pairgen.receipts import Receipt
from pairgen.types import Plan

_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class CodeRange:
    """Shards that follow each other and were made by the same code.

    Attributes:
        sha256: Hash of the code; empty if it was not recorded.
        first: The first of them.
        last: The last of them.
    """

    sha256: str
    first: int
    last: int

    def told(self) -> str:
        """Return which shards these are."""
        first, last = f"{self.first:05d}", f"{self.last:05d}"
        return f"shard {first}" if first == last else f"shards {first} to {last}"


class CodeRanges:
    """Collects the code of receipts, in the order of their shards."""

    def __init__(self) -> None:
        self._found: list[CodeRange] = []

    def add(self, receipt: Receipt) -> None:
        """Add one receipt."""
        recorded = receipt.made.get("code")
        # It may come from a stranger, and is printed.
        sha256 = recorded if isinstance(recorded, str) and _HASH.fullmatch(recorded) else ""
        first = receipt.shard_index
        if self._found and self._found[-1].sha256 == sha256:
            first = self._found.pop().first
        self._found.append(CodeRange(sha256, first, receipt.shard_index))

    def found(self) -> list[CodeRange]:
        """Return the ranges; none if no shard was made by own code."""
        return self._found if any(each.sha256 for each in self._found) else []


def told_code(ranges: Sequence[CodeRange], plan: Plan) -> tuple[str, ...]:
    """Return a line for each range: the hash, the shards, and the modules that differ."""
    known = {each["sha256"]: modules_in(each) for each in others_in(plan.code)}
    if plan.code:
        known[str(plan.code.get("sha256"))] = modules_in(plan.code)
    lines = []
    before: dict[str, str] = {}
    for each in ranges:
        modules = known.get(each.sha256, {})
        changed = changes(before, modules)
        told = f"; changed: {', '.join(changed)}" if changed else ""
        lines.append(f"{each.sha256[:SHORT] or 'not recorded'}: {each.told()}{told}")
        before = modules
    return tuple(lines)
