"""Shell completion is click's own: the documented lines complete commands and flags."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def complete(words: str, shell: str, instruction: str) -> list[str]:
    """Return what the shell is answered for the last of these words."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "_PAIRGEN_COMPLETE": f"{shell}_{instruction}",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    code = "import sys; sys.argv = ['pairgen']; from pairgen.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert result.stderr == ""
    return result.stdout.splitlines()


def test_commands_and_flags_are_completed():
    assert complete("pairgen calib", "bash", "complete") == ["plain,calibrate"]
    assert complete("pairgen ode --num-s", "bash", "complete") == ["plain,--num-samples"]
    assert "plain,--log-json" in complete("pairgen verify --", "bash", "complete")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_documented_line_prints_what_the_shell_sources(shell: str):
    page = (ROOT / "docs/install.md").read_text(encoding="utf-8")
    assert f"_PAIRGEN_COMPLETE={shell}_source pairgen" in page
    script = complete("", shell, "source")
    assert any("_PAIRGEN_COMPLETE" in line and f"{shell}_complete" in line for line in script)
