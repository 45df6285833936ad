"""Compare a stored sample with the same one made again: which member, which recorded fact."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pairgen.shards.codec import encode_field
from pairgen.types import Sample


def differences(
    made: Sample, members: Mapping[str, bytes | memoryview], facts: Mapping[str, Any]
) -> list[str]:
    """Return what differs between a sample made again and the stored one, facts first.

    Args:
        made: Made from the plan and the source.
        members: Extension to the stored bytes, `json` left out.
        facts: The stored `json`; a string that holds JSON is compared inside.
    """
    found = list(_differing(_opened(facts), _opened(made.facts)))
    for extension in sorted({*members, *made.fields}):
        if extension not in made.fields:
            found.append(f"{extension} is stored and not made")
        elif extension not in members:
            found.append(f"{extension} is made and not stored")
        elif bytes(members[extension]) != encode_field(made.fields[extension]):
            found.append(f"{extension} has other bytes")
    return found


def _opened(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts with the JSON strings among them decoded."""
    opened = dict(facts)
    for name, value in facts.items():
        if isinstance(value, str) and value.startswith("{"):
            try:
                opened[name] = json.loads(value)
            except ValueError:
                continue
    return opened


def _differing(stored: Any, made: Any, path: str = "") -> Iterator[str]:
    """Yield `path: recorded a, made again b` for every leaf that differs."""
    if isinstance(stored, dict) and isinstance(made, dict):
        for key in sorted({*stored, *made}):
            yield from _differing(stored.get(key), made.get(key), f"{path}.{key}" if path else key)
    elif isinstance(stored, list) and isinstance(made, list) and len(stored) == len(made):
        for number, pair in enumerate(zip(stored, made, strict=True)):
            yield from _differing(*pair, f"{path}[{number}]")
    elif type(stored) is not type(made) or stored != made:
        yield f"{path}: recorded {_short(stored)}, made again {_short(made)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
