"""Position of a training in its data: small, plain JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pairgen.errors import ConfigError
from pairgen.wording import counted

VERSION = 1
# These may change between epochs; within an epoch they fix the order.
CHANGEABLE = ("num_parts", "batch_size", "window")


@dataclass(frozen=True, kw_only=True)
class LoaderState:
    """The next batch, and everything that fixes the order of batches.

    Attributes:
        epoch: Epoch, from 0.
        step: Next batch in this epoch.
        seed: Seed of the order.
        batch_size: Batch size of each part of the order.
        num_parts: Number of parts that the order is cut into.
        window: Number of shard pieces to mix.
        where: The condition; empty for none.
        crop: Side of the crops; 0 for whole images.
        flip: Whether images are flipped at random.
        sets: Identity of each dataset and its shards, with its weight.
    """

    epoch: int
    step: int
    seed: int
    batch_size: int
    num_parts: int
    window: int
    where: str
    crop: int
    flip: bool
    sets: tuple[Mapping[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the state as plain data."""
        return {"version": VERSION, **asdict(self), "sets": [dict(found) for found in self.sets]}

    def resumed(self, data: Mapping[str, Any], urls: Sequence[str]) -> "LoaderState":
        """Return the state in `data`, for a loader that was created with this one.

        Args:
            data: State from `to_dict`.
            urls: URL of each dataset, for the message.

        Raises:
            ConfigError: `data` is not a state, or comes from a loader with a different order.
        """
        names = self.__dataclass_fields__
        # Not in states of earlier versions.
        data = {"crop": 0, "flip": False, **data}
        counts = (data.get("epoch"), data.get("step"))
        fits = all(type(each) is int and each >= 0 for each in counts)
        is_whole = data.get("version") == VERSION and data.keys() == {"version", *names}
        if not (is_whole and fits and _are_sets(data["sets"])):
            raise ConfigError(
                f"The state of the loader must be what state() gave, got {_short(data)}."
            )
        mine = self.to_dict()
        free = ("epoch", "step", *(CHANGEABLE if data["step"] == 0 else ()))
        for name in names:
            if name in free or mine[name] == data[name]:
                continue
            if name in CHANGEABLE:
                raise ConfigError(
                    f"{name} can change between epochs only: the state is at step "
                    f"{data['step']} of epoch {data['epoch']} with {data[name]}, got {mine[name]}."
                )
            if name == "sets":
                raise ConfigError(_changed_set(data["sets"], mine["sets"], urls))
            raise ConfigError(
                f"The state comes from a loader with another {name}: {_short(data[name])}, "
                f"got {_short(mine[name])}."
            )
        return LoaderState(**{**asdict(self), "epoch": data["epoch"], "step": data["step"]})


def _are_sets(sets: Any) -> bool:
    """Whether a state tells of datasets what `_changed_set` compares."""
    return isinstance(sets, list | tuple) and all(
        isinstance(each, Mapping)
        and {"fingerprints", "num_samples", "weight"} <= each.keys()
        and isinstance(each["weight"], int | float)
        and isinstance(each["num_samples"], int)
        for each in sets
    )


def _changed_set(
    before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]], urls: Sequence[str]
) -> str:
    """Describe the first dataset that has changed; the datasets fix the order of the samples."""
    remedy = "start a new training"
    if len(before) != len(now):
        return (
            f"The state comes from a loader of {counted(len(before), 'set')}, got {len(now)}: "
            f"{remedy}."
        )
    old, new, url = next(each for each in zip(before, now, urls, strict=True) if each[0] != each[1])
    if old["fingerprints"] != new["fingerprints"]:
        return f"{url} is another dataset than the one in the state, or has grown: {remedy}."
    if old["weight"] != new["weight"]:
        return (
            f"The weight of {url} was {old['weight']:g} when the state was saved, "
            f"got {new['weight']:g}: {remedy}."
        )
    if old.get("shape") != new.get("shape"):
        return (
            f"{url} fills other batches than when the state was saved, because its fields had "
            "other shapes then: read the same fields."
        )
    if old["num_samples"] != new["num_samples"]:
        return (
            f"{url} gave {counted(old['num_samples'], 'sample')} when the state was saved, and "
            "gives "
            f"{new['num_samples']:,} now, which changes the order of all: {remedy}."
        )
    return f"{url} gives other samples than when the state was saved: {remedy}."


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 160 else text[:157] + "..."
