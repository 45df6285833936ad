"""The README's commands run, and print what it says they print."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[tuple[str, list[str]]]:
    """Return every `$ command` of the console blocks with the lines shown under it."""
    found: list[tuple[str, list[str]]] = []
    for block in blocks("console"):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line.removeprefix("$ "), []))
            elif line != "...":
                found[-1][1].append(line)
    return found


def shown(line: str) -> str:
    """Return a pattern for a shown line; `...` stands for anything."""
    return ".*".join(re.escape(part) for part in line.split("..."))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_command_of_the_five_jobs_runs_and_prints_what_is_shown(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    assert len(commands()) >= 10
    for command, lines in commands():
        result = subprocess.run(
            command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        output = result.stdout + result.stderr
        assert result.returncode == 0, f"{command}\n{output}"
        for line in lines:
            assert re.search(f"^{shown(line)}$", output, flags=re.MULTILINE), f"{line}\n{output}"
    for block in blocks("python"):
        script = [sys.executable, "-W", "error::ResourceWarning", "-c", block]
        result = subprocess.run(script, cwd=tmp_path, capture_output=True, text=True)
        assert result.returncode == 0, f"{block}\n{result.stderr}"


def test_every_model_of_the_table_has_a_config_with_those_weights() -> None:
    folder = Path(__file__).parent.parent / "configs/models"
    rows = re.findall(r"^\| `([\w-]+)` \| ([^|]+) \|", README, flags=re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(p.stem for p in folder.glob("*.yaml"))
    for name, weights in rows:
        if "/" in weights:
            assert weights.strip() in (folder / f"{name}.yaml").read_text()
