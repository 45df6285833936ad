"""The user's token is found where Ray looks for it."""

from pathlib import Path

import pytest

from pairgen.execution.ray.token import has_token, read_token


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_without_one_there_is_none() -> None:
    assert not has_token() and read_token() == ""


def test_the_environment_comes_before_a_named_file_and_that_before_the_users(home, monkeypatch):
    (home / ".ray").mkdir()
    (home / ".ray/auth_token").write_text("own\n")
    assert has_token() and read_token() == "own"
    (home / "other").write_text("other")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(home / "other"))
    assert read_token() == "other"
    monkeypatch.setenv("RAY_AUTH_TOKEN", "given")
    assert has_token() and read_token() == "given"
