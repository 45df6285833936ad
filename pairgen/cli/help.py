"""How `--help` is laid out: options in groups, summaries of commands in full; a lazy start."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

# The section of a flag that names none.
OTHER = "Other"


class GroupedOption(click.Option):
    """An option that stands in a group of the help page."""

    def __init__(self, *args: Any, group: str = OTHER, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group = group


class GroupedCommand(click.Command):
    """A command whose help page has its options in groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each group."""
        # Here: it loads pydantic, which `pairgen --help` goes without.
        from pairgen.options import GROUPS

        rows: dict[str, list[tuple[str, str]]] = {group: [] for group in GROUPS}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                rows[getattr(parameter, "group", OTHER)].append(record)
        for group, records in rows.items():
            if records:
                with formatter.section(group):
                    formatter.write_dl(records)


class LazyCommands(click.Group):
    """A group whose commands are loaded when they are called, and whose summaries are whole.

    Args:
        *args: As `click.Group` takes them.
        commands_by_name: Name to the module that defines it, and its summary.
        **kwargs: As `click.Group` takes them.
    """

    def __init__(
        self, *args: Any, commands_by_name: Mapping[str, tuple[str, str]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.by_name = commands_by_name

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the table."""
        del ctx
        return list(self.by_name)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command; None where there is no such."""
        del ctx
        if cmd_name not in self.by_name:
            return None
        module = import_module(self.by_name[cmd_name][0])
        found = vars(module).values()
        return next(c for c in found if isinstance(c, click.Command) and c.name == cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a line for each command, of its whole summary."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in self.by_name.items()])


def option(*names: str, group: str = OTHER, **settings: Any) -> Callable[[Command], Command]:
    """Add an option to a command, in a group of its help page.

    Args:
        *names: Of the flag, as `click.option` takes them.
        group: One of `pairgen.options.GROUPS`.
        **settings: Of `click.option`.
    """
    return click.option(*names, cls=GroupedOption, group=group, **settings)


def command(name: str | None = None) -> Callable[[Callable[..., Any]], GroupedCommand]:
    """Make a function a command with a grouped help page."""
    return click.command(name, cls=GroupedCommand)
