"""What a comparison of either kind plans, and what a measured row is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

# What a row is: of the pairs themselves, of a model that was named, of the pairs' teacher.
REFERENCE, MODEL, TEACHER = "reference", "model", "teacher"

# The images of a row that are shown, and those that all its models were given.
PICTURES, GIVEN = "pictures", "given"

# Called with the number of network evaluations that were done.
Advance = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was measured.

    Attributes:
        figures: Figures by name, as in a row of eval.json.
        missing: Figures that cannot be computed, and why.
        doubtful: Figures that the judge was not made for, and why.
        scores: Figures of each pair by name, [N] each.
        features: The judge's features of the images, [N, 64].
        pictures: Images to show by what they are, [P, H, W, 3] uint8 each.
        machine: Device, threads and versions that it was measured with.
    """

    figures: Mapping[str, Any]
    missing: Mapping[str, str]
    doubtful: Mapping[str, str]
    scores: Mapping[str, NDArray[np.float64]]
    features: NDArray[np.float32]
    pictures: Mapping[str, np.ndarray]
    machine: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A row to have.

    Attributes:
        slot: Name of its folder.
        role: What it is.
        name: Name of its row; of a model, as it was given.
        steps: Number of steps; 0 for none.
        identity: All that its figures depend on, beside what all rows have in common.
        facts: What is told of it.
        evaluations: Network evaluations per image.
        measure: Measures it.
    """

    slot: str
    role: str
    name: str
    steps: int = 0
    identity: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    evaluations: int = 0
    measure: Callable[[Advance], Found]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A comparison, checked and before anything is loaded.

    Attributes:
        bench: What all rows of a table must have in common, as plain data.
        shared: What is told of all rows, as in eval.json.
        rows: The rows to have, in their order.
        num_pairs: Number of pairs.
        cpu_threads: Number of threads.
    """

    bench: Mapping[str, Any]
    shared: Mapping[str, Any]
    rows: tuple[Planned, ...]
    num_pairs: int
    cpu_threads: int
