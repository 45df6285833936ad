"""Rows of models that are others now: a run that was trained again in its folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pairgen.errors import PairgenError
from pairgen.execution.say import Say
from pairgen.jobs.compare.facts import WEIGHTS, weights_of
from pairgen.jobs.compare.planned import MODEL, Planned
from pairgen.jobs.compare.rows import Row
from pairgen.judging.judged import find_judged
from pairgen.redaction import without_secrets_in
from pairgen.types import canonical_json


def find_outdated(rows: Sequence[Row], planned: Sequence[Planned], say: Say) -> list[Row]:
    """Return the rows of models whose weights are others now, and say which will not be measured.

    A model that does not lie where it did keeps its row: nothing there says otherwise. So does one
    that cannot be read now, which is told.

    Args:
        rows: The rows that stand.
        planned: The rows to have, whose models are known.
        say: Called with messages for the user.
    """
    now = {each.facts["place"]: _weights(each.identity) for each in planned if each.role == MODEL}
    measured = {each.slot for each in planned}
    found, told = [], set()
    for row in rows:
        place = row.facts["model"].get("place", "")
        if place not in now:
            now[place] = _weights_at(place, say) if Path(place).is_absolute() else ""
        if now[place] in ("", _weights(row.facts["identity"])):
            continue
        found.append(row)
        if row.slot not in measured and place not in told:
            told.add(place)
            say(
                f"{place} has other weights now than when it was measured, and its row of then is "
                "left out: give it as a RUN, to measure it again."
            )
    return found


def _weights_at(place: str, say: Say) -> str:
    """Return what distinguishes the weights of a model; empty if there is none, or not readable."""
    try:
        return _weights(weights_of(find_judged(place))) if Path(place).exists() else ""
    except (PairgenError, OSError) as error:
        say(f"The row of {place} is kept as measured, because its weights cannot be read: {error}")
        return ""


def _weights(identity: Mapping[str, Any]) -> str:
    return canonical_json(without_secrets_in({name: identity.get(name) for name in WEIGHTS}))
