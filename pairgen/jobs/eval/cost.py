"""What data and training of a student cost, for the terminal and as a part of the page."""

from collections.abc import Mapping
from typing import Any

from pairgen.drawing.table import aligned, wrapped
from pairgen.pages.cells import cell
from pairgen.pages.sections import Section, Table
from pairgen.wording import counted

COLUMNS = ("evaluations", "seconds")


def ledger_table(found: Mapping[str, Any]) -> str:
    """Format the cost of data and training, and the break-even point of the student."""
    ledger = found["ledger"]
    lines = [["", *COLUMNS]]
    lines += [
        [title, *(f"{cost[name]:,.0f}" for name in COLUMNS)] for title, cost in _costs(ledger)
    ]
    notes = [*_notes(ledger), wrapped(ledger["convention"])]
    return "\n".join([*aligned(lines), *notes])


def ledger_section(found: Mapping[str, Any]) -> Section:
    """Return the same as a part of the page."""
    ledger = found["ledger"]
    rows = [
        [cell(title), *(cell(cost[name], f"{cost[name]:,.0f}") for name in COLUMNS)]
        for title, cost in _costs(ledger)
    ]
    table = Table(caption="Cost of data and training", head=_head(), rows=rows)
    return Section(title="Cost", text=[*_notes(ledger), ledger["convention"]], table=table)


def _head() -> list[tuple[str, str]]:
    return [
        ("part", ""),
        ("evaluations", "evaluations of networks of the teacher's size"),
        ("seconds", "of all workers and processes together"),
    ]


def _costs(ledger: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    names = ("data", *(["before"] if ledger["before"]["runs"] else []), "training", "together")
    return [("runs before it" if name == "before" else name, ledger[name]) for name in names]


def _notes(ledger: Mapping[str, Any]) -> list[str]:
    runs = ledger["before"]["runs"]
    told = [f"Runs before it made its teacher or its start: {', '.join(runs)}."] if runs else []
    if ledger["break_even"] is None:
        return [*told, f"No break-even: {ledger['reason']}."]
    for unit in COLUMNS:
        found = ledger["break_even"][unit]
        if found["pictures"] is None:
            told.append(f"No break-even in {unit}: {found['reason']}.")
        else:
            told.append(
                f"Paid for after {counted(found['pictures'], 'image')} in {unit}, against the "
                f"teacher's {counted(ledger['teacher_steps'], 'step')}."
            )
    return told
