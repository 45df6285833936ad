"""The record of a user's own code in a plan or a run: one hash, its modules, and other code.

`{"sha256": ..., "modules": {name: sha256}, "others": [{"sha256": ..., "modules": ...}]}`, where
`others` is code that shards or steps were made by before, or on another machine. It is empty for
whoever uses pairgen's own parts only.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pairgen.errors import ChangedCodeError
from pairgen.module_files import find_source
from pairgen.own_code.modules import sha256_if_readable
from pairgen.types import canonical_json

# Digits of a hash in messages.
SHORT = 12
NOT_RECORDED = "has no record of your own code, which may have changed since: recorded from now on."

_HASH = re.compile("[0-9a-f]{64}")
ACCEPT = (
    "Put it back, start anew in another folder, or add --accept-changed-code: what was made "
    "stands, and what is made from now on is recorded with the new code."
)


def hash_of(modules: Mapping[str, str]) -> str:
    """Return the one hash of all modules; empty for none."""
    return hashlib.sha256(canonical_json(dict(modules)).encode()).hexdigest() if modules else ""


def record_of(modules: Mapping[str, str], others: Iterable[Any] = ()) -> dict[str, Any]:
    """Return the record of modules; empty for none."""
    if not modules:
        return {}
    found = {"sha256": hash_of(modules), "modules": dict(sorted(modules.items()))}
    kept = [each for each in others if each["sha256"] != found["sha256"]]
    return {**found, "others": kept} if kept else found


def modules_in(record: Any) -> dict[str, str]:
    """Return the modules of a record, which may come from a stranger; empty for none."""
    modules = record.get("modules") if isinstance(record, Mapping) else None
    found = modules.items() if isinstance(modules, Mapping) else ()
    # Both are shown in messages.
    return {str(name): str(it) for name, it in found if _is_name(name) and _HASH.fullmatch(str(it))}


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and all(part.isidentifier() for part in name.split("."))


def others_in(record: Any) -> list[dict[str, Any]]:
    """Return what else a record tells of, see above."""
    others = record.get("others") if isinstance(record, Mapping) else None
    found = map(modules_in, others) if isinstance(others, list | tuple) else ()
    return [record_of(modules) for modules in found if modules]


def with_more(record: Mapping[str, Any], modules: Mapping[str, str]) -> dict[str, Any]:
    """Return a record that tells of the modules of a sample that was made too."""
    known, others = modules_in(record), others_in(record)
    if changes(known, modules):
        new = record_of(modules)
        return record_of(known, others if new in others else [*others, new])
    return record_of({**known, **modules}, others)


def replaced(record: Mapping[str, Any], modules: Mapping[str, str]) -> dict[str, Any]:
    """Return the record of modules that take the place of those of a record."""
    before = record_of(modules_in(record))
    return record_of(modules, [*others_in(record), *([before] if before else [])])


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return each module that both have and that differs, with both hashes, for messages."""
    return [
        f"{name} (was {before[name][:SHORT]}, is {now[name][:SHORT]})"
        for name in sorted(before.keys() & now.keys())
        if before[name] != now[name]
    ]


def seen(
    before: Mapping[str, str], now: Mapping[str, str], folders: Iterable[str]
) -> dict[str, str]:
    """Return the modules of now, with those of before that are not loaded yet, as their files are.

    Args:
        before: The recorded modules.
        now: Those that are loaded.
        folders: Folders that own modules are searched in, after all others.
    """
    found = dict(now)
    for name in before.keys() - now.keys():
        source = find_source(name, folders)
        if source is not None and (sha256 := sha256_if_readable(source)):
            found[name] = sha256
    return found


def refuse(what: str, different: list[str], where: str = "", remedy: str = ACCEPT) -> None:
    """Refuse to mix what two states of the user's own code make.

    Args:
        what: What was made, and would be continued.
        different: The modules that differ, from `changes`.
        where: Where they differ, if not on this machine.
        remedy: What to do.

    Raises:
        ChangedCodeError: There are some.
    """
    if different:
        told = f"Your own code{where} differs from the code that made {what}"
        raise ChangedCodeError(f"{told}: {', '.join(different)}. {remedy}")
