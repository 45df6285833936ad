"""The small JSON files of a run: read, missing, or refused by name whatever lies in their place."""

import os
from pathlib import Path

import pytest

from pairgen.errors import ConfigError
from pairgen.training.runs.json_file import read_json, write_json


def read(path: Path) -> dict | None:
    return read_json(path, dict, "a record")


def test_what_was_written_is_read_and_a_missing_file_is_none(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    assert read(path) is None
    assert read(path / "below a file that is none") is None
    write_json(path, {"steps": 3})
    assert read(path) == {"steps": 3}
    assert read(path / "below a file") is None


@pytest.mark.parametrize("lies", ["link", "fifo", "folder"])
def test_what_is_no_file_is_refused(tmp_path: Path, lies: str) -> None:
    path = tmp_path / "record.json"
    {"link": lambda: path.symlink_to(path), "fifo": lambda: os.mkfifo(path), "folder": path.mkdir}[
        lies
    ]()
    with pytest.raises(ConfigError, match=r"record\.json is not a record: "):
        read(path)
