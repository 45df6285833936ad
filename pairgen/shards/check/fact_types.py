"""The JSON types of facts: every fact has one type in the whole set, that of its first sample.

Hub loaders type a set by its first samples, so these types must hold to the end. Shards are checked
apart from each other; each tells which types it has, and the set compares them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pairgen.shards.check.report import Problem, counted_detail, short


@dataclass
class FactTypes:
    """The types of the facts of one shard.

    Attributes:
        found: Fact to type, in the order they came, to how many samples, the first one's key, and
            its value.
    """

    found: dict[str, dict[str, tuple[int, str, str]]] = field(default_factory=dict)

    def note(self, name: str, fact: Any, key: str) -> None:
        """Note the type of one sample's fact."""
        types = self.found.setdefault(name, {})
        kind = type(fact).__name__
        if kind in types:
            num, first, shown = types[kind]
            types[kind] = (num + 1, first, shown)
        else:
            types[kind] = (1, key, short(fact))

    def first(self) -> dict[str, str]:
        """Return the type that each fact has in its first sample."""
        return {name: next(iter(types)) for name, types in self.found.items()}

    def problems(self, expected: Mapping[str, str], where: str, shard: int) -> list[Problem]:
        """Return the facts that are not always of the expected type.

        Args:
            expected: Fact to its type.
            where: The shard's path.
            shard: Its number.
        """
        problems = []
        for name, types in self.found.items():
            others = {kind: found for kind, found in types.items() if kind != expected[name]}
            if others:
                kind, (_, first, shown) = next(iter(others.items()))
                num = sum(count for count, _, _ in others.values())
                subject = f"json {name} is not always {expected[name]}"
                detail = counted_detail(subject, num, first, f"{shown} is {kind}")
                problems.append(Problem("json type", where, detail, shard))
        return problems
