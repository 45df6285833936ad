"""The files of a run's student: any other byte is found, and who has no hashes is read."""

import json
from pathlib import Path

import pytest

from pairgen.errors import ConfigError
from pairgen.model_files import FILES, check_hashes, remove_hashes, write_hashes


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "student/unet").mkdir(parents=True)
    (tmp_path / "student/unet/weights").write_bytes(bytes(1000))
    (tmp_path / "model.yaml").write_text("x")
    write_hashes(tmp_path, ("student", "model.yaml", "last.safetensors"))
    return tmp_path


def test_the_files_that_were_written_pass(run: Path) -> None:
    check_hashes(run)
    assert json.loads((run / FILES).read_text()).keys() == {"student/unet/weights", "model.yaml"}
    remove_hashes(run)
    (run / "model.yaml").write_text("y")
    check_hashes(run)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("student/unet/weights", bytes(999) + b"\1", "unet/weights is not the file of files.json"),
        ("model.yaml", None, "model.yaml cannot be read: No such file"),
        (FILES, b"[]", "holds something else than hashes"),
        (FILES, b"{", "files.json cannot be read"),
        (FILES, b'{"../x": "y"}', "names '../x', a file outside of the run"),
        (FILES, b'{"/etc/passwd": "y"}', "a file outside of the run"),
        (FILES, b'{"model.yaml": 3}', "holds something else than hashes"),
    ],
)
def test_any_other_is_refused(run: Path, name: str, content: bytes | None, message: str) -> None:
    (run / name).unlink()
    if content is not None:
        (run / name).write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        check_hashes(run)
