"""The layout of `--help`: grouped options, full command summaries; and lazy loading."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any, TypeVar

import click

from pairgen.cli.completion import completer
from pairgen.cli.messages import message_options
from pairgen.option_names import named_by_flags

Command = TypeVar("Command", bound=Callable[..., Any])

# The section of flags without a group.
OTHER = "Other"


# Stands for a hyphen inside a word while lines are wrapped, which break at hyphens.
_KEPT = "\ue000"
_IN_WORD = re.compile(r"(?<=\S)-|-(?=\S)")


class Formatter(click.HelpFormatter):
    """Wraps lines between words alone, so that `--from-calibration` stays whole."""

    def write_text(self, text: str) -> None:
        """Write a paragraph."""
        super().write_text(_whole(text))

    def write_dl(self, rows: Iterable[tuple[str, str]], *args: Any, **kwargs: Any) -> None:
        """Write a list of names and what they mean."""
        super().write_dl([(name, _whole(text)) for name, text in rows], *args, **kwargs)

    def getvalue(self) -> str:
        """Return what was written."""
        return super().getvalue().replace(_KEPT, "-")


class Context(click.Context):
    """A context whose help pages are written by `Formatter`."""

    formatter_class = Formatter


def _whole(text: str) -> str:
    return _IN_WORD.sub(_KEPT, text)


class GroupedOption(click.Option):
    """An option that is listed in a group of the help page."""

    def __init__(self, *args: Any, group: str = OTHER, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group = group


class GroupedCommand(click.Command):
    """A command whose help page lists its options in groups, with those about messages."""

    context_class = Context

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Not in place: another command may be made of the same function.
        self.params = [*self.params, *message_options()]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the flags; an error knows its command, which click forgets for some."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; its errors name the flags, as they were typed."""
        names, above = [str(self.name)], ctx.parent
        while above is not None and above.parent is not None:
            names, above = [str(above.info_name), *names], above.parent
        flags = {
            str(each.name): each.opts[0] for each in self.params if isinstance(each, click.Option)
        }
        with named_by_flags(" ".join(["pairgen", *names]), flags):
            return super().invoke(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each group."""
        # Imported here because it loads pydantic, which `pairgen --help` does not need.
        from pairgen.options import GROUPS

        rows: dict[str, list[tuple[str, str]]] = {group: [] for group in GROUPS}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            # Arguments stand in the usage.
            if record is not None and isinstance(parameter, click.Option):
                rows[getattr(parameter, "group", OTHER)].append(record)
        for group, records in rows.items():
            if records:
                with formatter.section(group):
                    formatter.write_dl(records)


class Commands(click.Group):
    """A group that shows the summaries of its commands in full."""

    context_class = Context

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each command with its full summary."""
        with formatter.section("Commands"):
            formatter.write_dl(self.summaries(ctx))

    def summaries(self, ctx: click.Context) -> list[tuple[str, str]]:
        """Return the name and the summary of each command, in the order they were added."""
        del ctx
        return [
            (name, (each.help or "").partition("\n\n")[0].replace("\n", " "))
            for name, each in self.commands.items()
        ]


class LazyCommands(Commands):
    """A group that loads commands when they are called.

    Args:
        *args: Positional arguments of `click.Group`.
        commands_by_name: Mapping from a command's name to its module and its summary.
        **kwargs: Keyword arguments of `click.Group`.
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
        """Load a command; return None if there is no such command."""
        del ctx
        if cmd_name not in self.by_name:
            return None
        module = import_module(self.by_name[cmd_name][0])
        found = vars(module).values()
        return next(c for c in found if isinstance(c, click.Command) and c.name == cmd_name)

    def summaries(self, ctx: click.Context) -> list[tuple[str, str]]:
        """Return the name and the summary of each command, in the order of the table."""
        del ctx
        return [(name, summary) for name, (_, summary) in self.by_name.items()]


def option(*names: str, group: str = OTHER, **settings: Any) -> Callable[[Command], Command]:
    """Add an option to a command, in a group of its help page.

    Args:
        *names: Names of the flag, as for `click.option`.
        group: Group of the help page, one of `pairgen.options.GROUPS`.
        **settings: Other arguments of `click.option`.
    """
    if "metavar" in settings and "type" not in settings:
        settings["shell_complete"] = completer(settings["metavar"])
    return click.option(*names, cls=GroupedOption, group=group, **settings)


def argument(
    name: str, *, metavar: str, closed: Sequence[str] = (), **settings: Any
) -> Callable[[Command], Command]:
    """Add a positional argument, which a shell completes.

    Args:
        name: Its name.
        metavar: Its placeholder on the help page.
        closed: All its values; () where others are allowed too.
        **settings: Other arguments of `click.argument`.
    """
    settings["shell_complete"] = completer(metavar, closed)
    return click.argument(name, metavar=metavar, **settings)


def command(name: str | None = None) -> Callable[[Callable[..., Any]], GroupedCommand]:
    """Turn a function into a command with a grouped help page."""
    return click.command(name, cls=GroupedCommand)
