"""Commands, options and Python names that the documentation names exist."""

import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from pairgen.cli import cli
from tests.docs.pages import PAGES, ROOT, blocks, inline_code, page_name, read

FLAG = re.compile(r"(?<![\w-])--[a-z][\w-]*")
# Options of other programs, and of scripts that stand alone in a sentence.
FOREIGN = {"--address", "--head", "--help", "--nproc-per-node", "--user"}
# Stands for any command.
PLACEHOLDER = "COMMAND"


def code_lines(text: str) -> Iterator[str]:
    """Yield lines of code but Python's: a line that ends in a backslash goes on in the next."""
    for block in blocks(text):
        if block.language != "python":
            yield from block.text.replace("\\\n", " ").splitlines()
    yield from inline_code(text)


def named_options(line: str, program: str) -> Iterator[tuple[str, list[str]]]:
    """Yield what follows `program` in a line of code, and the flags behind that.

    What is quoted may hold anything, and another program begins behind `|`, `;`, `&`, `>` or `--`.
    """
    unquoted = re.sub(r"'[^']*'|\"[^\"]*\"", "''", line)
    for match in re.finditer(rf"(?:^|[\s(]){program} ([\w./-]+)((?:(?! -- )[^|;&>])*)", unquoted):
        yield match[1], FLAG.findall(match[2].replace("\\|", " "))


def flags_of_commands() -> dict[str, set[str]]:
    """Return the flags of every command of pairgen."""
    found = {}
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        verbs = command.commands.values() if isinstance(command, click.Group) else [command]
        params = [each for verb in verbs for each in verb.params]
        options = [each for each in params if isinstance(each, click.Option)]
        flags = {flag for each in options for flag in (*each.opts, *each.secondary_opts)}
        found[name] = flags | {"--help"}
    return found


FLAGS = flags_of_commands()


def flags_of_script(path: str) -> set[str]:
    """Return the flags that a script of the repository takes; a study has those of all too."""
    text = (ROOT / path).read_text(encoding="utf-8")
    if "study_parser(" in text:
        text += (ROOT / "pipelines/_arms/command.py").read_text(encoding="utf-8")
    return set(re.findall(r'"(--[a-z][\w-]*)"', text))


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_commands_and_flags_that_are_named_exist(page: Path) -> None:
    for line in code_lines(read(page)):
        for command, flags in named_options(line, "pairgen"):
            if command == PLACEHOLDER:
                continue
            assert command in FLAGS, f"{page_name(page)}: pairgen {command}"
            for flag in flags:
                assert flag in FLAGS[command], f"{page_name(page)}: pairgen {command} {flag}"
        for script, flags in named_options(line, "python"):
            if script.endswith(".py"):
                for flag in flags:
                    assert flag in flags_of_script(script), f"{page_name(page)}: {script} {flag}"


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_flags_that_stand_alone_are_those_of_some_command(page: Path) -> None:
    known = FOREIGN.union(*FLAGS.values())
    for code in inline_code(read(page)):
        if code.startswith("--"):
            for flag in FLAG.findall(code):
                assert flag in known, f"{page_name(page)}: {flag}"


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_python_names_can_be_imported(page: Path) -> None:
    for code in inline_code(read(page)):
        for name in re.findall(r"(?<![\w.])pairgen(?:\.[A-Za-z_]\w*)+", code):
            if name != "pairgen.yaml":
                pkgutil.resolve_name(name)


def test_a_flag_that_does_not_exist_is_found() -> None:
    line = """a | pairgen ode --cfg 3 --prompts - --where "x > 1 --no" --old && ray start --head"""
    assert list(named_options(line, "pairgen")) == [
        ("ode", ["--cfg", "--prompts", "--where", "--old"])
    ]
    assert "--where" not in FLAGS["ode"]
    assert "--where" in FLAGS["train"]
    script = "python benchmarks/memory.py --ranks 4"
    assert list(named_options(script, "python")) == [("benchmarks/memory.py", ["--ranks"])]
    assert flags_of_script("benchmarks/memory.py") == {"--ranks", "--lora-rank"}
