"""What processes write on their own: never another's, and gone when its owner is."""

import errno
import fcntl
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pairgen.shards.check.verify import verify
from pairgen.shards.format import layout
from pairgen.shards.storage import spool
from pairgen.shards.storage.local_store import LocalStore
from pairgen.shards.storage.remote_store import RemoteStore
from tests.small_sets import write_set

SPOOL = """
import sys, time
from pathlib import Path
from pairgen.shards.storage.local_store import LocalStore
spooled = LocalStore(Path(sys.argv[1])).spool("00003.tar")
spooled.write_bytes(b"half a shard")
print(spooled.name, flush=True)
time.sleep(300)
"""
PID_ONE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")


def has_pid_namespaces() -> bool:
    try:
        return subprocess.run([*PID_ONE, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@contextmanager
def spooling(folder: Path, *before: str) -> Iterator[str]:
    """Yield the name of a file that another process has in work, which is killed at the end."""
    line = [*before, sys.executable, "-c", SPOOL, str(folder)]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        # It ends when the last process of a namespace has.
        assert not process.stdout.read()
        # Without reaping it: the kernel keeps its number, as if it lived.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        process.stdout.close()
        process.wait()


def names(folder: Path) -> list[str]:
    return LocalStore(folder).names(layout.SPOOL)


def test_a_live_owners_file_is_kept_and_a_dead_ones_removed(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    mine = store.spool("00001.tar")
    with spooling(tmp_path) as name:
        assert store.stale_spool() == []
        assert store.remove_stale_spool() == 0
        assert names(tmp_path) == sorted([mine.name, name])
    assert store.stale_spool() == [name]
    assert store.remove_stale_spool() == 1
    assert names(tmp_path) == [mine.name]
    store.drop(mine)


@pytest.mark.skipif(not has_pid_namespaces(), reason="no PID namespaces for this user")
def test_containers_of_one_host_name_do_not_take_each_others_files(tmp_path: Path) -> None:
    """Two processes are both pid 1 of a host of one name, as are containers of a shared folder."""
    store = LocalStore(tmp_path)
    with spooling(tmp_path, *PID_ONE) as first:
        with spooling(tmp_path, *PID_ONE) as second:
            assert store.remove_stale_spool() == 0
            assert names(tmp_path) == sorted([first, second])
        assert store.remove_stale_spool() == 1
        assert names(tmp_path) == [first]
    for _ in range(3):
        with spooling(tmp_path, *PID_ONE):
            # What the one before left is gone, although its pid is again that of a live process.
            assert store.remove_stale_spool() == 1
            assert len(names(tmp_path)) == 1
    assert store.remove_stale_spool() == 1


def test_a_file_that_was_moved_away_is_not_removed(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    spooled = store.spool("00000.tar")
    spooled.write_bytes(b"shard")
    store.put_file(spooled, "train/00000.tar")
    assert spooled not in spool._held
    store.drop(spooled)
    assert store.read_bytes("train/00000.tar") == b"shard"


@pytest.mark.parametrize("age", [0, spool.SECONDS_IN_WORK + 60])
def test_what_another_machine_or_an_older_pairgen_left_goes_by_its_age(
    tmp_path: Path, age: float
) -> None:
    store = LocalStore(tmp_path)
    folder = tmp_path / layout.SPOOL
    folder.mkdir(parents=True)
    for name in ("0123456789ab.0123456789abcdef.00000.tar", f"{socket.gethostname()}.1.0.x.tar"):
        (folder / name).write_bytes(b"half")
        os.utime(folder / name, (time.time() - age,) * 2)
    assert store.remove_stale_spool() == (2 if age else 0)


def test_a_file_is_kept_where_there_are_no_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    store = LocalStore(tmp_path)
    spooled = store.spool("00000.tar")
    assert store.remove_stale_spool() == 0
    os.utime(spooled, (0, 0))
    assert store.remove_stale_spool() == 1
    store.drop(spooled)


def test_a_planted_link_is_neither_followed_nor_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / layout.SPOOL
    folder.mkdir(parents=True)
    treasure = tmp_path / "treasure"
    treasure.write_bytes(b"of somebody else")
    tokens = iter(["0" * 16, "1" * 16])
    monkeypatch.setattr("secrets.token_hex", lambda _: next(tokens))
    planted = folder / f"{spool.machine()}.{'0' * 16}.00000.tar"
    planted.symlink_to(treasure)
    store = LocalStore(tmp_path)
    # The name was guessed, which takes one of 2^64 tries.
    with pytest.raises(FileExistsError):
        store.spool("00000.tar")
    store.spool("00000.tar").write_bytes(b"shard")
    assert store.remove_stale_spool() == 0
    assert planted.is_symlink()
    assert treasure.read_bytes() == b"of somebody else"


def test_special_files_are_not_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / layout.SPOOL
    folder.mkdir(parents=True)
    os.mkfifo(folder / f"{spool.machine()}.{'0' * 16}.00000.tar")
    assert LocalStore(tmp_path).remove_stale_spool() == 1


def test_whoever_makes_a_file_notices_that_it_was_taken_for_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the making of a file and its lock, another process may look for what is left."""
    flock, num_removed = fcntl.flock, []

    def slow_flock(descriptor: int, operation: int) -> None:
        if operation & fcntl.LOCK_EX and not num_removed:
            num_removed.append(0)
            num_removed[0] = store.remove_stale_spool()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", slow_flock)
    store = LocalStore(tmp_path)
    spooled = store.spool("00000.tar")
    assert num_removed == [1]
    assert names(tmp_path) == [spooled.name]
    assert store.remove_stale_spool() == 0


UPLOAD = """
import sys, time
from pairgen.shards.storage.remote_store import RemoteStore
spooled = RemoteStore("memory://x").spool("00003.tar")
spooled.write_bytes(b"half a shard")
print(spooled.parent.name, flush=True)
time.sleep(300)
"""


def test_what_a_killed_worker_left_among_temporary_files_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    store = RemoteStore("memory://spools")
    mine = store.spool("00000.tar")
    others = tmp_path / f"pairgen-spool.{'0' * 12}.abc"
    others.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", UPLOAD], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    assert process.stdout is not None
    name = process.stdout.readline().strip()
    assert store.remove_stale_spool() == 0
    process.kill()
    process.communicate()
    assert (tmp_path / name).is_dir()
    assert store.remove_stale_spool() == 1
    assert {path.name for path in tmp_path.iterdir()} == {mine.parent.name, others.name}
    store.drop(mine)
    shutil.rmtree(others)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_removed_before_anyone_holds_it_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    make, made = tempfile.mkdtemp, []

    def make_and_lose(**options: str) -> str:
        made.append(make(**options))
        if len(made) == 1:
            # What another process does to a folder that nobody holds.
            assert spool.remove_left([Path(made[0])]) == 1
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", make_and_lose)
    folder = spool.new_folder()
    assert [str(folder)] == made[1:]
    assert folder.is_dir() and not spool.is_left(folder)
    spool.remove_folder(folder)


def test_verify_tells_what_ended_processes_left(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    with spooling(tmp_path / "set"):
        assert verify(store).num_left == 0
    report = verify(store)
    assert report.clean
    assert (report.num_left, report.num_bytes_left) == (1, len(b"half a shard"))
    assert "Left over: 1 file of 12 bytes in __meta__/tmp, of processes that have" in report.table()
