"""What `--help` says of a command, as Markdown: usage, sentences, examples, flags."""

from collections.abc import Iterator, Set
from inspect import cleandoc

import click

from pairgen.cli import cli

# Begins a paragraph whose lines click leaves as they are.
AS_IT_IS = "\b\n"
EXAMPLES = "Examples:\n"


def every_command() -> dict[str, click.Command]:
    """Return the commands by name, in the order of `pairgen --help`; verbs as `cluster up`."""
    found: dict[str, click.Command] = {}
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        if isinstance(command, click.Group):
            found |= {f"{name} {verb}": each for verb, each in command.commands.items()}
        elif command is not None:
            found[name] = command
    return found


def about(name: str, command: click.Command) -> str:
    """Return the usage of a command, what it does, and its examples."""
    pieces = command.collect_usage_pieces(click.Context(command))
    usage = " ".join([f"pairgen {name}", *pieces])
    parts = [f"```text\n{usage}\n```", *_paragraphs(command.help or "")]
    return "\n\n".join(parts)


def arguments(command: click.Command) -> tuple[str, ...]:
    """Return the names of a command's positional arguments."""
    return tuple(str(each.name) for each in command.params if isinstance(each, click.Argument))


def other_flags(command: click.Command, declared: Set[str]) -> str:
    """Return a table of the flags that no class of options declares; empty if there are none.

    Args:
        command: The command.
        declared: Flags that are listed elsewhere.
    """
    rows = [
        f"| `{', '.join((*each.opts, *each.secondary_opts))}` | {_cell(each.help or '')} |\n"
        for each in command.params
        if isinstance(each, click.Option) and not declared & set(each.opts)
    ]
    return "".join(["| flag | help |\n| --- | --- |\n", *rows]) if rows else ""


def _paragraphs(help_text: str) -> Iterator[str]:
    for paragraph in cleandoc(help_text).split("\n\n"):
        if not paragraph.startswith(AS_IT_IS):
            yield paragraph
        else:
            lines = cleandoc(paragraph.removeprefix(AS_IT_IS).removeprefix(EXAMPLES))
            yield f"```sh\n{lines}\n```"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
