"""What a shell completes in the place of a value: closed lists, packaged names, and files.

The placeholder on the help page tells which: `NAME|PATH|HUB_ID` stands for a model, and words in
lower case are values themselves. Nothing heavy is imported, as a shell waits for the answer.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import product

import click
from click.shell_completion import CompletionItem

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _packaged(folder: str) -> Iterable[str]:
    from pairgen.config import packaged_configs

    return (path.stem for path in (packaged_configs() / folder).glob("*.yaml"))


def _annotators() -> Iterable[str]:
    from pairgen.plugins import members

    return members("annotators")


def _methods() -> Iterable[str]:
    from pairgen.plugins import shown_names

    return shown_names("methods")


def _spacings() -> Iterable[str]:
    from pairgen.sampling.names import SPACINGS

    return SPACINGS


def _settings() -> Iterable[str]:
    from pairgen.sampling.names import SOLVER_NAMES, SPACINGS

    return map("/".join, product(SOLVER_NAMES, SPACINGS))


NAMES: dict[str, Callable[[], Iterable[str]]] = {
    "NAME|PATH|HUB_ID": lambda: _packaged("models"),
    "NAME|FILE": lambda: _packaged("degradations"),
    "NAME[,NAME...]": _annotators,
    "METHOD": _methods,
    "[METHOD]": _methods,
    "RULE|T[,T...]": _spacings,
    "SOLVER/SPACING[,...]": _settings,
    "CONFIG": lambda: _packaged("cluster"),
}
FILES, FOLDERS = {"FILE", "GLOB", "PATH", "CONFIG"}, {"DIR", "RUN", "FOLDER"}
# Its last part is completed.
LISTED = re.compile(r"\[,")


def completer(metavar: str, closed: Sequence[str] = ()) -> Complete:
    """Return what completes the values of a flag or an argument.

    Args:
        metavar: Its placeholder on the help page.
        closed: All its values; () where others are allowed too.
    """

    def complete(_: click.Context, __: click.Parameter, typed: str) -> list[CompletionItem]:
        words = [word for word in metavar.split("|") if word.islower()]
        names = closed or words or sorted(NAMES.get(metavar, tuple)())
        listed = bool(LISTED.search(metavar))
        before, comma, begun = typed.rpartition(",") if listed else ("", "", typed)
        taken = before.split(",") if listed else []
        found = [name for name in names if name.startswith(begun) and name not in taken]
        if found:
            return [CompletionItem(f"{before}{comma}{name}") for name in found]
        return _places(metavar, typed)

    return complete


def _places(metavar: str, typed: str) -> list[CompletionItem]:
    """Return the wish for files or folders, which the shell finds; nothing for other values."""
    words = set(re.split(r"\W+", metavar))
    kind = "file" if words & FILES else "dir" if words & FOLDERS and "=" not in metavar else ""
    return [CompletionItem(typed, type=kind)] if kind else []
