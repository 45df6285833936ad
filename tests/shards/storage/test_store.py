"""The store: a file is there whole or not at all, on a disk or behind fsspec."""

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from pairgen.shards.storage.local_store import LocalStore
from pairgen.shards.storage.remote_store import RemoteStore
from pairgen.shards.storage.store import Store, open_store


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "local":
        yield open_store(tmp_path / "set")
        return
    yield open_store("memory://tests/set")
    fsspec.filesystem("memory").store.clear()


def test_bytes_come_back(store: Store) -> None:
    store.put_bytes("__meta__/plan.yaml", b"one")
    store.put_bytes("__meta__/plan.yaml", b"three")
    assert store.exists("__meta__/plan.yaml")
    assert store.read_bytes("__meta__/plan.yaml") == b"three"
    assert store.size("__meta__/plan.yaml") == 5


def test_a_spooled_file_is_moved_to_its_name(store: Store) -> None:
    spooled = store.spool("00000.tar")
    spooled.write_bytes(b"shard")
    assert store.names("train") == []
    store.put_file(spooled, "train/00000.tar")
    assert not spooled.exists()
    assert store.names("train") == ["00000.tar"]
    with store.local("train/00000.tar") as path:
        assert path.read_bytes() == b"shard"


def test_names_are_sorted_and_a_missing_folder_has_none(store: Store) -> None:
    for name in ("b", "a", "c"):
        store.put_bytes(f"train/{name}", b"x")
    assert store.names("train") == ["a", "b", "c"]
    assert store.names("nowhere") == []


def test_sizes_are_of_the_files_of_a_folder(store: Store) -> None:
    for name, num_bytes in (("a.tar", 3), ("b.tar", 0), ("deeper/c.tar", 5)):
        store.put_bytes(f"train/{name}", bytes(num_bytes))
    assert store.sizes("train") == {"a.tar": 3, "b.tar": 0}
    assert store.sizes("nothing") == {}


def test_what_is_no_file_takes_no_other_with_it(tmp_path: Path) -> None:
    """A link to itself and a folder under the name of a file are files that are missing."""
    store = LocalStore(tmp_path)
    for name in ("a", "b", "c", "d"):
        store.put_bytes(f"train/{name}", b"x")
    for name in ("b", "c"):
        (tmp_path / "train" / name).unlink()
    (tmp_path / "train/b").symlink_to(tmp_path / "train/b")
    (tmp_path / "train/c").mkdir()
    assert store.sizes("train") == {"a": 1, "d": 1}
    for name in ("b", "c"):
        assert not store.exists(f"train/{name}")
        with pytest.raises(FileNotFoundError):
            store.read_bytes(f"train/{name}")


def test_a_folder_that_cannot_be_looked_into_is_not_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)
    store.put_bytes("train/a", b"x")

    def stale(*_: object, **__: object) -> None:
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(os, "listdir", stale)
    for look in (store.names, store.sizes):
        with pytest.raises(OSError, match="Stale file handle"):
            look("train")
    monkeypatch.setattr(Path, "stat", stale)
    with pytest.raises(OSError, match="Stale file handle"):
        store.exists("train/a")


def test_a_file_is_fetched_over_what_stands_there(store: Store, tmp_path: Path) -> None:
    store.put_bytes("train/a.tar", b"shard")
    target = tmp_path / "target"
    target.write_bytes(bytes(100))
    store.fetch("train/a.tar", target)
    assert target.read_bytes() == b"shard"


def test_removing_what_is_not_there_is_no_error(store: Store) -> None:
    store.put_bytes("train/a", b"x")
    store.remove("train/a")
    store.remove("train/a")
    assert not store.exists("train/a")


def test_reading_what_is_not_there_is_file_not_found(store: Store) -> None:
    with pytest.raises(FileNotFoundError):
        store.read_bytes("__meta__/plan.yaml")


def test_a_dropped_spool_is_gone(store: Store) -> None:
    spooled = store.spool("00000.tar")
    spooled.write_bytes(b"shard")
    store.drop(spooled)
    assert not spooled.exists()
    store.drop(spooled)


def test_two_spools_of_one_name_are_two_files(store: Store) -> None:
    first, second = store.spool("00000.tar"), store.spool("00000.tar")
    assert first != second
    for spooled in (first, second):
        spooled.write_bytes(b"x")
        store.drop(spooled)


def test_a_failed_write_leaves_nothing_under_the_final_name(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    with pytest.raises(FileNotFoundError):
        store.put_file(tmp_path / "never-written", "train/00000.tar")
    assert store.names("train") == []


def test_a_failed_write_keeps_what_stood(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put_bytes("train/00000.tar", b"good")
    with pytest.raises(FileNotFoundError):
        store.put_file(tmp_path / "never-written", "train/00000.tar")
    assert store.read_bytes("train/00000.tar") == b"good"


def test_a_folder_in_the_way_is_an_error_and_stays(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    (tmp_path / "train/00000.tar/inside").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        store.put_bytes("train/00000.tar", b"x")
    assert (tmp_path / "train/00000.tar/inside").is_dir()


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_files_have_the_mode_that_the_umask_says(tmp_path: Path, umask: int, mode: int) -> None:
    store = LocalStore(tmp_path)
    before = os.umask(umask)
    try:
        store.put_bytes("train/00000.tar", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "train/00000.tar").stat().st_mode) == mode


def test_a_local_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store("some/set")
    assert store.url == str(tmp_path / "some/set")
    assert open_store(f"file://{tmp_path}/x").url == str(tmp_path / "x")
    assert isinstance(open_store("memory://x"), RemoteStore)


def test_an_empty_folder_is_pruned_and_a_used_one_kept(tmp_path: Path) -> None:
    empty, used = LocalStore(tmp_path / "empty"), LocalStore(tmp_path / "used")
    empty.drop(empty.spool("prompts.arrow"))
    used.put_bytes("__meta__/plan.yaml", b"x")
    empty.prune()
    used.prune()
    assert not (tmp_path / "empty").exists()
    assert used.exists("__meta__/plan.yaml")


def test_a_file_is_created_once(store: Store) -> None:
    assert store.create_bytes("__meta__/plan.yaml", b"first")
    assert not store.create_bytes("__meta__/plan.yaml", b"second")
    assert store.read_bytes("__meta__/plan.yaml") == b"first"
    assert store.names("__meta__/tmp") == []


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_a_file_is_created_once_without_hard_links(number: int, tmp_path: Path, monkeypatch):
    def link(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", link)
    store = open_store(tmp_path)
    assert store.create_bytes("plan.yaml", b"first")
    assert not store.create_bytes("plan.yaml", b"second")
    assert store.read_bytes("plan.yaml") == b"first"
    assert store.names("__meta__/tmp") == []


@pytest.mark.slow
def test_of_many_that_create_a_file_at_once_one_does(tmp_path: Path) -> None:
    code = (
        "import sys; from pairgen.shards.storage.store import open_store; "
        "print(open_store(sys.argv[1]).create_bytes('plan.yaml', sys.argv[2].encode()))"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), str(number)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(6)
    ]
    answers = [process.communicate()[0].strip() for process in started]
    assert sorted(answers) == ["False"] * 5 + ["True"]
    assert (tmp_path / "plan.yaml").read_text() == str(answers.index("True"))
