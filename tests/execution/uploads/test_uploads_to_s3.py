"""Shards go up while the next ones are made: a real server, behind a proxy that lets some wait."""

import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pairgen
from pairgen import retry
from pairgen.errors import StoreError
from pairgen.shards.format import layout
from pairgen.shards.format.manifest import read_receipt, standing_receipts
from pairgen.shards.storage.store import open_store
from tests.runs import QUICK_ODE, command, kill_group, start, wait_until, worker_pids
from tests.s3_server import Faults, bucket, faults, quiet, server

pytestmark = [pytest.mark.slow, *quiet]
__all__ = ["bucket", "faults", "server"]
ODE: dict[str, Any] = {**QUICK_ODE, "num_samples": 12}
TAR, RECEIPT = r"/train/(\d{5})\.tar", r"/__meta__/shards/(\d{5})\.json"


class Spool:
    """The temporary folder, in which remote stores spool."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def shards(self) -> list[str]:
        return sorted(path.stem for path in self.folder.glob("pairgen-*/*.tar"))

    def holds(self, shard: int) -> bool:
        return f"{shard:05d}" in self.shards


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spool:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return Spool(folder)


def each_put(kind: str, act: Callable[[int], Any]) -> Callable[[str, str], Any]:
    """Do something before a file of a shard goes up; what it returns is the server's answer."""

    def fault(method: str, path: str) -> Any:
        found = re.search(kind, path) if method == "PUT" else None
        return act(int(found[1])) if found else None

    return fault


def made_here(tmp_path: Path, **options: Any) -> dict[str, bytes]:
    pairgen.ode(**{**ODE, **options}, out=tmp_path / "here")
    return {path.name: path.read_bytes() for path in (tmp_path / "here/train").iterdir()}


def in_bucket(url: str) -> dict[str, bytes]:
    store = open_store(url)
    return {name: store.read_bytes(f"{layout.TRAIN}/{name}") for name in store.names(layout.TRAIN)}


def test_a_shard_goes_up_while_the_next_is_made(
    faults: Faults, bucket: str, spool: Spool, tmp_path: Path
) -> None:
    """No tar arrives until the next shard is begun, and all ends: in turn, they would never."""
    order, most = [], 0

    def hold(shard: int) -> None:
        nonlocal most
        order.append(shard)
        if shard < 2:
            wait_until(lambda: spool.holds(shard + 1), seconds=50)
            # It is not there before the receipt of the one before.
            assert not spool.holds(shard + 2)
        most = max(most, len(spool.shards))

    faults.now = each_put(TAR, hold)
    assert pairgen.ode(**ODE, out=f"{bucket}/set").complete
    assert order == [0, 1, 2] and most == 2 and spool.shards == []
    assert in_bucket(f"{bucket}/set") == made_here(tmp_path)
    assert pairgen.verify(f"{bucket}/set").clean


def test_a_failed_upload_ends_the_run_and_drops_the_shard_in_work(
    faults: Faults,
    bucket: str,
    spool: Spool,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(retry, "PAUSES_IF_DENIED", (0.01,))

    def deny(shard: int) -> tuple[int, str] | None:
        if shard != 1:
            return None
        wait_until(lambda: spool.holds(2), seconds=50)
        return 403, "ExpiredToken"

    faults.now = each_put(TAR, deny)
    url = f"{bucket}/set"
    with pytest.raises(StoreError, match=r"train/00001.tar.*ExpiredToken.*run the same command"):
        pairgen.ode(**ODE, out=url)
    faults.now = lambda *_: None
    assert standing_receipts(open_store(url)) == [0] and list(in_bucket(url)) == ["00000.tar"]
    assert spool.shards == []
    assert pairgen.ode(**ODE, out=url).complete and pairgen.verify(url).clean
    assert in_bucket(url) == made_here(tmp_path)


def test_a_kill_between_upload_and_receipt_costs_the_shards_in_flight(
    faults: Faults, bucket: str, spool: Spool, tmp_path: Path
) -> None:
    """One that was uploaded and one that was being made; none that had its receipt."""
    held, killed = threading.Event(), threading.Event()

    def hold(shard: int) -> tuple[int, str] | None:
        if shard != 1:
            return None
        wait_until(lambda: spool.holds(2), seconds=50)
        held.set()
        killed.wait(50)
        return 500, "InternalError"

    faults.now = each_put(RECEIPT, hold)
    url, log = f"{bucket}/set", tmp_path / "log"
    options = {**ODE, "num_samples": 16, "steps": 8}
    process = start(log, "ode", **options, out=url)
    wait_until(held.is_set)
    kill_group(process)
    killed.set()
    store = open_store(url)
    assert standing_receipts(store) == [0] and store.exists(layout.shard_path(1))
    standing = read_receipt(store, 0)
    again: list[int] = []
    faults.now = each_put(TAR, again.append)
    assert pairgen.ode(**options, out=url).complete
    assert again == [1, 2, 3] and read_receipt(store, 0) == standing
    assert in_bucket(url) == made_here(tmp_path, num_samples=16, steps=8)


@pytest.mark.ray
def test_a_ray_worker_that_dies_while_it_uploads_loses_no_other_shard(
    faults: Faults, bucket: str, tmp_path: Path
) -> None:
    """It is killed while one shard goes up and the next is being made."""
    url, log = f"{bucket}/set", tmp_path / "log"
    puts: list[int] = []
    next_begun = {shard: threading.Event() for shard in range(8)}
    was_killed = threading.Event()

    def see(method: str, path: str) -> tuple[int, str] | None:
        if method == "GET" and (found := re.search(RECEIPT, path)):
            next_begun[int(found[1])].set()
        if method != "PUT" or not (found := re.search(TAR, path)):
            return None
        shard = int(found[1])
        puts.append(shard)
        if was_killed.is_set():
            return None
        # Shards would never end if each was uploaded before the next is begun.
        assert next_begun[shard + 1].wait(50)
        if shard == 3:
            os.kill(worker_pids(log)[0], signal.SIGKILL)
            was_killed.set()
        return None

    faults.now = see
    options = {**QUICK_ODE, "executor": "ray", "num_workers": 1, "gpus_per_worker": 0}
    process = start(log, "ode", **options, out=url)
    assert process.wait(timeout=200) == 0, log.read_text()
    assert was_killed.is_set() and "was lost while making shard 00004" in log.read_text()
    assert sorted(set(puts)) == list(range(8)) and all(puts.count(n) == 1 for n in (0, 1, 2, 5))
    assert puts.count(3) <= 2 and pairgen.verify(url).clean
    assert in_bucket(url) == made_here(tmp_path, num_samples=30)


@pytest.mark.parametrize(("grace", "is_finished"), [(60.0, True), (1.0, False)])
def test_sigterm_ends_an_upload_in_time_or_leaves_it(
    grace: float, is_finished: bool, faults: Faults, bucket: str, spool: Spool, tmp_path: Path
) -> None:
    held, go_on = threading.Event(), threading.Event()

    def hold(shard: int) -> None:
        if shard == 0:
            held.set()
            go_on.wait(50)

    faults.now = each_put(TAR, hold)
    # A third shard is left in any case.
    options = {**ODE, "num_samples": 60, "samples_per_shard": 20, "batch_size": 1, "steps": 100}
    log = tmp_path / "log"
    line = command("ode", **options, out=f"{bucket}/set", grace=grace)
    # A process that ends as usual, and tidies up then.
    with log.open("wb") as stream:
        process = subprocess.Popen(line, stdout=stream, stderr=stream)
    wait_until(lambda: held.is_set() and spool.holds(1))
    process.send_signal(signal.SIGTERM)
    if is_finished:
        wait_until(lambda: "Stopping within" in log.read_text())
        time.sleep(0.5)
        go_on.set()
    assert process.wait(timeout=60) == 130, log.read_text()
    go_on.set()
    said = log.read_text()
    assert ("The upload of shard 00000 is dropped." in said) == (not is_finished), said
    assert (read_receipt(open_store(f"{bucket}/set"), 0) is not None) == is_finished
    assert spool.shards == []
