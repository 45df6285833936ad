"""How the figures of a kind of evaluation are presented."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

# What is explained alike wherever it stands: title, figure, meaning.
EVALUATIONS = (
    "evaluations",
    "evaluations_per_picture",
    "network evaluations per image; guidance counts double",
)
TO_REAL = (
    "to real",
    "frechet_distance_real",
    "Frechet distance to real images (--real-statistics)",
)


@dataclass(frozen=True, kw_only=True)
class Presentation:
    """The words of a kind.

    Attributes:
        columns: Title of a column, the figure of a row, and its format.
        legend: Title, figure and meaning of what is explained; only of figures that a table has.
        subtitle: What is under the title of the page.
        rows: What the rows have in common.
        facts: Returns the facts at the top of the page, from eval.json.
        note: What must be known of the figures, below every table; empty for nothing.
    """

    columns: tuple[tuple[str, str, str], ...]
    legend: tuple[tuple[str, str, str], ...]
    subtitle: str
    rows: str
    facts: Callable[[Mapping[str, Any]], dict[str, str]]
    note: str = ""


def pair_count(found: Mapping[str, Any]) -> str:
    """Return how many pairs were used, of how many, from where."""
    data = found["data"]
    return f"{data['num_samples']:,} of {data['num_available']:,} of {data['url']}"


def judged_text(found: Mapping[str, Any]) -> str:
    """Return which model was judged, and what it is."""
    model = found["model"]
    if model["method"]:
        return f"{model['path']}, trained by {model['method']}"
    return f"{model['path']} ({model['kind']})"
