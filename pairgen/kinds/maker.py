"""What makes the samples of a plan, whatever kind of set it is."""

import importlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol

from pairgen.shards.format.store import Store
from pairgen.types import FailedSlot, Plan, Sample, ShardTask


class ShardMaker(Protocol):
    """Makes the samples of shards; what it loads stays loaded from task to task.

    Attributes:
        device: Name of what it computes on.
        modules: Whose versions can change bits.
        index_columns: A value of every column of the index that a sample may lack.
    """

    device: str
    modules: Sequence[str]
    index_columns: Mapping[str, Any]

    def make(self, task: ShardTask) -> Iterator[list[Sample | FailedSlot]]:
        """Yield the results of a shard in order, in lists of any length."""


class Maker(ShardMaker, Protocol):
    """Makes the samples of one kind of dataset."""

    def encode(self, task: ShardTask) -> None:
        """Encode the prompts of a task and drop what comes out: to see how long it takes.

        `make` does it once a shard. Nothing is done where nothing is encoded.
        """

    def make_again(
        self, indices: Collection[int], task: ShardTask
    ) -> Iterator[Sample | FailedSlot]:
        """Yield the results of some slots of a shard, in order and to the bit as `make` does."""


# Kind of a plan to the module of its maker: `build(plan, store)`, and `check(plan)`, which loads no
# weights. Loaded when needed.
MAKERS = {"ode": "pairgen.kinds.ode.maker", "degrade": "pairgen.kinds.degrade.maker"}


def check_makeable(plan: Plan) -> None:
    """Refuse a plan whose model or code is not here, before anything is done for it.

    Raises:
        ConfigError: What makes the samples cannot be found, or is not that of the plan.
    """
    importlib.import_module(MAKERS[plan.kind]).check(plan)


def open_maker(plan: Plan, store: Store) -> Maker:
    """Load what makes the samples of a plan."""
    maker: Maker = importlib.import_module(MAKERS[plan.kind]).build(plan, store)
    return maker
