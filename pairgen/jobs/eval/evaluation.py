"""What an evaluation of either kind is asked, and what it finds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

import pairgen
from pairgen import plugins
from pairgen.evaluation.judge import JUDGE_VERSION
from pairgen.jobs.eval.options import EvalConfig
from pairgen.judging.judged import Judged
from pairgen.kinds.machine import device_name, versions
from pairgen.kinds.ode.maker import MODULES
from pairgen.pages.judged import Errors


@dataclass(frozen=True)
class Asked:
    """What is asked.

    Attributes:
        config: The options.
        given: Names of the options that the user gave.
        judged: The model to evaluate.
    """

    config: EvalConfig
    given: frozenset[str]
    judged: Judged


@dataclass(frozen=True)
class Band:
    """Images that are shown together: a column of the grid, a band of the page.

    Attributes:
        name: What they are.
        pictures: [P, H, W, 3] uint8.
    """

    name: str
    pictures: np.ndarray


@dataclass(frozen=True)
class Cases:
    """Pairs that are shown side by side, a line each.

    Attributes:
        title: What is special about them.
        names: What the K images of a line are.
        captions: What each of the C lines is.
        pictures: [C, K, H, W, 3] uint8.
    """

    title: str
    names: tuple[str, ...]
    captions: tuple[str, ...]
    pictures: np.ndarray


@dataclass(frozen=True)
class Evaluation:
    """What was found.

    Attributes:
        figures: Content of eval.json.
        bands: Images to show.
        captions: Captions of the P images of each band.
        cases: Pairs to show side by side.
        errors: How far each row is from its reference, pair by pair; None if nothing tells it.
        places: Which of the pairs the P images of a band are of; empty if that is not known.
    """

    figures: dict[str, Any]
    bands: tuple[Band, ...]
    captions: tuple[str, ...]
    cases: tuple[Cases, ...] = ()
    errors: Errors | None = None
    places: tuple[int, ...] = ()


def common_facts(
    asked: Asked, data: Mapping[str, Any], batch_size: int, device: torch.device
) -> dict[str, Any]:
    """Return what was evaluated, by what, and where; `data` are the facts of the pairs."""
    judged = asked.judged
    model, record = judged.model, judged.record
    described = plugins.call(
        "teachers", model.teacher, "describe", location=model.location, **model.options
    )
    return {
        "pairgen": pairgen.__version__,
        "model": {
            "path": judged.path,
            "name": model.name,
            "kind": judged.kind,
            "identity": dict(described.identity),
            "method": record.method if record else None,
            "trained_on": [each.fingerprint for each in record.all_sets] if record else None,
        },
        "data": dict(data),
        "judge_version": JUDGE_VERSION,
        "batch_size": batch_size,
        "cpu_threads": torch.get_num_threads(),
        "device": device_name(device),
        "versions": versions(MODULES),
    }
