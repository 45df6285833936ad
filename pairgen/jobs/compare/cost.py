"""The table of what each model cost to train, and of what it learned from."""

from collections.abc import Mapping, Sequence
from typing import Any

from pairgen.drawing.table import aligned, wrapped
from pairgen.jobs.compare.content import short_names
from pairgen.jobs.compare.planned import MODEL
from pairgen.judging.ledger import CONVENTION
from pairgen.judging.table import NO_FIGURE
from pairgen.pages.cells import cell
from pairgen.pages.sections import Section, Table
from pairgen.wording import counted

HEAD = ("", "method", "steps", "batch", "evaluations", "in all", "seconds", "trained", "of weights")
MEANINGS = {
    "evaluations": "of networks of the teacher's size, in the training itself",
    "in all": "with the evaluations that made its data, and with the runs before it",
    "seconds": "of the training itself, of all its processes",
    "trained": "weights of the student that were trained, adapters among them",
    "of weights": "of its network with its branch, frozen or not, and of its VAE where that was "
    "trained",
}
LEGEND = "\n".join(f"{name:<12} {meaning}" for name, meaning in MEANINGS.items())


def cost_table(found: Mapping[str, Any]) -> str:
    """Format what each model of compare.json cost to train; empty if none was trained."""
    rows, notes = _costs(found)
    if not rows:
        return ""
    lines = [[name, *(text for _, text in cells)] for name, cells in rows.items()]
    return "\n".join([*aligned([HEAD, *lines]), *notes, wrapped(CONVENTION)])


def cost_section(found: Mapping[str, Any]) -> Section | None:
    """Return the same as a part of the page; None if no model was trained."""
    rows, notes = _costs(found)
    if not rows:
        return None
    table = Table(
        caption="Cost of the training: a row for each model",
        head=[(name or "model", MEANINGS.get(name, "")) for name in HEAD],
        rows=[[cell(name), *(cell(*each) for each in cells)] for name, cells in rows.items()],
    )
    legend = list(MEANINGS.items())
    return Section(title="Cost", text=[*notes, CONVENTION], table=table, legend=legend)


Cells = Sequence[tuple[str | int | float | None, str]]


def _costs(found: Mapping[str, Any]) -> tuple[dict[str, Cells], list[str]]:
    """Return value and text of each cell by the name of the model, and notes on them."""
    models = [each for each in found["models"] if each["role"] == MODEL]
    names = short_names({each["place"] for each in models})
    # One line for all steps of a model.
    trained = {
        names[each["place"]]: each["training"] for each in models if each["training"] is not None
    }
    untrained = sorted({names[each["place"]] for each in models} - trained.keys())
    devices = sorted({name for each in trained.values() for name in each["devices"]})
    rows = {name: _cells(each, len(devices) > 1) for name, each in trained.items()}
    notes = [f"{name}: {_data(each)}" for name, each in trained.items()]
    if untrained:
        notes.append(f"No training is known of {', '.join(untrained)}.")
    if len(devices) > 1:
        notes.append(f"( ) seconds of different devices: {', '.join(devices)}.")
    return rows, notes


def _cells(training: Mapping[str, Any], different: bool) -> Cells:
    seconds = training["training"]["seconds"]
    return (
        (training["method"], training["method"]),
        *(
            (number, f"{number:,}")
            for number in (
                training["steps"],
                training["batch_size"],
                training["training"]["evaluations"],
                training["together"]["evaluations"],
            )
        ),
        (seconds, f"({seconds:,.0f})" if different else f"{seconds:,.0f}"),
        _count(training["num_trained"]),
        _count(training["num_weights"]),
    )


def _count(number: int) -> tuple[int | None, str]:
    return (number, f"{number:,}") if number else (None, NO_FIGURE)


def _data(training: Mapping[str, Any]) -> str:
    """Return what a training learned from, where, and after which runs, as text."""
    sets = "; ".join(
        f"{each['url']} ({', '.join(filter(None, [each['kind'], _samples(each)]))})"
        for each in training["sets"]
    )
    before = training["before"]["runs"]
    after = f"; after {', '.join(before)}" if before else ""
    return f"{sets}{after}; on {', '.join(training['devices'])}"


def _samples(each: Mapping[str, Any]) -> str:
    return f"{counted(each['num_samples'], 'sample')}"
