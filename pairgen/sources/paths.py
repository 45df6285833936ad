"""What a value on the command line names: a path or a glob, and what lies below a folder."""

import glob
import os
from collections.abc import Iterator
from pathlib import Path

from pairgen.errors import ConfigError


def matching_paths(value: str) -> list[Path]:
    """Return the path itself if it is there, else what the glob matches, sorted; none else."""
    path = os.path.expanduser(value)
    if os.path.exists(path):
        return [Path(path)]
    return [Path(match) for match in sorted(glob.glob(path, recursive=True))]


def named_paths(value: str, inputs: str) -> list[Path]:
    """Return the path itself if it is there, else what the glob matches, sorted.

    Args:
        value: As typed.
        inputs: What is looked for, as an error calls it: `images`.

    Raises:
        ConfigError: It names nothing.
    """
    found = matching_paths(value)
    if not found and glob.has_magic(value):
        raise ConfigError(f"Nothing matches the {inputs} {value!r}.")
    if not found:
        raise ConfigError(f"There are no {inputs} {value!r}: it is no file, folder or glob.")
    return found


def visible_folders(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield each folder at and below one, with its files' names sorted.

    Hidden folders and files are left out, and `__meta__`, where a dataset keeps what is no sample.
    """
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f != "__meta__")
        yield Path(root), sorted(name for name in names if not name.startswith("."))
