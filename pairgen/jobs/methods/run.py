"""What each method needs, which command adds it, and whether the datasets named have it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pairgen import plugins
from pairgen.execution.user_trust import trusted_by_user
from pairgen.methods import LATENT_LPIPS, shown_name
from pairgen.methods.base import Needs
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.format.subsets import set_addresses
from pairgen.shards.overlays.adding import MODEL, encoder_of
from pairgen.shards.storage.store import open_store
from pairgen.training import perceptual_network
from pairgen.training.data.needs import Met, compare, stated_needs
from pairgen.training.data.offered import OfferedSet, open_offered


@dataclass(frozen=True)
class Column:
    """What a dataset has of what a method needs.

    Attributes:
        url: The dataset.
        kind: Its kind.
        rows: One for each need, with the commands that give it to this dataset.
    """

    url: str
    kind: str
    rows: tuple[Met, ...]


@dataclass(frozen=True)
class MethodNeeds:
    """A method, and what it needs.

    Attributes:
        name: Its name as users give it.
        recorded: Its name as runs record it.
        about: What it is, as a sentence without a full stop.
        kinds: The kinds of datasets that it learns from; () for any.
        rows: What it needs, with the commands that give it to any dataset; None if it states
            nothing.
        columns: The datasets that it is compared to.
    """

    name: str
    recorded: str
    about: str
    kinds: tuple[str, ...] = ()
    rows: tuple[Met, ...] | None = None
    columns: tuple[Column, ...] = ()

    @property
    def data(self) -> dict[str, Any]:
        """Return what `pairgen methods --json` prints of it."""
        about: dict[str, Any] = {"method": self.recorded, "about": self.about, "needs": None}
        if self.rows is not None:
            about["needs"] = [
                {
                    "need": row.need,
                    "note": row.note,
                    "commands": [*row.adding, *row.making],
                    "has": {each.url: each.rows[i].by for each in self.columns},
                }
                for i, row in enumerate(self.rows)
            ]
        return about


def run_methods(method: str, data: Sequence[str], trust_code: bool = False) -> list[MethodNeeds]:
    """Return what methods need.

    Args:
        method: Name or file of one method; empty for all of pairgen's own.
        data: Folders or URLs of datasets to compare.
        trust_code: Whether to trust modules outside pairgen.

    Raises:
        ConfigError: There is no such method, or a folder holds no dataset.
    """
    # The sub-sets of a folder are datasets like any others.
    urls = [address for url in data for address in set_addresses(url)]
    sets = open_offered(urls, [read_plan(open_store(url)) for url in urls])
    with trusted_by_user({"method": method, "trust_code": trust_code}):
        names = [method] if method else plugins.shown_names("methods")
        return [_about(name, sets) for name in names]


def _about(name: str, sets: Sequence[OfferedSet]) -> MethodNeeds:
    if name == LATENT_LPIPS:
        found = MethodNeeds(name, name, perceptual_network.ABOUT)
        return _compared(found, perceptual_network.NEEDS, sets)
    summary = (plugins.load("methods", name).__doc__ or "").strip().partition("\n")[0]
    module = plugins.module_name("methods", name)
    is_own = module not in plugins.members("methods")
    names = (name, name) if is_own else (shown_name(module), module)
    found = MethodNeeds(*names, summary.rstrip("."))
    needs = stated_needs(name)
    return found if needs is None else _compared(found, needs, sets)


def _compared(found: MethodNeeds, needs: Needs, sets: Sequence[OfferedSet]) -> MethodNeeds:
    columns = tuple(
        Column(
            each.url,
            each.plan.kind,
            tuple(compare(needs, each, each.url, encoder_of(each.plan))),
        )
        for each in sets
    )
    # Compared to no dataset, a need says how any gets it.
    rows = tuple(compare(needs, None, model=_encoder(needs, sets)))
    return MethodNeeds(found.name, found.recorded, found.about, needs.kinds, rows, columns)


def _encoder(needs: Needs, sets: Sequence[OfferedSet]) -> str:
    """Return the model in commands that encode; empty if every dataset has a teacher."""
    if not sets:
        return "" if needs.kinds == ("ode",) else MODEL
    return next(filter(None, (encoder_of(each.plan) for each in sets)), "")
