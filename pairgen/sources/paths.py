"""Resolve paths, globs and URLs from the command line, and walk folders."""

import glob
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from pairgen.errors import ConfigError
from pairgen.filesystems import is_url, protocol_of, without_file_scheme
from pairgen.redaction import url_without_secrets
from pairgen.regular_file import open_regular
from pairgen.sources.passed_over import PassedOver, hidden_kind
from pairgen.sources.urls.braces import expanded
from pairgen.sources.urls.path import UrlPath
from pairgen.sources.urls.values import has_pattern, matching_urls, name_of_url

# A file or folder here, or behind a URL.
AnyPath = Path | UrlPath


def matching_paths(value: str) -> list[AnyPath]:
    """Return the path itself if it exists, else the sorted matches of the glob; may be empty.

    Raises:
        ConfigError: Nothing matches a URL, or it cannot be opened.
        StoreError: What is behind a URL cannot be reached.
    """
    if is_remote(value):
        return list(matching_urls(value))
    if not is_url(value):
        return list(_matching(value))
    found: list[AnyPath] = []
    for each in expanded(value):
        if not (matches := _matching(without_file_scheme(each))):
            raise ConfigError(f"Nothing is at {each!r}: no such file, folder or glob.")
        found += matches
    return found


def _matching(value: str) -> list[Path]:
    path = os.path.expanduser(value)
    if os.path.exists(path):
        return [Path(path)]
    return [Path(match) for match in sorted(glob.glob(path, recursive=True))]


def named_paths(value: str, inputs: str) -> list[AnyPath]:
    """Return the path itself if it exists, else the sorted matches of the glob.

    Args:
        value: The path, glob or URL, as typed.
        inputs: What the user is looking for, as errors call it, such as `images`.

    Raises:
        ConfigError: Nothing matches.
        StoreError: What is behind a URL cannot be reached.
    """
    found = matching_paths(value)
    if not found and glob.has_magic(value):
        raise ConfigError(f"No {inputs} match {value!r}.")
    if not found:
        raise ConfigError(f"There are no {inputs} at {value!r}: no such file, folder or glob.")
    return found


def is_glob(value: str) -> bool:
    """Whether a value is no path but a pattern."""
    if is_remote(value):
        return has_pattern(value)
    return not os.path.exists(os.path.expanduser(without_file_scheme(value)))


def is_remote(value: str) -> bool:
    """Whether a value is a URL of something that is no local file."""
    return is_url(value) and protocol_of(value) not in ("file", "local")


def local_file(value: str, name: str) -> Path:
    """Return the path of a file that must be on this machine.

    Args:
        value: The path, as typed.
        name: What the file holds, as errors call it.

    Raises:
        ConfigError: It is a URL.
    """
    if is_url(value):
        raise ConfigError(
            f"{name} must be a file of this machine, got the URL {url_without_secrets(value)!r}."
        )
    return Path(value).expanduser()


def name_of(value: str) -> str:
    """Return the last part of a path or URL, without secrets."""
    return name_of_url(value) if is_remote(value) else Path(value).name


def relative_name(path: AnyPath, folder: AnyPath) -> str:
    """Return the path from a folder on, with `/` between its parts; all of it if not below it."""
    if isinstance(path, UrlPath):
        return path.name_below(folder) if isinstance(folder, UrlPath) else str(path)
    if isinstance(folder, Path):
        with suppress(ValueError):
            path = path.relative_to(folder)
    return path.as_posix()


def open_path(path: AnyPath) -> BinaryIO:
    """Open a file that must be one, or what is behind a URL.

    Raises:
        OSError: It is no file, or cannot be read.
    """
    return open_regular(path) if isinstance(path, Path) else path.open("rb")


def names_in(folder: AnyPath) -> list[str]:
    """Return the names in a folder."""
    return os.listdir(folder) if isinstance(folder, Path) else folder.names()


def visible_folders(
    folder: AnyPath, passed_over: PassedOver
) -> Iterator[tuple[AnyPath, list[str]]]:
    """Yield a folder and each folder below it, with their sorted file names.

    Links to folders are followed; each real folder is given once, so that loops end. Hidden folders
    and files are left out, and `__meta__`, where a dataset keeps everything that is not a sample.

    Args:
        folder: The folder.
        passed_over: Counts what is hidden.
    """
    seen: set[str] = set()
    for root, folders, names in _walk(folder):
        real = os.path.realpath(root) if isinstance(root, Path) else root.place
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        passed_over.add("hidden folder", sum(each.startswith(".") for each in folders))
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f != "__meta__")
        for name in names:
            if name.startswith("."):
                passed_over.add(hidden_kind(name))
        yield root, sorted(name for name in names if not name.startswith("."))


def _walk(folder: AnyPath) -> Iterator[tuple[AnyPath, list[str], list[str]]]:
    if isinstance(folder, UrlPath):
        yield from folder.walk()
        return
    for root, folders, names in os.walk(folder, followlinks=True):
        yield Path(root), folders, names
