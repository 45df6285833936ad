"""How a message names an option: by its flag where a command line is being run, else by its name.

Python calls, `--set` and config files know an option as `num_samples`, a command line knows it as
`--num-samples`. The command line opens `named_by_flags`, and messages ask `option_text`.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass
class _Flags:
    """The flags of the command that runs.

    Attributes:
        command: Its name, such as `pairgen ode`.
        flags: Mapping from an option's name to its flag.
        by_name: Names that the user wrote, in a config file or with `--set`.
    """

    command: str
    flags: Mapping[str, str]
    by_name: set[str] = field(default_factory=set)


_current: ContextVar[_Flags | None] = ContextVar("flags", default=None)


@contextmanager
def named_by_flags(command: str, flags: Mapping[str, str]) -> Iterator[None]:
    """Name the options of a command by their flags inside the context.

    Args:
        command: The command, such as `pairgen ode`.
        flags: Mapping from an option's name to its flag.
    """
    token = _current.set(_Flags(command, flags))
    try:
        yield
    finally:
        _current.reset(token)


def name_as_written(names: Iterable[str]) -> None:
    """Name these options as a config file or `--set` does, because the user wrote them there."""
    if (current := _current.get()) is not None:
        current.by_name.update(names)


def option_text(name: str, command: str = "") -> str:
    """Return an option as the user writes it: `--num-samples`, or `num_samples`.

    Args:
        name: The option's name.
        command: The command that the option must belong to to have a flag; empty for any.
    """
    current = _current.get()
    if current is None or name in current.by_name or command not in ("", current.command):
        return name
    return current.flags.get(name, name)
