"""What each method needs, which command adds it, and whether the datasets named have it."""

from collections.abc import Sequence
from typing import Any

from pairgen import plugins
from pairgen.drawing.table import left_aligned
from pairgen.execution.user_trust import trusted_by_user
from pairgen.methods.base import Needs
from pairgen.shards.format.adding import MODEL, encoder_of
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.format.store import open_store
from pairgen.shards.format.subsets import set_addresses
from pairgen.training.data.needs import compare, stated_needs
from pairgen.training.data.offered import OfferedSet, open_offered

NOT_STATED = "not stated"


def run_methods(method: str, data: Sequence[str], trust_code: bool = False) -> list[dict[str, Any]]:
    """Return what methods need, as plain data: one entry for each method.

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
        names = [method] if method else plugins.members("methods")
        return [_about(name, sets) for name in names]


def _about(name: str, sets: Sequence[OfferedSet]) -> dict[str, Any]:
    module = plugins.load("methods", name)
    summary = (module.__doc__ or "").strip().partition("\n")[0]
    about: dict[str, Any] = {"method": name, "about": summary.rstrip("."), "needs": None}
    needs = stated_needs(name)
    if needs is None:
        return about
    columns = [compare(needs, each) for each in sets]
    about["needs"] = [
        {
            "need": row.need,
            "note": row.note,
            "commands": [*row.adding, *row.making],
            "has": {each.url: column[i].by for each, column in zip(sets, columns, strict=True)},
        }
        # Compared to no dataset, a need says how any gets it.
        for i, row in enumerate(compare(needs, None, model=_encoder(needs, sets)))
    ]
    return about


def _encoder(needs: Needs, sets: Sequence[OfferedSet]) -> str:
    """Return the model in commands that encode; empty if every dataset has a teacher."""
    if not sets:
        return "" if needs.kinds == ("ode",) else MODEL
    return next(filter(None, (encoder_of(each.plan) for each in sets)), "")


def methods_text(found: Sequence[dict[str, Any]]) -> str:
    """Format what `run_methods` returned as a table, then the notes."""
    data = next((list(need["has"]) for each in found for need in each["needs"] or ()), [])
    rows = [("method", "needs", *data, "given by")]
    notes = []
    for each in found:
        needs = each["needs"]
        if needs is None:
            rows.append((each["method"], NOT_STATED, *("" for _ in data), ""))
            continue
        for number, need in enumerate(needs):
            name = "" if number else each["method"]
            has = (need["has"][url] or "no" for url in data)
            rows.append((name, need["need"], *has, " or ".join(need["commands"])))
            if need["note"]:
                notes.append(f"{need['need']}: {need['note']}.")
    return "\n".join([left_aligned(rows), *dict.fromkeys(notes)])
