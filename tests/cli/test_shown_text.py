"""What commands print of names and texts of others."""

from pathlib import Path

from click.testing import CliRunner

from pairgen.cli import cli
from tests.small_sets import write_set


def test_a_name_does_not_reach_the_terminal_as_a_command(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    (store.root / "train/\x1b]0;PWN\x07.tar").write_bytes(b"x")
    found = CliRunner().invoke(cli, ["verify", str(store.root)])
    assert found.exit_code == 1
    assert "\x1b" not in found.output
    assert "\\u001b]0;PWN\\u0007.tar" in found.output
