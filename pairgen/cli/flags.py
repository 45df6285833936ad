"""Command-line flags, built from declared options."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from pairgen.cli.completion import completer
from pairgen.cli.help import GroupedOption, argument
from pairgen.list_rules import Each, Places
from pairgen.options import Declared, Options, declared
from pairgen.rules import Choice, Integer, Number, OrNone, Rule, Switch

Command = TypeVar("Command", bound=Callable[..., Any])


def options_of(
    options: type[Options], arguments: Sequence[str] = ()
) -> Callable[[Command], Command]:
    """Add a flag for each option that a class declares.

    A flag that the user leaves out is None (an empty tuple if it is repeatable), so that only given
    options take part in the resolution.

    Args:
        options: The class that declares the options.
        arguments: Names of the options that become positional arguments instead of flags, in
            order; one that takes several values must be the last.
    """

    def decorate(command: Command) -> Command:
        by_name = {each.name: each for each in declared(options)}
        arguments_first = [by_name.pop(name) for name in arguments]
        for each in reversed(list(by_name.values())):
            if each.option.flag:
                command = flag(each)(command)
        for each in reversed(arguments_first):
            nargs = -1 if isinstance(each.rule, Places) else 1
            closed = _closed(each.rule)
            command = argument(each.name, metavar=each.metavar, closed=closed, nargs=nargs)(command)
        return command

    return decorate


def flag(each: Declared) -> Callable[[Command], Command]:
    """Return a decorator that adds an option's flag to a command."""
    name = "--" + each.name.replace("_", "-")
    settings: dict[str, Any] = {
        "cls": GroupedOption,
        "group": each.option.group,
        "help": each.shown_help,
        "default": None,
    }
    if isinstance(each.rule, Switch):
        # A switch that is on by default can be turned off.
        names = f"{name}/--no-{name.removeprefix('--')}" if each.default else name
        return click.option(names, is_flag=True, **settings)
    if isinstance(each.rule, Integer | Number):
        settings["type"] = int if isinstance(each.rule, Integer) else float
    multiple = isinstance(each.rule, Places)
    settings["shell_complete"] = completer(each.metavar, _closed(each.rule))
    return click.option(name, metavar=each.metavar, multiple=multiple, **settings)


def _closed(rule: Rule) -> Sequence[str]:
    """Return all values of a rule; () if there are others."""
    if isinstance(rule, Each | OrNone):
        return _closed(rule.rule)
    return rule.known if isinstance(rule, Choice) else ()
