"""How a run that makes a dataset ended."""

from dataclasses import dataclass

from pairgen.kinds.run_options import MakingOptions
from pairgen.receipts import Manifest
from pairgen.shard_range import ShardRange
from pairgen.shards.storage.store import Store


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    Attributes:
        manifest: The manifest after the run.
        store_url: URL of the dataset folder.
        stopped: Whether the user asked for a stop, even if the run was about to end.
        too_many_rejected: Whether refused inputs and failed slots exceed `max_rejected`.
        shard_range: The part of the shards that the run was to make.
        num_tried: Number of samples and of refused inputs.
        max_rejected: The share that may be.
        num_left: Number of its shards that are missing.
    """

    manifest: Manifest
    store_url: str
    stopped: bool
    too_many_rejected: bool
    shard_range: ShardRange
    num_left: int
    num_tried: int = 0
    max_rejected: float = 0.0

    @property
    def interrupted(self) -> bool:
        """Whether the user stopped the run before its end; one that was about to end has ended."""
        return self.stopped and self.num_left > 0


def result_of(
    store: Store,
    manifest: Manifest,
    stopped: bool,
    options: MakingOptions,
    shard_range: ShardRange,
) -> RunResult:
    """Return how a run ended.

    Args:
        store: The dataset folder.
        manifest: The manifest after the run.
        stopped: Whether the user asked for a stop.
        options: The options of the run.
        shard_range: The part of the shards that it was to make.
    """
    plan = manifest.plan
    num_refused = plan.source["num_rejected"] + manifest.num_failed
    num_tried = plan.source["num_rejected"] + plan.num_samples
    return RunResult(
        manifest=manifest,
        store_url=store.url,
        stopped=stopped,
        too_many_rejected=num_refused > options.max_rejected * num_tried,
        shard_range=shard_range,
        num_left=count_left(manifest, shard_range),
        num_tried=num_tried,
        max_rejected=options.max_rejected,
    )


def count_left(manifest: Manifest, shard_range: ShardRange) -> int:
    """Return the number of shards of a part that are missing."""
    shards = shard_range.shards(manifest.plan.num_shards)
    return sum(task.shard_index in shards for task in manifest.missing)
