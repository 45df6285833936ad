"""The cache of remote shards: whole files, never more than its bound, shared by processes."""

import fcntl
import hashlib
import multiprocessing
import threading
import time
from pathlib import Path

import fsspec
import pytest

from pairgen.errors import ConfigError
from pairgen.shards.loading.cache import ShardCache
from pairgen.shards.storage import spool
from pairgen.shards.storage.remote_store import RemoteStore
from pairgen.shards.storage.store import Store, open_store

SIZE = 1000


def content(number: int) -> bytes:
    return bytes([number]) * SIZE


def sha256(number: int) -> str:
    return hashlib.sha256(content(number)).hexdigest()


def read(cache: ShardCache, store: Store, number: int) -> bytes:
    with cache.open(store, f"{number}.tar", SIZE, sha256(number)) as file:
        return file.read()


def kept(folder: Path) -> set[int]:
    names = {f"{sha256(number)}.tar": number for number in range(20)}
    return {names[path.name] for path in folder.glob("*.tar")}


@pytest.fixture
def store(tmp_path: Path) -> RemoteStore:
    url = f"memory://{tmp_path.name}"
    fs = fsspec.filesystem("memory")
    for number in range(20):
        fs.pipe_file(f"/{tmp_path.name}/{number}.tar", content(number))
    found = open_store(url)
    assert isinstance(found, RemoteStore)
    return found


def test_a_shard_is_fetched_once(store: RemoteStore, tmp_path: Path) -> None:
    cache = ShardCache(tmp_path / "cache", 5 * SIZE)
    assert read(cache, store, 3) == content(3)
    store.remove("3.tar")
    assert read(cache, store, 3) == content(3)
    assert read(ShardCache(tmp_path / "cache", 5 * SIZE), store, 3) == content(3)


def test_what_was_opened_longest_ago_goes_first(store: RemoteStore, tmp_path: Path) -> None:
    cache = ShardCache(tmp_path / "cache", 3 * SIZE + 1)
    for number in (0, 1, 2, 0, 3):
        read(cache, store, number)
        time.sleep(0.01)
    assert kept(tmp_path / "cache") == {0, 2, 3}


def test_a_file_that_goes_stays_readable_for_its_reader(store: RemoteStore, tmp_path: Path) -> None:
    cache = ShardCache(tmp_path / "cache", SIZE)
    with cache.open(store, "0.tar", SIZE, sha256(0)) as file:
        read(cache, store, 1)
        assert kept(tmp_path / "cache") == {1}
        assert file.read() == content(0)


def test_foreign_files_are_neither_counted_nor_removed(store: RemoteStore, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / "thesis.tar").write_bytes(bytes(50 * SIZE))
    cache = ShardCache(folder, SIZE)
    read(cache, store, 0)
    read(cache, store, 1)
    assert (folder / "thesis.tar").stat().st_size == 50 * SIZE


def test_a_failed_download_leaves_nothing(store: RemoteStore, tmp_path: Path) -> None:
    cache = ShardCache(tmp_path / "cache", SIZE)
    with pytest.raises(FileNotFoundError):
        cache.open(store, "none.tar", SIZE, "0" * 64)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["lock"]


def test_a_shard_larger_than_the_cache_is_refused(store: RemoteStore, tmp_path: Path) -> None:
    cache = ShardCache(tmp_path / "cache", SIZE - 1)
    with pytest.raises(ConfigError, match="1,000 bytes does not fit into a cache of 999 bytes"):
        read(cache, store, 0)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"cache folder .*file/cache.* cannot be used"):
        ShardCache(tmp_path / "file" / "cache", SIZE)


def test_a_discarded_shard_is_fetched_again(store: RemoteStore, tmp_path: Path) -> None:
    cache = ShardCache(tmp_path / "cache", SIZE)
    read(cache, store, 0)
    cache.discard(sha256(0))
    assert kept(tmp_path / "cache") == set()
    assert read(cache, store, 0) == content(0)


def test_room_held_by_a_living_process_is_waited_for(store: RemoteStore, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    cache = ShardCache(folder, 2 * SIZE)
    download = spool.new_file(folder, f"{2 * SIZE}.part")
    threading.Timer(0.2, download.unlink).start()
    started = time.monotonic()
    assert read(cache, store, 0) == content(0)
    assert time.monotonic() - started > 0.1
    spool.let_go(download)


def test_what_a_dead_process_left_is_removed(store: RemoteStore, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    cache = ShardCache(folder, 2 * SIZE)
    download = (folder, f"{2 * SIZE}.part")
    dead = multiprocessing.get_context("spawn").Process(target=spool.new_file, args=download)
    dead.start()
    dead.join()
    assert len(list(folder.glob("*.part"))) == 1
    assert read(cache, store, 0) == content(0)
    assert not list(folder.glob("*.part"))


def read_all(source: str, folder: str, order: list[int], failures: "multiprocessing.Queue") -> None:
    """Read shards from a folder through the cache; runs in a process of its own."""
    store = open_store(f"file://{source}")
    cache = ShardCache(Path(folder), 3 * SIZE)
    for number in order:
        found = read(cache, store, number)
        with open(Path(folder) / "lock", "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            sizes = [path.stat().st_size for path in Path(folder).glob("*.tar")]
            waiting = len(list(Path(folder).glob("*.part")))
        total = sum(sizes) + waiting * SIZE
        if found != content(number) or total > 3 * SIZE:
            failures.put((number, total))


def test_processes_and_threads_share_a_folder(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(8):
        (source / f"{number}.tar").write_bytes(content(number))
    context = multiprocessing.get_context("spawn")
    failures = context.Queue()
    cache = str(tmp_path / "cache")
    orders = [
        [(start + step * stride) % 8 for step in range(40)]
        for start, stride in ((0, 1), (3, 3), (5, 7))
    ]
    workers = [
        context.Process(target=read_all, args=(str(source), cache, order, failures))
        for order in orders
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert failures.empty()
    assert len(kept(tmp_path / "cache")) <= 3
