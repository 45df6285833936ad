"""The page of commands shows what `--help` says."""

import click

from pairgen.cli import cli
from pairgen.cli.command_page import about, every_command, other_flags
from pairgen.config import packaged_assets


def test_every_command_and_verb_is_there_in_order() -> None:
    names = list(every_command())
    assert "cluster submit" in names
    assert "cluster" not in names
    listed = cli.list_commands(click.Context(cli))
    assert list(dict.fromkeys(name.split()[0] for name in names)) == listed


def test_usage_sentences_and_examples_become_markdown() -> None:
    @click.command()
    @click.argument("folder")
    @click.option("--deep", "-d", is_flag=True, help="Look\n deeper | wider.")
    def look(folder: str, deep: bool) -> None:
        """Look inside.

        \b
        Examples:
            pairgen look here
            pairgen look there --deep
        """

    text = about("look", look)
    assert text == (
        "```text\npairgen look [OPTIONS] FOLDER\n```\n\nLook inside.\n\n"
        "```sh\npairgen look here\npairgen look there --deep\n```"
    )
    assert other_flags(look, set()) == (
        "| flag | help |\n| --- | --- |\n| `--deep, -d` | Look deeper \\| wider. |\n"
    )
    assert other_flags(look, {"--deep"}) == ""


def test_no_flag_is_missing_from_the_page() -> None:
    page = (packaged_assets().parent.parent / "docs/options.md").read_text(encoding="utf-8")
    for section in page.split("\n## pairgen ")[1:]:
        name = section.partition("\n")[0]
        for each in every_command()[name].params:
            if isinstance(each, click.Option):
                assert f"`{each.opts[0]}" in section, f"{name} {each.opts[0]}"
