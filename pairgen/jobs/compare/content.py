"""The content of compare.json, made of the rows that stand and of nothing else."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import pairgen
from pairgen.errors import ConfigError
from pairgen.evaluation.real_pictures import RealPictures
from pairgen.jobs.compare.best import find_best
from pairgen.jobs.compare.planned import MODEL, REFERENCE, TEACHER
from pairgen.jobs.compare.rows import Row
from pairgen.judging.from_images.measured import TARGET
from pairgen.judging.from_text.measured import END_POINTS
from pairgen.kinds.continuing import differences
from pairgen.wording import counted

SECONDS = "seconds_per_picture"


def check_comparable(rows: Sequence[Row], bench: Mapping[str, Any], folder: str) -> None:
    """Refuse rows whose figures are not comparable with those to come.

    Raises:
        ConfigError: Some rows are of other data, samples, protocol or judge.
    """
    for row in rows:
        if different := differences(row.facts["bench"], dict(bench)):
            raise ConfigError(
                f"{folder} holds rows that do not belong in one table with these, such as "
                f"{row.facts['name']}; these differ: {', '.join(different)}: give another --out."
            )


def is_own_reference(row: Row) -> bool:
    """Whether a row is of the end points or targets, with which all others are compared."""
    return row.facts["role"] == REFERENCE and row.facts["name"] in (END_POINTS, TARGET)


def in_order(rows: Sequence[Row], slots: Sequence[str]) -> list[Row]:
    """Return rows in the order of a table: references, models, teacher.

    Rows of one model, and those of the teacher, are sorted by steps, whoever asked for them.

    Args:
        rows: The rows.
        slots: Folders of the rows that were asked for; with their models' other rows, they come
            before others of their kind.
    """
    groups = {row.slot: _group(row) for row in rows}
    first: dict[str, int] = {}
    for place, slot in enumerate(slots):
        first.setdefault(groups[slot], place)
    roles = (REFERENCE, MODEL, TEACHER)

    def key(row: Row) -> tuple[int, int, str, int, str]:
        group = groups[row.slot]
        role = roles.index(row.facts["role"])
        return (role, first.get(group, len(slots)), group, row.facts["steps"], row.slot)

    return sorted(rows, key=key)


def _group(row: Row) -> str:
    """Return what the rows of one model have in common."""
    if row.facts["role"] == MODEL:
        return str(row.facts["model"]["place"])
    return TEACHER if row.facts["role"] == TEACHER else row.slot


def make_content(rows: Sequence[Row], real: RealPictures | None) -> dict[str, Any]:
    """Return the content of compare.json.

    Args:
        rows: The rows in the order of the table, the end points or the target among them.
        real: Real images; None for none.
    """
    names = row_names(rows)
    shared = rows[0].facts["shared"]
    missing: dict[str, str] = {}
    doubtful: dict[str, str] = {}
    for row in rows:
        missing |= row.facts["missing"]
        doubtful |= row.facts["not_meaningful"]
    doubtful = {name: reason for name, reason in doubtful.items() if name not in missing}
    if reason := _doubt_of_seconds(rows):
        doubtful[SECONDS] = reason
    competing = {
        name: row
        for name, row in zip(names, rows, strict=True)
        if row.facts["role"] != TEACHER and not is_own_reference(row)
    }
    reference = next(row for row in rows if is_own_reference(row))
    return {
        "pairgen": pairgen.__version__,
        "bench": rows[0].facts["bench"],
        **shared,
        "rows": [
            {**row.facts["figures"], "name": name} for name, row in zip(names, rows, strict=True)
        ],
        "missing": missing,
        "not_meaningful": doubtful,
        "best": find_best(competing, reference, real, shared, list(doubtful)),
        "notes": list(
            dict.fromkeys(note for row in rows for note in row.facts["model"].get("notes", ()))
        ),
        "models": [
            {
                "name": name,
                "slot": row.slot,
                "role": row.facts["role"],
                "steps": row.facts["steps"],
                **row.facts["model"],
                "identity": row.facts["identity"],
                "machine": row.facts["machine"],
            }
            for name, row in zip(names, rows, strict=True)
        ],
    }


def row_names(rows: Sequence[Row]) -> list[str]:
    """Return the names of rows in a table; a model's is as much of its path as tells it apart."""
    models = [row for row in rows if row.facts["role"] == MODEL]
    short = short_names({row.facts["model"]["place"] for row in models})
    names = []
    for row in rows:
        name, steps = row.facts["name"], row.facts["steps"]
        if row.facts["role"] == MODEL:
            name = f"{short[row.facts['model']['place']]}, {counted(steps, 'step')}"
        names.append(name)
    return names


def short_names(places: set[str]) -> dict[str, str]:
    """Return the shortest ends of paths that tell each from all others."""
    parts = {place: PurePath(place).parts for place in places}
    found = {}
    for place, own in parts.items():
        num = 1
        while num < len(own) and any(
            other != place and each[-num:] == own[-num:] for other, each in parts.items()
        ):
            num += 1
        found[place] = str(PurePath(*own[-num:]))
    return found


def _doubt_of_seconds(rows: Sequence[Row]) -> str:
    """Return why the seconds of the rows are not comparable; empty if they are."""
    told = dict.fromkeys(
        f"{machine['device']} with {counted(machine['cpu_threads'], 'thread')}"
        for machine in (
            row.facts["machine"] for row in rows if row.facts["figures"][SECONDS] is not None
        )
    )
    return f"seconds of different machines: {', '.join(told)}" if len(told) > 1 else ""
