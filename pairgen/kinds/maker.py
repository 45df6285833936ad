"""The interface that makes a plan's samples, for every kind of dataset."""

import importlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol

from pairgen.receipts import FailedSlot
from pairgen.shards.storage.store import Store
from pairgen.types import Plan, Sample, ShardTask


class ShardMaker(Protocol):
    """Makes the samples of shards; loaded models are kept from task to task.

    Attributes:
        device: Name of the device that it computes on.
        modules: Names of the modules whose versions can change bits.
        index_columns: An example value for every column of the index that a sample may lack.
    """

    device: str
    modules: Sequence[str]
    index_columns: Mapping[str, Any]

    def make(self, task: ShardTask) -> Iterator[list[Sample | FailedSlot]]:
        """Yield the results of a shard in order, in lists of any length."""


class Maker(ShardMaker, Protocol):
    """Makes the samples of one kind of dataset."""

    def prepare(self, task: ShardTask) -> None:
        """Do what `make` does once per shard, and discard the result, to measure how long it takes.

        It encodes the prompts or reads the parent's shard; some kinds have nothing to prepare.
        """

    def make_again(
        self, indices: Collection[int], task: ShardTask
    ) -> Iterator[Sample | FailedSlot]:
        """Yield the results of some slots of a shard, in order and bit-identical to `make`."""


# Maps the `maker_name` of a plan to the module of its maker, which has `build(plan, store)` and
# `check(plan)`; the latter loads no weights. Imported when needed.
MAKERS = {
    "ode": "pairgen.kinds.ode.maker",
    "degrade": "pairgen.kinds.degrade.maker",
    "collect": "pairgen.kinds.collect.maker",
    "overlay": "pairgen.kinds.overlay.maker",
}


def maker_name(plan: Plan) -> str:
    """Return the name in `MAKERS` of what makes a plan's samples.

    It is the plan's kind, except that HR and LR may be the overlay of a set whose latents they are
    decoded from.
    """
    degrades_parent = plan.kind == "overlay" and plan.recipe.get("maker") == "degrade"
    return "degrade" if degrades_parent else plan.kind


def check_makeable(plan: Plan) -> None:
    """Check, before any work, that a plan's model and code are available.

    Raises:
        ConfigError: The model or code cannot be found, or does not match the plan.
    """
    importlib.import_module(MAKERS[maker_name(plan)]).check(plan)


def open_maker(plan: Plan, store: Store) -> Maker:
    """Load the maker of a plan's samples."""
    maker: Maker = importlib.import_module(MAKERS[maker_name(plan)]).build(plan, store)
    return maker
