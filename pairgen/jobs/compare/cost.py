"""The table of what each model cost to train, and of what it learned from."""

from collections.abc import Mapping, Sequence
from typing import Any

from pairgen.drawing.table import aligned, wrapped
from pairgen.jobs.compare.content import short_names
from pairgen.jobs.compare.planned import MODEL
from pairgen.judging.ledger import CONVENTION
from pairgen.judging.table import NO_FIGURE
from pairgen.wording import counted

HEAD = ("", "method", "steps", "batch", "evaluations", "in all", "seconds", "trained", "of weights")
LEGEND = """\
evaluations  of networks of the teacher's size, in the training itself
in all       with the evaluations that made its data, and with the runs before it
seconds      of the training itself, of all its processes
trained      weights of the student that were trained, adapters among them
of weights   of its network with its branch, frozen or not, and of its VAE where that was trained"""


def cost_table(found: Mapping[str, Any]) -> str:
    """Format what each model of compare.json cost to train; empty if none was trained."""
    models = [each for each in found["models"] if each["role"] == MODEL]
    names = short_names({each["place"] for each in models})
    # One line for all steps of a model.
    trained = {
        names[each["place"]]: each["training"] for each in models if each["training"] is not None
    }
    untrained = sorted({names[each["place"]] for each in models} - trained.keys())
    if not trained:
        return ""
    devices = sorted({name for each in trained.values() for name in each["devices"]})
    lines = [_line(name, each, len(devices) > 1) for name, each in trained.items()]
    notes = [f"{name}: {_data(each)}" for name, each in trained.items()]
    if untrained:
        notes.append(f"No training is known of {', '.join(untrained)}.")
    if len(devices) > 1:
        notes.append(f"( ) seconds of different devices: {', '.join(devices)}.")
    return "\n".join([*aligned([HEAD, *lines]), *notes, wrapped(CONVENTION)])


def _line(name: str, training: Mapping[str, Any], different: bool) -> Sequence[str]:
    seconds = f"{training['training']['seconds']:,.0f}"
    return (
        name,
        training["method"],
        f"{training['steps']:,}",
        f"{training['batch_size']:,}",
        f"{training['training']['evaluations']:,}",
        f"{training['together']['evaluations']:,}",
        f"({seconds})" if different else seconds,
        _count(training["num_trained"]),
        _count(training["num_weights"]),
    )


def _count(number: int) -> str:
    return f"{number:,}" if number else NO_FIGURE


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
