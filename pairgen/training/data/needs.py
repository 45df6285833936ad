"""Compare what a method states that it needs to what datasets and their annotations have."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pairgen import plugins
from pairgen.errors import ConfigError
from pairgen.methods.base import Need, Needs
from pairgen.shards.format.adding import DIR, adding_command, making_command
from pairgen.shards.format.overlay import offered_by
from pairgen.training.data.offered import OfferedSet

NOISE = "noise.npy"


def stated_needs(method: str, options: Mapping[str, Any] | None = None) -> Needs | None:
    """Return what a method states that it needs; None if it states nothing.

    Args:
        method: Its name.
        options: Its options; None for their defaults.

    Raises:
        ConfigError: There is no such method.
        UntrustedCodeError: It is outside pairgen, and the user has not named it.
    """
    module = plugins.load("methods", method)
    found: Any = getattr(module, "NEEDS", None)
    if callable(found):
        found = found(module.OPTIONS(**(options or {})))
    return found if isinstance(found, Needs) else None


def stated_members(method: str, options: Mapping[str, Any]) -> set[str]:
    """Return the members that a method states it reads, or could read instead of others."""
    needs = stated_needs(method, options)
    return {name for need in needs.members for name in need.any_of} if needs else set()


@dataclass(frozen=True)
class Met:
    """One need beside one dataset.

    Attributes:
        need: What is needed, in words.
        by: Who has it: `set`, or the name of an overlay; empty if nobody does.
        adding: Commands that add it to the dataset.
        making: Commands that make datasets which have it.
        note: What is done with it; empty for nothing special.
    """

    need: str
    by: str
    adding: tuple[str, ...] = ()
    making: tuple[str, ...] = ()
    note: str = ""


def compare(needs: Needs, offered: OfferedSet | None, folder: str = DIR) -> list[Met]:
    """Return every need, and who has it.

    Args:
        needs: The method's.
        offered: The dataset and its annotations; None to compare to nothing.
        folder: The dataset in commands.
    """
    found = []
    if needs.kinds:
        has = offered is not None and offered.plan.kind in needs.kinds
        making = tuple(f"pairgen {kind}" for kind in needs.kinds)
        found.append(Met(f"kind {' or '.join(needs.kinds)}", "set" * has, making=making))
    for need in (*needs.members, *(Need((fact,)) for fact in needs.facts)):
        holders = (_holder(name, offered) for name in need.any_of) if offered else ()
        making = _known(making_command(name, needs.kinds) for name in need.any_of)
        adding = _known(
            adding_command(name, folder)
            for name in need.any_of
            if making_command(name, needs.kinds) not in {f"pairgen {kind}" for kind in needs.kinds}
        )
        by = next(filter(None, holders), "")
        if offered and not by and not all(map(adding_command, need.any_of)):
            # What can be added is computed from what cannot, which is not there.
            adding = ()
        found.append(Met(str(need), by, adding, making, need.note))
    return found


def _known(commands: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, commands)))


def check_needs(method: str, options: Mapping[str, Any], sets: Sequence[OfferedSet]) -> None:
    """Refuse datasets that lack what a method with its options states, and say what adds it.

    A dataset of another kind is left to the method, which knows why it needs that kind.

    Raises:
        ConfigError: A dataset lacks it.
    """
    needs = stated_needs(method, options)
    if needs is None:
        return
    for each in sets:
        if needs.kinds and each.plan.kind not in needs.kinds:
            continue
        for met in compare(needs, each, each.url):
            if met.by:
                continue
            remedy = ""
            if commands := met.adding or met.making:
                does = "adds it" if met.adding else "makes datasets that have it"
                remedy = f"; {' or '.join(f'`{command}`' for command in commands)} {does}"
            raise ConfigError(f"{method} needs {met.need}, and {each.url} has none{remedy}.")


def _holder(name: str, offered: OfferedSet) -> str:
    """Return who has a member or column: `set`, or the name of an overlay; empty for nobody."""
    drawn = {NOISE} if offered.plan.recipe.get("noise") == "seed" else set()
    if name in offered_by(offered.plan) | drawn:
        return "set"
    holders = (url for url, plan in offered.overlays if name in offered_by(plan))
    return next((url.rpartition("/")[2] for url in holders), "")
