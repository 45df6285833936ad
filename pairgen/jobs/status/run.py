"""`pairgen status`: read the receipts, once or again and again. Changes nothing."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairgen.execution.history.done import Receipts
from pairgen.jobs.status.facts import status_data, status_rows
from pairgen.jobs.status.options import StatusConfig
from pairgen.resolution import sources_of
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.format.subsets import has_subsets, open_sets, read_subsets
from pairgen.shards.storage.store import open_store
from pairgen.shown import Shown, ShownTable


@dataclass(frozen=True, repr=False)
class Status(Shown):
    """How far a dataset is.

    Attributes:
        data: What `status_data` returns.
    """

    data: dict[str, Any]

    def shown(self) -> ShownTable:
        """Return the lines that `pairgen status` prints first."""
        return ShownTable(f"Status of {self.data['folder']}", status_rows(self.data))

    @property
    def complete(self) -> bool:
        """Whether every shard is done."""
        return bool(self.data["complete"])


def run_status(folder: str | Path, **given: Any) -> Status:
    """Return how far a dataset is.

    Raises:
        ConfigError: The folder holds no dataset, or an option is wrong.
        OSError: The folder cannot be read.
    """
    return next(watch_status(folder, 0.0, **given))


def watch_status(folder: str | Path, seconds: float, **given: Any) -> Iterator[Status]:
    """Yield how far a dataset is, every few seconds until it is complete.

    Each receipt is read once; the plan each time, as the dataset may grow.

    Raises:
        ConfigError: The folder holds no dataset, or an option is wrong.
        OSError: The folder cannot be read.
    """
    options = sources_of(StatusConfig, given).resolved().options
    store = open_store(folder)
    known: dict[tuple[str, int], Receipts] = {}
    while True:
        sets = open_sets(folder)
        plans = [read_plan(each) for each in sets]
        found = []
        for each, plan in zip(sets, plans, strict=True):
            # A short last shard is made again when the set has grown.
            receipts = known.setdefault((each.url, plan.num_samples), Receipts())
            receipts.read_new(each, plan)
            found.append(receipts)
        whole = read_subsets(store).plan if has_subsets(store) else plans[0]
        price = options.price_per_gpu_hour
        status = Status(status_data(store.url, whole, plans, found, time.time(), price))
        yield status
        if status.complete:
            return
        time.sleep(seconds)
