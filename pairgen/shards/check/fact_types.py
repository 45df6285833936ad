"""The JSON types of facts: in the whole dataset, a fact has the type that its first sample has.

Hub loaders infer types from the first samples, so these types must hold to the end. Shards are
checked independently; each reports the types that it has, and the dataset check compares them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pairgen.shards.check.report import Problem, counted_detail, short


@dataclass
class FactTypes:
    """The types of the facts in one shard.

    Attributes:
        found: Fact to type, in order of appearance, to the number of samples, and the key and value
            of the first one.
    """

    found: dict[str, dict[str, tuple[int, str, str]]] = field(default_factory=dict)

    def note(self, name: str, fact: Any, key: str) -> None:
        """Record the type of one sample's fact."""
        types = self.found.setdefault(name, {})
        kind = type(fact).__name__
        if kind in types:
            num, first, shown = types[kind]
            types[kind] = (num + 1, first, shown)
        else:
            types[kind] = (1, key, short(fact))

    def first(self) -> dict[str, str]:
        """Return the type of each fact in its first sample."""
        return {name: next(iter(types)) for name, types in self.found.items()}

    def problems(self, expected: Mapping[str, str], where: str, shard: int) -> list[Problem]:
        """Return the facts that do not always have the expected type.

        Args:
            expected: Fact to its type.
            where: Path of the shard.
            shard: Index of the shard.
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
