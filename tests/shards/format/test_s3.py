"""Datasets behind the S3 protocol: a real server on this machine, asked through s3fs."""

import gc
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pairgen
from pairgen.errors import PlanMismatchError, StoreError
from pairgen.shards.format import layout, retry
from pairgen.shards.format.manifest import read_receipt, standing_receipts
from pairgen.shards.format.remote_store import RemoteStore
from pairgen.shards.format.store import open_store
from tests.runs import QUICK_ODE

# Importing boto's own server takes seconds, and its modules warn.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

ODE: dict[str, Any] = {**QUICK_ODE, "num_samples": 12}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()
    gc.collect()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty bucket; what every process needs to reach it is in the environment."""
    import s3fs
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends

    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    files = s3fs.S3FileSystem()
    files.mkdir("pairs")
    yield "s3://pairs"
    s3_backends[DEFAULT_ACCOUNT_ID]["aws"].reset()
    s3fs.S3FileSystem.clear_instance_cache()
    # What the client leaves open is told when it is collected: here, not in a later test.
    gc.collect()


def calls_of(store: RemoteStore, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows by the name of each request to S3."""
    made: list[str] = []
    ask = type(store.fs)._call_s3

    async def counted(self: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        made.append(method)
        return await ask(self, method, *args, **kwargs)

    monkeypatch.setattr(type(store.fs), "_call_s3", counted)
    return made


def test_a_set_in_a_bucket_has_the_bytes_of_one_on_disk(bucket: str, tmp_path: Path) -> None:
    assert pairgen.ode(**ODE, out=tmp_path).complete
    assert pairgen.ode(**ODE, out=f"{bucket}/set").complete
    store = open_store(f"{bucket}/set")
    for shard in range(3):
        path = layout.shard_path(shard)
        content = store.read_bytes(path)
        assert content == (tmp_path / path).read_bytes()
        assert store.sha256(path) == hashlib.sha256(content).hexdigest()
    assert pairgen.verify(store.url).clean
    assert pairgen.status(store.url).complete


def test_parts_and_annotations_work_in_a_bucket(bucket: str) -> None:
    options = {"images": "package:painted", "num_images": 4, "size": 64, "samples_per_shard": 2}
    for part in ("2/2", "1/2"):
        pairgen.collect(**options, executor="serial", out=f"{bucket}/set", shard_range=part)
    (made,) = pairgen.annotate(f"{bucket}/set", add="canny", executor="serial")
    assert made.complete and pairgen.verify(f"{bucket}/set").clean


def test_a_file_is_created_once(bucket: str) -> None:
    store = open_store(f"{bucket}/set")
    assert store.create_bytes("plan.yaml", b"first")
    assert not store.create_bytes("plan.yaml", b"second")
    assert store.read_bytes("plan.yaml") == b"first"


def test_a_large_file_goes_up_in_parts_and_keeps_its_hash(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(f"{bucket}/set")
    store.fs.default_block_size = 5 * 2**20
    content = bytes(range(256)) * (12 * 2**12)
    spooled = store.spool("large.tar")
    spooled.write_bytes(content)
    put = store.fs.put_file
    # Parts of 5 MiB, the smallest that S3 takes.
    monkeypatch.setattr(store.fs, "put_file", lambda *a, **k: put(*a, chunksize=5 * 2**20, **k))
    made = calls_of(store, monkeypatch)
    digest = hashlib.sha256(content).hexdigest()
    store.put_file(spooled, "large.tar", digest)
    assert made.count("upload_part") == 3
    made.clear()
    assert store.sha256("large.tar") == digest and made == ["head_object"]
    assert store.read_bytes("large.tar") == content


def test_without_a_kept_hash_the_content_is_read(bucket: str) -> None:
    store = open_store(f"{bucket}/set")
    store.put_bytes("train/00000.tar", b"by another program")
    assert store.sha256("train/00000.tar") == hashlib.sha256(b"by another program").hexdigest()
    with pytest.raises(FileNotFoundError):
        store.sha256("train/00001.tar")


def test_a_run_that_breaks_between_upload_and_receipt_goes_on(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "PAUSES", ())
    url = f"{bucket}/set"
    pipe = RemoteStore.put_bytes

    def broken(self: RemoteStore, path: str, data: bytes) -> None:
        if path == layout.receipt_path(1):
            raise StoreError("the connection broke")
        pipe(self, path, data)

    with monkeypatch.context() as patch:
        patch.setattr(RemoteStore, "put_bytes", broken)
        with pytest.raises(StoreError):
            pairgen.ode(**ODE, out=url)
    store = open_store(url)
    assert store.exists(layout.shard_path(1)) and read_receipt(store, 1) is None
    standing = read_receipt(store, 0)
    assert pairgen.ode(**ODE, out=url).complete
    assert read_receipt(store, 0) == standing and pairgen.verify(url).clean


def test_two_parts_that_begin_at_once_share_the_plan(bucket: str) -> None:
    url = f"{bucket}/set"
    pairgen.ode(**ODE, out=url, shard_range="1/9")
    with pytest.raises(PlanMismatchError, match="seed"):
        pairgen.ode(**{**ODE, "seed": 3}, out=url, shard_range="2/9")


def test_ten_thousand_receipts_take_ten_lists(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 1,000 names each."""
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends

    # Straight into the server: 10,000 requests would take it minutes.
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    for shard in range(10_000):
        backend.put_object("pairs", f"set/{layout.receipt_path(shard)}", b"{}")
    store = open_store(f"{bucket}/set")
    made = calls_of(store, monkeypatch)
    assert standing_receipts(store) == list(range(10_000))
    assert 0 < len(made) <= 12


def test_wrong_credentials_end_with_what_to_do(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "PAUSES_IF_DENIED", (0.0,))
    store = open_store(f"{bucket}/set")

    async def denied(*_: Any, **__: Any) -> None:
        raise PermissionError("The provided token has expired.")

    with monkeypatch.context() as patch:
        patch.setattr(type(store.fs), "_call_s3", denied)
        with pytest.raises(StoreError, match=r"token has expired.*renew the credentials and run"):
            pairgen.ode(**ODE, out=f"{bucket}/set")
