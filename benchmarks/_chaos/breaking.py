"""Where a dataset lies while things break: a full disk, and a store that turns calls away."""

import logging
import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.s3_server import ACCESS, broken

# What stores answer when they are busy, and 0: the connection is closed without a word.
ANSWERS = ((503, "SlowDown"), (500, "InternalError"), (429, "TooManyRequests"), (0, ""))


@contextmanager
def small_disk(out: Path, whole: Path, share: float) -> Iterator[Callable[[], None]]:
    """Mount a tmpfs with room for a share of a dataset's bytes; yield what makes it grow.

    Raises:
        subprocess.CalledProcessError: This user may not mount.
    """
    files = [path for path in whole.rglob("*") if path.is_file()]
    pages = sum(-(-path.stat().st_size // 4096) for path in files)
    out.mkdir(exist_ok=True)
    size = f"size={int(pages * share) * 4096}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", out], check=True)

    def grow() -> None:
        subprocess.run(["mount", "-o", "remount,size=1g", out], check=True)

    try:
        yield grow
    finally:
        subprocess.run(["umount", "--lazy", out], check=True)


class FailingStore:
    """Which requests a store turns away: a share of them, and for a while all.

    Attributes:
        share: Share of requests that fail, from 0 to 1.
        num_requests, num_failed: What came, and how many of them failed.
    """

    def __init__(self, share: float, seed: int = 0) -> None:
        self.share, self.num_requests, self.num_failed = share, 0, 0
        self._until = 0.0
        self._drawn = random.Random(seed)

    def fail_all(self, seconds: float) -> None:
        """Turn every request away for some time."""
        self._until = time.monotonic() + seconds

    def __call__(self, *_: str) -> tuple[int, str] | None:
        """Return the answer to a request that fails."""
        self.num_requests += 1
        if time.monotonic() >= self._until and self._drawn.random() >= self.share:
            return None
        self.num_failed += 1
        return self._drawn.choice(ANSWERS)


@contextmanager
def s3_store(fault: FailingStore) -> Iterator[str]:
    """Run an S3 server behind a proxy that fails; yield the server's own address.

    The environment leads to the proxy meanwhile; the bucket is `pairs`.
    """
    import s3fs
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends
    from moto.server import ThreadedMotoServer

    # It would print a line for every request.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    before = {name: os.environ.get(name) for name in (*ACCESS, "AWS_ENDPOINT_URL")}
    os.environ |= ACCESS
    try:
        with broken(address, fault) as url:
            s3fs.S3FileSystem(endpoint_url=address).mkdir("pairs")
            s3fs.S3FileSystem.clear_instance_cache()
            os.environ["AWS_ENDPOINT_URL"] = url
            yield address
    finally:
        server.stop()
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].reset()
        s3fs.S3FileSystem.clear_instance_cache()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
