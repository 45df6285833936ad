"""`chain.json`: what a chain of trainings was asked for, and what its stages have become."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pairgen.model_config import CHAIN_FILE
from pairgen.redaction import without_secrets_in
from pairgen.training.runs.json_file import partial_of, read_json, write_json

VERSION = 1


@dataclass(frozen=True, kw_only=True)
class ChainFile:
    """A chain.

    Attributes:
        chain: The factors, each twice the one before.
        from_run: Finished run that it continues from; empty for none.
        options: Every other option that was given, such as `steps`, `omega` and `x4.steps`.
        weights: SHA-256 of each stage's weights when its training ended, by the name of its folder,
            and of the run that the chain continues from, see `chain_weights`.
        version: Version of the file.
    """

    chain: Sequence[int]
    from_run: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)
    version: int = VERSION


def read_chain(folder: Path) -> ChainFile | None:
    """Return the chain of a folder; None if there is none.

    Raises:
        ConfigError: The file cannot be read.
    """
    return read_json(folder / CHAIN_FILE, _made, "the file of a chain")


def _made(held: dict[str, Any]) -> ChainFile:
    found = ChainFile(**held)
    if found.version != VERSION:
        raise ValueError(f"version must be {VERSION}, got {found.version!r}")
    for name in ("options", "weights"):
        if not isinstance(getattr(found, name), Mapping):
            raise ValueError(f"{name} must be a mapping, got {getattr(found, name)!r}")
    return found


def is_partial(path: Path) -> bool:
    """Whether a file is what a killed process has left of a chain's file."""
    return path == partial_of(path.with_name(CHAIN_FILE))


def write_chain(folder: Path, chain: ChainFile) -> None:
    """Write the file of a folder, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / CHAIN_FILE, without_secrets_in(asdict(chain)))
