"""Resolve paths and globs from the command line, and walk folders."""

import glob
import os
import re
from collections.abc import Iterator
from pathlib import Path

from pairgen.errors import ConfigError
from pairgen.sources.passed_over import PassedOver, hidden_kind
from pairgen.sources.texts.tables import as_text

# A line of BasicSR's lists: a path, height, width and channels, and a class.
_META_INFO = re.compile(r"(.+?) \(\d+, ?\d+, ?\d+\)(?: \d+)?")


def matching_paths(value: str) -> list[Path]:
    """Return the path itself if it exists, else the sorted matches of the glob; may be empty."""
    path = os.path.expanduser(value)
    if os.path.exists(path):
        return [Path(path)]
    return [Path(match) for match in sorted(glob.glob(path, recursive=True))]


def named_paths(value: str, inputs: str) -> list[Path]:
    """Return the path itself if it exists, else the sorted matches of the glob.

    Args:
        value: The path or glob, as typed.
        inputs: What the user is looking for, as errors call it, such as `images`.

    Raises:
        ConfigError: Nothing matches.
    """
    found = matching_paths(value)
    if not found and glob.has_magic(value):
        raise ConfigError(f"No {inputs} match {value!r}.")
    if not found:
        raise ConfigError(f"There are no {inputs} at {value!r}: no such file, folder or glob.")
    return found


def listed_paths(path: Path) -> Iterator[Path]:
    """Yield the paths of a list with one in a line; they begin in its folder if not absolute.

    Lists of BasicSR give sizes and classes too, which are passed over.
    """
    for line in as_text(path.read_bytes()).splitlines():
        if line := line.strip():
            found = _META_INFO.fullmatch(line)
            yield path.parent / (found[1] if found else line)


def is_glob(value: str) -> bool:
    """Whether a value is no path but a pattern."""
    return not os.path.exists(os.path.expanduser(value))


def visible_folders(folder: Path, passed_over: PassedOver) -> Iterator[tuple[Path, list[str]]]:
    """Yield a folder and each folder below it, with their sorted file names.

    Links to folders are followed; each real folder is given once, so that loops end. Hidden folders
    and files are left out, and `__meta__`, where a dataset keeps everything that is not a sample.

    Args:
        folder: The folder.
        passed_over: Counts what is hidden.
    """
    seen: set[str] = set()
    for root, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(root)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        passed_over.add("hidden folder", sum(each.startswith(".") for each in folders))
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f != "__meta__")
        for name in names:
            if name.startswith("."):
                passed_over.add(hidden_kind(name))
        yield Path(root), sorted(name for name in names if not name.startswith("."))
