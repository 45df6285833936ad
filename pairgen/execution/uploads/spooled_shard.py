"""A shard between its making and its publishing."""

from dataclasses import dataclass, replace
from pathlib import Path

from pairgen.receipts import Receipt
from pairgen.shards.format.publish import publish
from pairgen.shards.storage.store import Store
from pairgen.types import ShardTask


@dataclass(frozen=True)
class SpooledShard:
    """A finished shard that is not published yet.

    Attributes:
        task: The shard's task.
        path: The tar, on the local disk.
        index: The shard's Parquet file.
        receipt: Receipt of this tar and index.
    """

    task: ShardTask
    path: Path
    index: bytes
    receipt: Receipt

    def publish(self, store: Store) -> Receipt:
        """Publish the shard as `publish` does; the local tar is gone afterwards in any case."""
        try:
            published = publish(store, self.task, self.path, self.index, self.receipt)
        except BaseException:
            store.drop(self.path)
            raise
        # It is the one that was stored, without what is for the plan.
        is_mine = published.made == self.receipt.made
        return replace(published, code=self.receipt.code) if is_mine else published
