"""The text of a sample in a tar: a member, or a key of its json. One rule for all commands."""

from collections.abc import Callable, Sequence
from typing import Any

from pairgen.sources.texts.rules import Found, decoded, kind_of, parsed

# In this order.
TEXT_MEMBERS = ("txt", "caption", "text", "prompt")
FACTS_MEMBER = "json"


def sample_text(
    read: Callable[[str], bytes | None], names: Sequence[str] = TEXT_MEMBERS
) -> Found | list[Any] | None:
    """Return the text of a sample: the first member of a name, else the first such key of its json.

    Args:
        read: Returns the content of a member; None if the sample has none of that name.
        names: Names of members and keys, in order.

    Returns:
        The text, or the reason why it is none; a list as it stands under a key; None for nothing.
    """
    for name in names:
        if (content := read(name)) is not None:
            return decoded(content)
    facts = json_facts(read(FACTS_MEMBER))
    name = next((each for each in names if facts.get(each) is not None), "")
    value = facts.get(name)
    if value is None or isinstance(value, str | list):
        return value
    return ValueError(f"holds {kind_of(value)} under {name!r} of json")


def json_facts(content: bytes | None) -> dict[str, Any]:
    """Return a json member as a mapping; empty if there is none, or it is something else."""
    if not content:
        return {}
    facts = parsed(content.decode("utf-8", "surrogateescape"))
    return facts if isinstance(facts, dict) else {}
