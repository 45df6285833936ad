"""A worker that restores one picture after another; it does not know where it runs."""

import hashlib
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pairgen.errors import StoreError
from pairgen.jobs.restore.decode import decode_picture
from pairgen.jobs.restore.encode import encode_picture
from pairgen.jobs.restore.folder import Receipt, write_receipt
from pairgen.jobs.restore.restorer import Restorer
from pairgen.kinds.decode import NotFinitePictureError
from pairgen.kinds.machine import device_name, versions
from pairgen.process_state import cpu_threads
from pairgen.shards.storage.store import open_store
from pairgen.sources.image_file import ImageFile
from pairgen.sources.photographs import UnusableImageError
from pairgen.sources.urls.addresses import known_addresses, remember
from pairgen.trust import NO_TRUST, Trust, trusting
from pairgen.types import ShardTask

MODULES = ("torch", "numpy", "cv2", "PIL", "diffusers", "transformers")


@dataclass(frozen=True, kw_only=True)
class PictureTask(ShardTask):
    """A picture to restore; as a task of an executor it is a shard of one sample.

    Attributes:
        file: Where it is.
        prompt: Its prompt; None if the tagger writes it.
        name: Path of the result.
    """

    file: ImageFile
    prompt: str | None
    name: str


@dataclass(frozen=True)
class Outcome:
    """How a task ended.

    Attributes:
        image: Name of the picture.
        reason: Why it was not restored; empty if it was.
        untagged: Why the tagger had no prompt for it, or for a tile; empty if it had.
    """

    image: str
    reason: str = ""
    untagged: str = ""


@dataclass(frozen=True)
class RestoreJob:
    """What a worker needs to restore pictures: plain data, cheap to send.

    Attributes:
        options: Options of the `Restorer`.
        format: Format of the results.
        cpu_threads: Number of CPU threads.
        store_url: `Store.address` of the output folder; not shown, since it may hold secrets.
        trust: The modules a worker may import: the same as the sender's.
        addresses: Full URLs of pictures, by their recorded form; not shown either.
    """

    options: Mapping[str, Any]
    format: str
    cpu_threads: int
    store_url: str = field(repr=False)
    trust: Trust = NO_TRUST
    addresses: Mapping[str, str] = field(default_factory=known_addresses, repr=False)

    def open(self) -> "RestoreWorker":
        """Load the student."""
        return RestoreWorker(self)


class RestoreWorker:
    """A loaded student, and the folder that receives its results."""

    def __init__(self, job: RestoreJob) -> None:
        self._job = job
        remember(job.addresses)
        self._store = open_store(job.store_url)
        with cpu_threads(job.cpu_threads), trusting(job.trust):
            self._restorer = Restorer(**job.options)
        self.device = device_name(self._restorer.device)

    def run(self, task: ShardTask, on_samples: Callable[[int], None] = lambda _: None) -> Outcome:
        """Restore a picture, and write its result and receipt.

        Raises:
            OutOfDeviceMemoryError: A tile does not fit in device memory.
            OSError: The disk is full or unavailable; no partial file has a final name.
        """
        del on_samples
        assert isinstance(task, PictureTask)
        start = time.perf_counter()
        try:
            data = task.file.read()
        except StoreError:
            # It tells nothing about the picture, and may pass.
            raise
        except OSError as error:
            return Outcome(task.file.name, error.strerror or str(error))
        try:
            with cpu_threads(self._job.cpu_threads), trusting(self._job.trust):
                picture = decode_picture(data)
                restored = self._restorer.restore(picture.pixels, task.prompt)
                result = encode_picture(restored.pixels, picture.metadata, self._job.format)
        except (UnusableImageError, NotFinitePictureError) as error:
            return Outcome(task.file.name, str(error))
        height, width = restored.pixels.shape[:2]
        texts = restored.prompts.texts
        receipt = Receipt(
            image=task.file.name,
            image_sha256=hashlib.sha256(data).hexdigest(),
            prompt=texts[0] if len(texts) == 1 else texts,
            fingerprint=task.fingerprint,
            sha256=hashlib.sha256(result).hexdigest(),
            num_bytes=len(result),
            size_px=(width, height),
            made=self._made(time.perf_counter() - start),
        )
        self._store.put_bytes(task.name, result)
        write_receipt(self._store, task.name, receipt)
        return Outcome(task.file.name, untagged=restored.prompts.untagged)

    def _made(self, seconds: float) -> dict[str, Any]:
        return {
            "device": self.device,
            "host": socket.gethostname(),
            "batch_size": self._restorer.options.batch_size,
            "cpu_threads": self._job.cpu_threads,
            "seconds": round(seconds, 3),
            "versions": versions(MODULES),
        }
