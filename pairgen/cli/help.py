"""How `--help` is laid out: options in groups, summaries of commands in full."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

# In the order of a page. What is in none of these is in the last.
GROUPS = (
    "Model",
    "Training",
    "Prompts",
    "Images",
    "Sampling",
    "Degradation",
    "What is measured",
    "What is shown",
    "Output",
    "Compute",
    "Workers",
    "Estimate",
    "Other",
)


class GroupedOption(click.Option):
    """An option that stands in a group of the help page."""

    def __init__(self, *args: Any, group: str = GROUPS[-1], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group = group


class GroupedCommand(click.Command):
    """A command whose help page has its options in groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each group."""
        rows: dict[str, list[tuple[str, str]]] = {group: [] for group in GROUPS}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                rows[getattr(parameter, "group", GROUPS[-1])].append(record)
        for group, records in rows.items():
            if records:
                with formatter.section(group):
                    formatter.write_dl(records)


class FullSummaries(click.Group):
    """A group of commands whose summaries are not cut."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a line for each command, of its whole first sentence."""
        names = self.list_commands(ctx)
        summaries = [(name, _first_sentence(self.get_command(ctx, name))) for name in names]
        with formatter.section("Commands"):
            formatter.write_dl(summaries)


def _first_sentence(command: click.Command | None) -> str:
    paragraph = ((command and command.help) or "").split("\n\n")[0]
    return " ".join(paragraph.split())


def option(*names: str, group: str = GROUPS[-1], **settings: Any) -> Callable[[Command], Command]:
    """Add an option to a command, in a group of its help page.

    Args:
        *names: Of the flag, as `click.option` takes them.
        group: One of `GROUPS`.
        **settings: Of `click.option`.
    """
    return click.option(*names, cls=GroupedOption, group=group, **settings)


def command(name: str | None = None) -> Callable[[Callable[..., Any]], GroupedCommand]:
    """Make a function a command with a grouped help page."""
    return click.command(name, cls=GroupedCommand)
