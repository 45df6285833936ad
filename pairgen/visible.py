"""Text that others wrote, as it can be shown: on a terminal, and in a Markdown card."""

import json
import re
import unicodedata

# Whatever is no printable ASCII is looked at.
_LOOKED_AT = re.compile(r"[^\n\t -~]")
# Control characters, formats (which turn the direction of a line), halves of surrogate pairs, and
# line and paragraph separators.
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# Joiners within emoji and within words of several scripts.
_JOINERS = "\u200c\u200d"
# Within a word, an underscore has no meaning, nor have brackets but before a link.
_MARKDOWN = re.compile(r"[\\`*<|~$&]|\](?=\()|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")


def visible(text: str) -> str:
    r"""Return a text whose control characters are written as escapes, as JSON writes them.

    Line breaks and tabs stay. A JSON document stays the same document.

    Args:
        text: Any text, such as a message that quotes a file name: `\x1b` becomes `\u001b`.
    """
    return _LOOKED_AT.sub(lambda found: _escaped(found[0]), text)


def literal(text: str) -> str:
    """Return a text as Markdown that shows just this text, in one line and in any table."""
    return _MARKDOWN.sub(r"\\\g<0>", one_line(text))


class Markdown(str):
    """Text that is Markdown already."""


def code(text: str) -> Markdown:
    """Return a text as Markdown that shows it as code."""
    # Between longer fences than it holds, of which nothing has two.
    shown = one_line(text).replace("|", "\\|")
    return Markdown(f"`` {shown.replace('``', '` `')} ``" if "`" in shown else f"`{shown}`")


def one_line(text: str) -> str:
    """Return a text as `visible` does, with its line breaks and tabs as spaces."""
    return " ".join(visible(text).split())


def _escaped(character: str) -> str:
    if character in _JOINERS or unicodedata.category(character) not in _HIDDEN:
        return character
    return json.dumps(character)[1:-1]
