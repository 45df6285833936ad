"""The models to compare, as a user names them: `RUN`, or `RUN@1,4` for other steps than its own.

Steps belong to a model because the models of one table take different ones: a single option for
all would have to leave out, without a word, what a model cannot do.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pairgen.asked_model import split_steps
from pairgen.errors import ConfigError, PairgenError
from pairgen.judging.judged import Judged, find_judged
from pairgen.kinds.model_steps import with_steps
from pairgen.option_names import option_text
from pairgen.rules import Integer

# What enlarges the given images of a restoration; always in its table.
BICUBIC = "bicubic"


@dataclass(frozen=True)
class Asked:
    """A row that is asked for.

    Attributes:
        judged: The model, which takes the steps that are asked for.
        place: Where it lies: an absolute folder or file, or its name.
    """

    judged: Judged
    place: str


def find_asked(runs: Sequence[str]) -> tuple[list[Asked], bool]:
    """Resolve the models; return also whether `bicubic` is among them.

    Raises:
        ConfigError: One is not a model, its training is not finished, it cannot take the steps, or
            none is left beside `bicubic`.
    """
    found = []
    for run in runs:
        if run == BICUBIC:
            continue
        path, steps = split_steps(run)
        with naming(run):
            judged = replace(find_judged(path), path=path)
            for each in _steps_of(steps):
                model = with_steps(judged.model, each, f"@{each}")
                found.append(Asked(replace(judged, model=model), _place(path)))
    if not found:
        raise ConfigError(
            f"{option_text('runs')} must name a model besides {BICUBIC}: the model determines "
            "the task and the images."
        )
    return found, BICUBIC in runs


def slot_of(name: str, place: str = "", steps: int = 0) -> str:
    """Return the name of a row's folder: the same for one model, place and number of steps."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "model"
    # Two models of one name lie in two places.
    digest = hashlib.sha256(place.encode()).hexdigest()[:8] if place else ""
    return "-".join(filter(None, [slug, str(steps or ""), digest]))


@contextmanager
def naming(path: str) -> Iterator[None]:
    """Put the name of a model before an error that does not hold it.

    Raises:
        PairgenError: What was raised inside, of the same class.
    """
    try:
        yield
    except PairgenError as error:
        if path in str(error):
            raise
        raise type(error)(f"{path}: {error}") from None


def _steps_of(steps: Sequence[str]) -> list[int]:
    """Return numbers of steps; 0 for a model's own."""
    found = [Integer(1).read("steps", each) for each in steps] or [0]
    if len(set(found)) < len(found):
        raise ConfigError(f"{option_text('steps')} are given twice: {', '.join(steps)}.")
    return found


def _place(path: str) -> str:
    """Return the absolute path of a model on this machine, or else its name.

    A link is not followed: it is how a user names a run.
    """
    local = Path(path).expanduser()
    return os.path.normpath(local.absolute()) if local.exists() else path
