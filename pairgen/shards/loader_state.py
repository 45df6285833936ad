"""Where a training stands in its data: small, plain JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pairgen.errors import ConfigError

VERSION = 1
# Between epochs a training may go on with other numbers; within one they fix the order.
CHANGEABLE = ("num_parts", "batch_size", "window")


@dataclass(frozen=True, kw_only=True)
class LoaderState:
    """The next batch, and what fixes the order that it stands in.

    Attributes:
        epoch: From 0.
        step: The batch that comes next in it.
        seed: Of the order.
        batch_size: Of each part of the order.
        num_parts: Parts that the order is cut into.
        window: Pieces of shards that are mixed.
        where: The condition; empty for none.
        sets: What identifies each set and its shards, with its weight.
    """

    epoch: int
    step: int
    seed: int
    batch_size: int
    num_parts: int
    window: int
    where: str
    sets: tuple[Mapping[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"version": VERSION, **asdict(self), "sets": [dict(found) for found in self.sets]}

    def resumed(self, data: Mapping[str, Any]) -> "LoaderState":
        """Return the state that `data` says, for a loader that begins with this one.

        Raises:
            ConfigError: It is no state, or was left by a loader of another order.
        """
        names = self.__dataclass_fields__
        if data.get("version") != VERSION or data.keys() != {"version", *names}:
            raise ConfigError(f"The state of the loader must be what state() gave, got {data!r}.")
        mine = self.to_dict()
        free = ("epoch", "step", *(CHANGEABLE if data["step"] == 0 else ()))
        for name in names:
            if name in free or mine[name] == data[name]:
                continue
            if name in CHANGEABLE:
                raise ConfigError(
                    f"{name} can change between epochs only: the state stands at step "
                    f"{data['step']} of epoch {data['epoch']} with {data[name]}, got {mine[name]}."
                )
            raise ConfigError(
                f"The state was left by a loader with another {name}: {_short(data[name])}, "
                f"got {_short(mine[name])}."
            )
        return LoaderState(**{**asdict(self), "epoch": data["epoch"], "step": data["step"]})


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 160 else text[:157] + "..."
