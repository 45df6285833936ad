"""Help pages: whole words, flags as they are typed, options in the groups they belong to."""

import re

import click
import pytest
from click.testing import CliRunner

from pairgen.cli import cli
from pairgen.cli.command_page import every_command
from pairgen.cli.help import GroupedOption
from pairgen.declarations.commands import OPTIONS_OF
from pairgen.options import declared

COMMANDS = every_command()
# Options that are typed with hyphens.
SNAKE = {
    each.name
    for options in OPTIONS_OF.values()
    for each in declared(options)
    if each.option.flag and "_" in each.name
}


def page(name: str) -> str:
    """Return the help page of a command."""
    shown = CliRunner().invoke(cli, [*name.split(), "--help"], prog_name="pairgen")
    assert shown.exit_code == 0
    return shown.output


def flags(name: str) -> list[click.Option]:
    return [each for each in COMMANDS[name].params if isinstance(each, click.Option)]


@pytest.mark.parametrize("name", COMMANDS)
def test_flags_are_named_as_they_are_typed_and_words_are_whole(name: str) -> None:
    text = page(name)
    for each in flags(name):
        words = " ".join((each.help or "").split())
        assert words in " ".join(text.split()), each.opts[0]
        assert SNAKE.isdisjoint(re.findall(r"\w+", words)), words
    # No suffix of click's, and nothing that is cut.
    assert not re.search(r"\[.*x[<>]|RANGE|see above|\w\.\.\.$", text)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "cluster submit"])
def test_every_page_but_those_of_verbs_has_examples(name: str) -> None:
    assert ("Examples:" in page(name)) != name.startswith("cluster ")


def test_groups_say_what_their_options_are() -> None:
    groups = {
        (name, each.opts[0]): each.group
        for name in COMMANDS
        for each in flags(name)
        if isinstance(each, GroupedOption)
    }
    for name in ("train", "eval", "compare", "methods"):
        assert groups[name, "--data"] == "Data"
    for name, flag in (("push", "--quick"), ("verify", "--quick"), ("doctor", "--deep")):
        assert groups[name, flag] == "What is checked"
    assert groups["demo", "--num-samples"] == "Data"
    assert groups["push", "--dry-run"] == "Output"


def test_a_seed_is_shown_alike() -> None:
    seeds = [each for name in COMMANDS for each in flags(name) if each.opts == ["--seed"]]
    assert {each.metavar for each in seeds} == {"S"}


def test_the_verbs_of_a_group_have_whole_summaries() -> None:
    assert "Run a command on a cluster, follow its log, and exit with its code." in page("cluster")
