"""The text of a sample in a tar: a member, or a key of its json. One rule for all commands."""

import json
from collections.abc import Callable, Sequence
from typing import Any

# In this order.
TEXT_MEMBERS = ("txt", "caption", "text", "prompt")


def sample_text(
    read: Callable[[str], bytes | None], names: Sequence[str] = TEXT_MEMBERS
) -> bytes | str | None:
    """Return the text of a sample: the first member of a name, else the first such key of its json.

    Args:
        read: Returns the content of a member; None if the sample has none of that name.
        names: Names of members and keys, in order.

    Returns:
        The bytes of a member, the text under a key, or None if there is none.

    Raises:
        ValueError: There is one, and it is no text.
    """
    for name in names:
        if (content := read(name)) is not None:
            return content
    facts = json_facts(read("json"))
    name = next((each for each in names if facts.get(each) is not None), "")
    value = facts.get(name)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name!r} in its json is {_kind(value)}, no text")
    return value


def json_facts(content: bytes | None) -> dict[str, Any]:
    """Return a json member as a mapping; empty if there is none, or it is something else."""
    try:
        facts = json.loads((content or b"{}").decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _kind(value: Any) -> str:
    kinds = {list: "a list", dict: "a mapping", bool: "true or false", int: "a number"}
    return kinds.get(type(value), "a number")
