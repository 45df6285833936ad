"""Compare what a method states that it needs to what datasets and their annotations have."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pairgen import plugins
from pairgen.errors import ConfigError
from pairgen.methods.base import Need, Needs
from pairgen.shards.overlays.adding import (
    DIR,
    MODEL,
    adding_command,
    decoding_command,
    encoder_of,
    making_command,
)
from pairgen.shards.overlays.overlay import offered_by
from pairgen.training.data.offered import OfferedSet

NOISE, TEXT = "noise.npy", "txt"
# HR, as `pairgen degrade` adds it to a set of pairs.
HR = "png"
# Members that are computed from texts.
OF_TEXTS = ("txt_emb.npy", "pooled_emb.npy", "clip_text.npy")


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
        any_of: What is needed, in words: one of these.
        by: Who has it: `set`, or the name of an overlay; empty if nobody does.
        adding: Commands that add it to the dataset.
        making: Commands that make datasets which have it.
        note: What is done with it; empty for nothing special.
        without: Option with which the method does without it; empty for none.
    """

    any_of: tuple[str, ...]
    by: str
    adding: tuple[str, ...] = ()
    making: tuple[str, ...] = ()
    note: str = ""
    without: str = ""

    @property
    def need(self) -> str:
        """What is needed, in words."""
        return " or ".join(self.any_of)

    def remedy(self, it: str) -> str:
        """Return what to do about a lack, as part of a sentence; empty for nothing known.

        Args:
            it: What is needed, in words.
        """
        ways = []
        if commands := self.adding or self.making:
            does = f"adds {it}" if self.adding else f"makes datasets that have {it}"
            ways.append(f"{' or '.join(f'`{command}`' for command in commands)} {does}")
        if self.without:
            ways.append(f"`--set {self.without}` does without {it}")
        return ", or ".join(ways)


def compare(
    needs: Needs, offered: OfferedSet | None, folder: str = DIR, model: str = MODEL
) -> list[Met]:
    """Return every need, and who has it.

    Args:
        needs: The method's.
        offered: The dataset and its annotations; None to compare to nothing.
        folder: The dataset in commands.
        model: The model that encodes in commands; empty for the dataset's teacher.
    """
    found = []
    if needs.kinds:
        has = offered is not None and offered.plan.kind in needs.kinds
        making = tuple(f"pairgen {kind}" for kind in needs.kinds)
        found.append(Met((f"kind {' or '.join(needs.kinds)}",), "set" * has, making=making))
    for need in (*needs.members, *(Need((fact,)) for fact in needs.facts)):
        holders = (_holder(name, offered) for name in need.any_of) if offered else ()
        by = next(filter(None, holders), "")
        making = _known(making_command(name, needs.kinds) for name in need.any_of)
        adding = _known(
            adding_command(name, folder, model)
            for name in need.any_of
            if making_command(name, needs.kinds) not in {f"pairgen {kind}" for kind in needs.kinds}
            # Without a text, there is nothing to compute them from.
            and not (offered and not by and TEXT in need.any_of and name in OF_TEXTS)
        )
        if offered and not by and not all(map(adding_command, need.any_of)):
            # What can be added is computed from what cannot, which is not there.
            adding = ()
        if offered and not by and not adding and offered.plan.kind == "ode":
            adding = _known(_decoding(name, needs, folder) for name in need.any_of)
        found.append(Met(need.any_of, by, adding, making, need.note, need.without))
    return found


def _decoding(name: str, needs: Needs, folder: str) -> str:
    """Return the command that adds HR and LR to a set of pairs; empty for a method without LR.

    Such a one learns from real images, not from those of a teacher.
    """
    if not (name == HR or decoding_command(name)):
        return ""
    named = (each for need in needs.members for each in need.any_of)
    return next(filter(None, (decoding_command(each, folder) for each in named)), "")


def _known(commands: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, commands)))


def check_needs(
    method: str, options: Mapping[str, Any], sets: Sequence[OfferedSet], model: str = ""
) -> None:
    """Refuse datasets that lack what a method with its options states, and say what adds it.

    A dataset of another kind is left to the method, which knows why it needs that kind.

    Args:
        method: Its name.
        options: Its options.
        sets: The datasets.
        model: The model that the user gave to train; empty for the datasets' teacher.

    Raises:
        ConfigError: A dataset lacks it.
    """
    needs = stated_needs(method, options)
    if needs is None:
        return
    for each in sets:
        if needs.kinds and each.plan.kind not in needs.kinds:
            continue
        lacking = [
            met
            for met in compare(needs, each, each.url, encoder_of(each.plan, model))
            if not met.by
        ]
        if lacking:
            raise ConfigError(f"{method} needs {_told(lacking, each.url)}.")


def _told(lacking: Sequence[Met], url: str) -> str:
    """Return what a dataset lacks and what to do about it, as the rest of a sentence."""
    # What meets a narrower need meets a wider one.
    every = [set(met.any_of) for met in lacking]
    least = [met for met in lacking if not any(own < set(met.any_of) for own in every)]
    *names, last = (met.need for met in least)
    if not names:
        return "; ".join(filter(None, (f"{last}, and {url} has none", least[0].remedy("it"))))
    remedies = filter(None, (met.remedy(met.need) for met in least))
    return "; ".join([f"{', '.join(names)} and {last}, and {url} has none of them", *remedies])


def _holder(name: str, offered: OfferedSet) -> str:
    """Return who has a member or column: `set`, or the name of an overlay; empty for nobody."""
    drawn = {NOISE} if offered.plan.recipe.get("noise") == "seed" else set()
    if name in offered_by(offered.plan) | drawn:
        return "set"
    holders = (url for url, plan in offered.overlays if name in offered_by(plan))
    return next((url.rpartition("/")[2] for url in holders), "")
