"""A page of sections: what an evaluation, a comparison and the demo show."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pairgen.pages.cards import Card
from pairgen.pages.document import render


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table whose columns sort.

    Attributes:
        caption: What it shows.
        head: Title of each column, and what it means.
        rows: Cells from `pairgen.pages.cells.cell`, of each row.
    """

    caption: str
    head: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a page; what is empty is left out.

    Attributes:
        title: Its heading.
        text: Paragraphs below it.
        facts: Names and values.
        table: A table.
        legend: What words mean, as names and values.
        charts: Charts from `pairgen.pages.charts`.
        plain: Text in lines of a fixed width.
        command: A command line.
        cards: Images.
    """

    title: str
    text: Sequence[str] = ()
    facts: Sequence[tuple[str, str]] = ()
    table: Table | None = None
    legend: Sequence[tuple[str, str]] = ()
    charts: Sequence[Mapping[str, Any]] = ()
    plain: str = ""
    command: str = ""
    cards: Sequence[Card] = ()

    @property
    def name(self) -> str:
        """Its name in links."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")[:40] or "part"


def sections_page(
    title: str,
    kind: str,
    subtitle: str,
    sections: Sequence[Section],
    facts: Sequence[tuple[str, str]] = (),
    notes: Sequence[str] = (),
) -> str:
    """Return a page.

    Args:
        title: Its title.
        kind: What it is a page of.
        subtitle: A sentence below the title.
        sections: Its parts.
        facts: Names and values above all parts.
        notes: What must be known first.
    """
    placed = []
    charts: list[Mapping[str, Any]] = []
    cards: list[Card] = []
    for number, each in enumerate(sections):
        placed.append((f"{each.name}-{number + 1}", each, len(cards), len(charts)))
        cards += each.cards
        charts += each.charts
    data = {"charts": charts, "cards": [card.data() for card in cards]}
    return render(
        "sections.html.j2",
        title,
        data,
        kind=kind,
        subtitle=subtitle,
        facts=facts,
        notes=notes,
        placed=placed,
    )
