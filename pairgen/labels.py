"""Class labels: the prompts of a teacher that knows classes instead of text."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pairgen.config import did_you_mean, quoted
from pairgen.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class ClassLabels:
    """The classes of a teacher. A label is the number of a class, or its name.

    Args:
        num_classes: Number of classes, numbered 0 .. num_classes - 1.
        names: Names of classes 0, 1, ...; for none, for every class, or for all but the last.

    Raises:
        ConfigError: A name is blank, or is the number of another class.
    """

    num_classes: int
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for index, name in enumerate(self.names):
            if not name or name != name.strip():
                raise ConfigError(f"The name of class {index} must be a word, got {quoted(name)}.")
            if _is_number(name) and name != str(index):
                raise ConfigError(f"The name of class {index} is the number of another: {name!r}.")

    def class_of(self, label: str) -> int:
        """Return the class of a label.

        Raises:
            ConfigError: The label is unknown, or several classes have this name.
        """
        found = self._by_name.get(label, [])
        if not found and _is_number(label) and int(label) < self.num_classes:
            return int(label)
        if len(found) > 1:
            raise ConfigError(
                f"The classes {' and '.join(map(str, found))} are called {label!r}: give a number."
            )
        if not found:
            names = f" or a name{did_you_mean(label, self.names)}" if self.names else ""
            raise ConfigError(
                f"{_short(label)!r} is no class label: it must be a number in "
                f"0..{self.num_classes - 1}{names}."
            )
        return found[0]

    def refuse(self, prompts: Sequence[str]) -> list[str | None]:
        """Return for each prompt the reason why it is not a label, or None if it is one."""
        # Once per label: labels repeat, and a suggestion among a thousand names takes milliseconds.
        reasons = {prompt: self._reason(prompt) for prompt in set(prompts)}
        return [reasons[prompt] for prompt in prompts]

    def to_dict(self) -> dict[str, Any]:
        """Return the labels as plain data."""
        return {"num_classes": self.num_classes, "names": list(self.names)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "ClassLabels":
        """Rebuild labels from `to_dict`'s data."""
        return cls(num_classes=data["num_classes"], names=tuple(data["names"]))

    def _reason(self, prompt: str) -> str | None:
        try:
            self.class_of(prompt)
        except ConfigError as error:
            return str(error).removesuffix(".")
        return None

    @cached_property
    def _by_name(self) -> Mapping[str, list[int]]:
        classes = defaultdict(list)
        for index, name in enumerate(self.names):
            classes[name].append(index)
        return classes


def _is_number(label: str) -> bool:
    """Whether a label is a number as Python writes it: no sign, no leading zeros."""
    return label.isascii() and label.isdigit() and (label == "0" or label[0] != "0")


def _short(label: str) -> str:
    return label if len(label) <= 40 else label[:37] + "..."
