"""Read JSON that may be made to be deep, or to hold text that no file takes."""

import json
from typing import Any

from pairgen.untrusted.malformed import MalformedError

MAX_DEPTH = 50


def load_json(text: str | bytes) -> Any:
    """Return what a JSON text holds.

    Raises:
        MalformedError: It is not JSON in UTF-8, is too deep, or holds a lone surrogate.
    """
    try:
        decoded = text if isinstance(text, str) else text.decode()
        value = json.loads(decoded)
        _check(value, has_escapes="\\u" in decoded)
    except (ValueError, RecursionError) as error:
        raise MalformedError(str(error)) from None
    return value


def _check(value: Any, has_escapes: bool) -> None:
    """Refuse depth and surrogates; both would be raised later, wherever the value is written."""
    level = [value]
    for _ in range(MAX_DEPTH):
        if not level:
            return
        below: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                below += each.values()
                below += each if has_escapes else ()
            elif isinstance(each, list):
                below += each
            elif has_escapes and isinstance(each, str):
                each.encode()
        level = below if has_escapes else [each for each in below if isinstance(each, dict | list)]
    if level:
        raise ValueError(f"it is more than {MAX_DEPTH} levels deep")
