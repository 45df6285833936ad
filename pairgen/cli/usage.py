"""What a mistaken command line is told: one sentence, and where its help is."""

import difflib
from collections.abc import Iterable

import click

# Least similarity of a suggested name; with click's own, 0.6, `--nope` would be `--noise`.
CLOSE = 0.7
# click has it from 8.2 on; before, a group without a command prints its help and ends well.
_HELP = getattr(click.exceptions, "NoArgsIsHelpError", ())


def usage_text(error: click.ClickException, *, hint: bool) -> str:
    """Return what an error of the command line is told.

    Args:
        error: The error.
        hint: Whether a second line names the help of the command.
    """
    if isinstance(error, _HELP):
        # A group without a command: the error is its help page.
        return error.format_message()
    told = f"Error: {_sentence(error)}"
    context = getattr(error, "ctx", None)
    return f"{told}\nTry '{context.command_path} --help'." if hint and context else told


def _sentence(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    if isinstance(error, click.NoSuchOption) and context:
        flags = [flag for each in context.command.params for flag in _flags(each)]
        return f"There is no option {error.option_name!r}{_suggestion(error.option_name, flags)}."
    name = getattr(error, "command_name", "")
    if name and context:
        known = context.command.list_commands(context)
        return f"There is no command {name!r}{_suggestion(name, known)}."
    told = " ".join(error.format_message().split())
    return told if told.endswith((".", "?", "!")) else f"{told}."


def _flags(parameter: click.Parameter) -> list[str]:
    """Return the long names of an option."""
    return [name for name in (*parameter.opts, *parameter.secondary_opts) if name[:2] == "--"]


def _suggestion(name: str, known: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)` for the closest known name that is close, or nothing."""
    # Without dashes, which all flags have in common.
    by_word = {each.lstrip("-"): each for each in known}
    close = difflib.get_close_matches(name.lstrip("-"), list(by_word), n=1, cutoff=CLOSE)
    return f" (did you mean {by_word[close[0]]!r}?)" if close else ""
