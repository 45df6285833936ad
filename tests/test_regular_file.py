"""What is no file is refused at once, wherever a file should be."""

import os
import socket
from pathlib import Path

import pytest

import pairgen
from pairgen.config import read_yaml
from pairgen.errors import ConfigError, NotAFileError
from pairgen.regular_file import check_regular, open_regular, read_regular
from pairgen.shards.format import layout
from pairgen.shards.storage.store import open_store

pytestmark = pytest.mark.timeout(60)


def put(path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path.unlink(missing_ok=True)
    if kind == "FIFO":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        # The name of a socket has at most 107 bytes.
        monkeypatch.chdir(path.parent)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)


@pytest.mark.parametrize("kind", ["FIFO", "device", "socket"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str, monkeypatch) -> None:
    path = tmp_path / "x"
    put(path, kind, monkeypatch)
    for read in (open_regular, read_regular, check_regular):
        with pytest.raises(NotAFileError, match=f"x is a {kind}, not a file"):
            read(path)
    with pytest.raises(ConfigError, match="not a file"):
        read_yaml(path)
    store = open_store(tmp_path)
    for use in (store.read_bytes, store.sha256, lambda name: store.read_range(name, 0, 9)):
        with pytest.raises(NotAFileError):
            use("x")
    with pytest.raises(NotAFileError), store.local("x"):
        pass
    with pytest.raises(NotAFileError):
        store.fetch("x", tmp_path / "y")


def test_files_are_read_and_others_are_missing(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    assert read_regular(tmp_path / "x") == b"abc"
    store = open_store(tmp_path)
    assert store.read_range("x", 1, 9) == b"bc"
    for name in ("folder", "loop", "none"):
        check_regular(tmp_path / name)
        with pytest.raises(FileNotFoundError):
            store.read_bytes(name)
        with pytest.raises(FileNotFoundError), store.local(name):
            pass


@pytest.mark.parametrize("kind", ["FIFO", "device", "socket"])
def test_verify_names_them_and_goes_on(tmp_path: Path, kind: str, monkeypatch) -> None:
    out = tmp_path / "set"
    options = {"model": "gaussian", "cfg": 4, "steps": 1, "num_samples": 6}
    pairgen.ode(**options, samples_per_shard=2, out=str(out), executor="serial")
    (out / layout.shard_path(2)).write_bytes(b"")
    for path in (layout.receipt_path(0), layout.index_path(1), layout.MANIFEST, layout.PROMPTS):
        put(out / path, kind, monkeypatch)
    found = {(each.kind, each.where) for each in pairgen.verify(out).problems}
    assert ("not read", layout.receipt_path(0)) in found
    assert any(where == layout.shard_path(2) for _, where in found)
    assert len({where for _, where in found}) >= 4


def test_images_that_are_no_files_are_refused_by_name(tmp_path: Path, monkeypatch) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    put(folder / "a.png", "FIFO", monkeypatch)
    with pytest.raises(ConfigError, match=r"a\.png is a FIFO, not a file"):
        pairgen.degrade(images=str(folder), out=str(tmp_path / "set"), executor="serial")
