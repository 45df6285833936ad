"""The README, followed in an environment that holds nothing, by somebody whose home is empty.

It installs torch and takes many minutes, so it runs only where it is asked for, and not in CI:

    PAIRGEN_FRESH=1 python -m pytest tests/docs/test_fresh_environment.py

`TORCH=torch==2.13.0` chooses the build of torch, as in the Makefile.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import README, ROOT, blocks, commands, read
from tests.docs.test_commands import check_command, follow

INSTALL = "pip install -e ."
# What a user's shell has too: the programs of the system, and where pip finds packages.
KEPT = ("LANG", "TMPDIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif("PAIRGEN_FRESH" not in os.environ, reason="runs with PAIRGEN_FRESH=1"),
]


def checkout(folder: Path) -> Path:
    """Copy the files that git knows, as a clone has them; uncommitted changes too."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (source := ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(source.read_bytes())
            (folder / name).chmod(source.stat().st_mode)
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment variables of somebody with an empty home."""
    (tmp_path / "home").mkdir()
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in KEPT or name.startswith("PIP_") or name.lower().endswith("_proxy")
    }
    return {**kept, "HOME": str(tmp_path / "home"), "PATH": "/usr/local/bin:/usr/bin:/bin"}


def follow_readme(folder: Path, environment: dict[str, str]) -> None:
    """Run every `$` line of the README, in its order and in one folder."""
    folder.mkdir()
    for block in blocks(read(README)):
        if block.language == "console":
            for command in commands(block):
                check_command(command, folder, environment)


def test_pip_install_is_enough_for_every_line(tmp_path: Path, environment: dict[str, str]) -> None:
    assert f"`{INSTALL}`" in read(README) and "`pairgen doctor`" in read(README)
    clone, venv = checkout(tmp_path / "clone"), tmp_path / "venv"
    follow(f"{sys.executable} -m venv {venv}", clone, environment)
    environment = {**environment, "PATH": f"{venv}/bin:{environment['PATH']}"}
    if torch := os.environ.get("TORCH"):
        follow(f"pip install '{torch}'", clone, environment)
    follow(INSTALL, clone, environment)
    follow("pairgen doctor", tmp_path, environment)
    follow_readme(tmp_path / "desk", environment)


def test_make_demo_sets_all_up(tmp_path: Path, environment: dict[str, str]) -> None:
    clone = checkout(tmp_path / "clone")
    build = f"TORCH={os.environ['TORCH']} " * ("TORCH" in os.environ)
    said = follow(f"{build}make demo PYTHON={sys.executable}", clone, environment)
    assert said.rstrip().splitlines()[-1] == f"Report: {clone / 'demo/report.html'}"
    assert "student, 1 step: 1 network evaluation an image" in said
    activated = {**environment, "PATH": f"{clone}/.venv/bin:{environment['PATH']}"}
    follow_readme(tmp_path / "desk", activated)
