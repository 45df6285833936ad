"""Expand brace patterns, as shells and WebDataset write lists of shards: `{00000..00009}.tar`."""

import itertools
import re
from collections.abc import Iterator

from pairgen.errors import ConfigError
from pairgen.redaction import url_without_secrets

MAX_NAMES = 1_000_000
_BRACES = re.compile(r"\{([^{}]*)\}")
_NUMBERS = re.compile(r"(\d+)\.\.(\d+)")


def expanded(text: str) -> list[str]:
    """Return the texts that a text with brace patterns stands for, in order; itself without any.

    `{a,b}` stands for each of the parts; `{08..11}` for each whole number, with as many digits if
    one of them begins with 0. Other braces stand for themselves.

    Raises:
        ConfigError: Braces lie in braces, or the text stands for more than a million.
    """
    pieces: list[list[str]] = []
    num_names, end = 1, 0
    for found in _BRACES.finditer(text):
        parts = _num_parts(found[1])
        if not parts:
            continue
        num_names *= parts
        if num_names > MAX_NAMES:
            raise ConfigError(
                f"{url_without_secrets(text)!r} stands for more than {MAX_NAMES:,} names."
            )
        pieces += [[text[end : found.start()]], list(_parts(found[1]))]
        end = found.end()
    pieces.append([text[end:]])
    if end and any("{" in piece or "}" in piece for (piece, *_) in pieces[::2]):
        raise ConfigError(
            f"{url_without_secrets(text)!r} has braces in braces: give each pattern by itself."
        )
    return ["".join(parts) for parts in itertools.product(*pieces)]


def _num_parts(inside: str) -> int:
    """Return how many texts a pair of braces stands for; 0 if they stand for themselves."""
    if found := _NUMBERS.fullmatch(inside):
        return abs(int(found[2]) - int(found[1])) + 1
    return inside.count(",") + 1 if "," in inside else 0


def _parts(inside: str) -> Iterator[str]:
    found = _NUMBERS.fullmatch(inside)
    if not found:
        yield from inside.split(",")
        return
    first, last = int(found[1]), int(found[2])
    is_padded = any(each.startswith("0") and len(each) > 1 for each in found.groups())
    width = max(map(len, found.groups())) if is_padded else 0
    step = 1 if last >= first else -1
    yield from (f"{number:0{width}d}" for number in range(first, last + step, step))
