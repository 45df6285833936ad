"""`chain.json`: what a chain of trainings was asked for."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pairgen.errors import ConfigError
from pairgen.redaction import without_secrets_in

CHAIN_FILE = "chain.json"
# Of a process that was killed while it wrote.
PARTIAL_FILE = f".{CHAIN_FILE}.partial"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class ChainFile:
    """The request of a chain.

    Attributes:
        chain: The factors, each twice the one before.
        from_run: Finished run that it continues from; empty for none.
        options: Every other option that was given, such as `steps`, `omega` and `x4.steps`.
        version: Version of the file.
    """

    chain: Sequence[int]
    from_run: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    version: int = VERSION


def read_chain(folder: Path) -> ChainFile | None:
    """Return what a folder's chain was asked for; None if there is no chain.

    Raises:
        ConfigError: The file cannot be read.
    """
    path = folder / CHAIN_FILE
    if not path.is_file():
        return None
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(held, dict):
            raise ValueError(f"it must hold an object, got {held!r}")
        found = ChainFile(**held)
        if found.version != VERSION or not isinstance(found.options, Mapping):
            raise ValueError(f"version {found.version} is not {VERSION}")
        return found
    except (OSError, TypeError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.") from None


def is_partial(path: Path) -> bool:
    """Whether a file is what a killed process has left of a chain's file."""
    return path.name == PARTIAL_FILE


def write_chain(folder: Path, chain: ChainFile) -> None:
    """Write the file of a folder, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / PARTIAL_FILE
    text = json.dumps(without_secrets_in(asdict(chain)), indent=2)
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(folder / CHAIN_FILE)
