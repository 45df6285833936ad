"""Datasets behind the S3 protocol: a real server on this machine, asked through s3fs."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pairgen
from pairgen import retry
from pairgen.errors import PlanMismatchError, StoreError
from pairgen.shards.format import layout
from pairgen.shards.format.manifest import (
    encode_receipt,
    fold,
    read_receipt,
    read_receipts,
    write_manifest,
)
from pairgen.shards.format.plan_file import write_plan
from pairgen.shards.storage.remote_store import RemoteStore
from pairgen.shards.storage.store import open_store
from tests.runs import QUICK_ODE, run, shas
from tests.s3_server import bucket, quiet, server
from tests.small_sets import make_plan, receipt_of

pytestmark = [pytest.mark.slow, *quiet]
__all__ = ["bucket", "server"]

ODE: dict[str, Any] = {**QUICK_ODE, "num_samples": 12}


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


def test_two_drivers_on_one_bucket_do_no_harm(bucket: str, tmp_path: Path) -> None:
    options = {**ODE, "num_samples": 40, "samples_per_shard": 2}
    with ThreadPoolExecutor() as threads:
        both = [threads.submit(run, "ode", **options, out=f"{bucket}/set") for _ in range(2)]
    for each in both:
        assert each.result().returncode == 0, each.result().stderr
    assert pairgen.verify(f"{bucket}/set").clean
    assert pairgen.ode(**options, out=tmp_path).complete
    files = open_store(f"{bucket}/set")
    for path in sorted(tmp_path.glob("train/*.tar")):
        assert files.read_bytes(f"train/{path.name}") == path.read_bytes()
    assert len(shas(tmp_path)) == 40


def test_other_libraries_read_a_set_in_a_bucket(bucket: str, tmp_path: Path) -> None:
    import datasets
    import fsspec
    import webdataset

    pairgen.ode(**ODE, out=f"{bucket}/set")
    urls = [f"{bucket}/set/train/{shard:05d}.tar" for shard in range(3)]
    # Its streaming hands s3fs an option that s3fs refuses.
    read = datasets.load_dataset(
        "webdataset", data_files=urls, split="train", cache_dir=str(tmp_path)
    )
    found = [(row["json"]["index"], np.asarray(row["latent.npy"])) for row in read]
    webdataset.gopen_schemes["s3"] = lambda url, *_: fsspec.open(url).open()
    members = webdataset.WebDataset(urls, shardshuffle=False).decode()
    also = [(sample["json"]["index"], sample["latent.npy"]) for sample in members]
    assert [index for index, _ in found] == [index for index, _ in also] == list(range(12))
    for (_, one), (_, other) in zip(found, also, strict=True):
        np.testing.assert_array_equal(one, other)


def test_two_parts_that_begin_at_once_share_the_plan(bucket: str) -> None:
    url = f"{bucket}/set"
    pairgen.ode(**ODE, out=url, shard_range="1/9")
    with pytest.raises(PlanMismatchError, match="seed"):
        pairgen.ode(**{**ODE, "seed": 3}, out=url, shard_range="2/9")


def test_ten_thousand_receipts_take_ten_lists(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 1,000 names each. Those that the manifest has as they are need no request of their own."""
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends

    # Straight into the server: 10,000 requests would take it minutes.
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    plan = make_plan(num_samples=10_000, samples_per_shard=1)
    receipts = [receipt_of(task) for task in plan.tasks()]
    for receipt in receipts:
        path = layout.receipt_path(receipt.shard_index)
        backend.put_object("pairs", f"set/{path}", encode_receipt(receipt))
    store = open_store(f"{bucket}/set")
    write_plan(store, plan)
    stale = replace(receipts[7], sha256="0" * 64)
    write_manifest(store, fold(plan, [stale, *receipts[8:]]))
    made = calls_of(store, monkeypatch)
    assert read_receipts(store) == receipts
    assert 10 <= made.count("list_objects_v2") <= 12
    # The manifest, the seven that it does not have and the one that it has otherwise.
    assert made.count("get_object") == 9


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
