"""The README stays short."""

from tests.docs.pages import README, read

MAX_LINES = 220


def test_the_readme_is_short() -> None:
    assert len(read(README).splitlines()) <= MAX_LINES
