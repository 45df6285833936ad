"""A maker of overlays: the mean of each latent of the parent, where it is finite."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pairgen.receipts import FailedSlot
from pairgen.shards.format import layout
from pairgen.shards.format.reader import map_file, read_samples
from pairgen.shards.storage.store import Store, open_store
from pairgen.types import Plan, Sample, ShardTask

MEMBERS = {
    "json": {"keys": ["index", "mean", "seed"]},
    "mean.npy": {"dtype": "float32", "shape": [1]},
}


def check(plan: Plan) -> None:
    """There is nothing to find."""


def build(plan: Plan, store: Store) -> "MeanMaker":
    return MeanMaker(plan)


class MeanMaker:
    device = "cpu"
    modules: Sequence[str] = ()
    index_columns: Mapping[str, Any] = {}

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._parent = open_store(plan.source["parent"])

    def make(self, task: ShardTask) -> Iterator[list[Sample | FailedSlot]]:
        latents: dict[int, np.ndarray] = {}
        path = layout.shard_path(task.shard_index)
        if self._parent.exists(path):
            with self._parent.local(path) as local, map_file(local) as view:
                for stored in read_samples(view):
                    latents[int(stored.key)] = np.array(stored.decode("latent.npy"))
                    stored.members.clear()
        yield [self._result(index, latents.get(index)) for index in range(task.start, task.stop)]

    def _result(self, index: int, latent: np.ndarray | None) -> Sample | FailedSlot:
        if latent is None:
            return FailedSlot(index=index, reason="the parent has no such sample", skipped=True)
        mean = latent.astype(np.float32).mean(keepdims=True).reshape(1)
        facts = {"index": index, "mean": float(mean[0]), "seed": self._plan.seed}
        return Sample(index=index, fields={"mean.npy": mean}, facts=facts)
