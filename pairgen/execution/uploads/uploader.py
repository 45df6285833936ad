"""The upload of a finished shard, in a thread, while its worker makes the next one."""

import atexit
from concurrent.futures import Future, wait
from functools import partial
from threading import Thread

from pairgen.execution.uploads.spooled_shard import SpooledShard
from pairgen.receipts import Receipt
from pairgen.shards.format.publish import ShardContestedError
from pairgen.shards.storage.store import Store


class Uploader:
    """Uploads shards one at a time, so that the local disk holds one beside that in work.

    Args:
        store: The dataset folder.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._last: Future[Receipt] | None = None

    def begin(self, shard: SpooledShard) -> "Future[Receipt]":
        """Wait for the end of the upload before, and begin this one.

        Returns:
            The receipt of the published shard, once it stands; or the error of `publish`.

        Raises:
            Exception: The upload before has failed, for which the store would refuse this one too.
        """
        try:
            self._end_last()
        except BaseException:
            self._store.drop(shard.path)
            raise
        self._last = Future()
        # A daemon: who presses Ctrl-C twice does not want to wait for it.
        Thread(target=self._publish, args=(shard, self._last), daemon=True).start()
        return self._last

    def _end_last(self) -> None:
        if self._last is None:
            return
        wait([self._last])
        error, self._last = self._last.exception(), None
        # What another worker contested says nothing about the store.
        if error is not None and not isinstance(error, ShardContestedError):
            raise error

    def _publish(self, shard: SpooledShard, future: "Future[Receipt]") -> None:
        drop = partial(self._store.drop, shard.path)
        atexit.register(drop)
        try:
            receipt = shard.publish(self._store)
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(receipt)
        finally:
            atexit.unregister(drop)
