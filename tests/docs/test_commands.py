"""The commands and scripts of the documentation run, and print what stands under them.

A block of Python or YAML whose first line is `# NAME.py` or `# NAME.yaml` is that file. Each page
has a folder of its own, and makes what it needs. Commands begin with pairgen's libraries imported,
and so do scripts but for the README's, which run as a user runs them.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import warm
from tests.docs.pages import PAGES, README, Command, blocks, commands, page_name, read

# Stands in for the installed `pairgen`.
PAIRGEN = f"""\
#!{sys.executable}
import sys
sys.path.insert(0, {str(warm.ROOT)!r})
from tests import warm
code = warm.start(sys.argv, (0, 1, 2)).wait()
sys.exit(code if code >= 0 else 128 - code)
"""


def follow(line: str, folder: Path, environment: dict[str, str]) -> str:
    """Run a line in a shell, and return what it prints."""
    result = subprocess.run(
        line,
        shell=True,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert result.returncode == 0, f"{line}\n{result.stdout}"
    return result.stdout


def check_command(command: Command, folder: Path, environment: dict[str, str]) -> None:
    """Run a command; its output must hold the shown lines, in their order."""
    said = follow(command.line, folder, environment)
    start = 0
    for line in command.shown:
        if line == "...":
            continue
        pattern = ".*".join(re.escape(part) for part in line.split("..."))
        found = re.compile(f"^{pattern}$", flags=re.MULTILINE).search(said, start)
        assert found, f"{command.line}\ndoes not print, or not here:\n{line}\n\n{said}"
        start = found.end()


def check_script(script: str, folder: Path, *, cold: bool) -> None:
    """Run a Python script; it must end well and close what it opens."""
    if cold:
        result = subprocess.run(
            [sys.executable, "-W", "error::ResourceWarning", "-c", script],
            cwd=folder,
            capture_output=True,
            text=True,
        )
    else:
        strict = "import warnings\nwarnings.simplefilter('error', ResourceWarning)\n"
        result = warm.run(["-c"], code=strict + script, cwd=folder)
    assert result.returncode == 0, f"{script}\n{result.stderr}"


def pages_that_run() -> list[object]:
    """Return the pages with something to run; those that start Ray are marked."""
    found = []
    for page in PAGES:
        runnable = [each for each in blocks(read(page)) if each.language in ("console", "python")]
        if runnable:
            starts_ray = any("--executor ray" in block.text for block in runnable)
            marks = [pytest.mark.ray] if starts_ray else []
            found.append(pytest.param(page, id=page_name(page), marks=marks))
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", pages_that_run())
def test_what_stands_on_a_page_runs_and_prints_what_is_shown(page: Path, tmp_path: Path) -> None:
    folders = (warm_command(tmp_path / "bin").parent, Path(sys.executable).parent)
    path = os.pathsep.join([*map(str, folders), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path}
    desk = tmp_path / "desk"
    desk.mkdir()
    for block in blocks(read(page)):
        if block.language == "console":
            for command in commands(block):
                check_command(command, desk, environment)
        elif block.file:
            (desk / block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            check_script(block.text, desk, cold=page == README)


def warm_command(folder: Path) -> Path:
    """Write a `pairgen` that begins with its libraries imported."""
    folder.mkdir()
    command = folder / "pairgen"
    command.write_text(PAIRGEN)
    command.chmod(0o755)
    return command


def test_a_shown_line_that_is_not_printed_is_found(tmp_path: Path) -> None:
    environment = dict(os.environ)
    check_command(Command("printf 'a 1\\nb\\n'", ("a ...", "...", "b")), tmp_path, environment)
    with pytest.raises(AssertionError, match="does not print"):
        check_command(Command("printf 'a\\nb\\n'", ("b", "a")), tmp_path, environment)
    with pytest.raises(AssertionError, match="does not print"):
        check_command(Command("printf 'a b\\n'", ("a",)), tmp_path, environment)
    with pytest.raises(AssertionError):
        check_command(Command("false", ()), tmp_path, environment)


def test_every_command_shown_is_run() -> None:
    """A `$` outside of a console block would look like one that is tested."""
    for page in PAGES:
        for block in blocks(read(page)):
            if block.language == "console":
                assert block.text.startswith("$ "), f"{page_name(page)}: {block.text}"
            else:
                assert not re.search(r"^\$ ", block.text, flags=re.MULTILINE), page_name(page)
