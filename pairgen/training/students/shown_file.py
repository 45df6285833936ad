"""The file of what the grids of a run show, so that a resumed run shows the same."""

import json
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pairgen.regular_file import open_regular

VALIDATION_FILE = "validation.npz"
# What NumPy and zipfile raise for damaged files.
UNREADABLE: tuple[type[Exception], ...] = (
    *(OSError, ValueError, LookupError, TypeError, EOFError, MemoryError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error, struct.error),
)


def save_shown_file(path: Path, prompts: Sequence[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Write prompts and arrays; a file under this name is always whole."""
    every: dict[str, Any] = {
        "prompts": np.frombuffer(json.dumps(prompts).encode(), np.uint8),
        **arrays,
    }
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        np.savez(file, **every)
    partial.replace(path)


def load_shown_file(
    path: Path, names: Sequence[str]
) -> tuple[tuple[str, ...], dict[str, np.ndarray]] | None:
    """Return prompts and arrays; None if there is no such file, or none that can be read."""
    try:
        with open_regular(path) as file, np.load(file, allow_pickle=False) as found:
            prompts = json.loads(found["prompts"].tobytes())
            return tuple(prompts), {name: found[name] for name in names}
    except UNREADABLE:
        return None
