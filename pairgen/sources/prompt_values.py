"""Resolve `--prompts`: files, globs, folders, standard input, and literal prompts."""

import bisect
import glob
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pairgen.errors import ConfigError
from pairgen.filesystems import is_url
from pairgen.option_names import option_text
from pairgen.sources.passed_over import PassedOver
from pairgen.sources.paths import AnyPath, matching_paths, name_of, visible_folders
from pairgen.sources.prompt_files import (
    FORMATS,
    prompt_format,
    read_prompt_file,
    read_standard_input,
)
from pairgen.sources.tables import STATE_FILE, saved_files
from pairgen.sources.tars.unpacked import is_tar_name
from pairgen.sources.texts.delimited import Note
from pairgen.sources.texts.rules import Found

STANDARD_INPUT = "-"


@dataclass(frozen=True)
class PromptSource:
    """One file, standard input, or one literal prompt.

    Attributes:
        name: Name to show to the user.
        read: Yields the entries; may raise ConfigError on the way.
    """

    name: str
    read: Callable[[], Iterator[Found]]


class PromptReader:
    """The entries of several sources, one after the other.

    Args:
        sources: The sources, in order.
    """

    def __init__(self, sources: Sequence[PromptSource]) -> None:
        self._sources = sources
        # Number of entries before the first one of each source that was started.
        self._starts: list[int] = []

    def __iter__(self) -> Iterator[Found]:
        self._starts = []
        num_read = 0
        for source in self._sources:
            self._starts.append(num_read)
            for entry in source.read():
                num_read += 1
                yield entry

    def place(self, number: int) -> tuple[str, int]:
        """Return the source of an entry that was read, and its 1-based number in that source."""
        source = bisect.bisect_left(self._starts, number) - 1
        return self._sources[source].name, number - self._starts[source]


def find_prompts(
    values: Sequence[str],
    column: str = "",
    texts: bool = False,
    note: Note = lambda _: None,
    passed_over: PassedOver | None = None,
) -> list[PromptSource]:
    """Return the sources that the values name, in order; matches of a glob are sorted.

    A folder stands for the tars, Parquet files and saved hub datasets in and below it.

    Args:
        values: The values, as typed.
        column: Column of the files; empty for a usual one.
        texts: Whether a value may be a literal prompt: it is one unless it is `-`, a URL, a file, a
            folder with a slash, or has the suffix of a prompt file.
        note: Called with a sentence about what was recognised, while the entries are read.
        passed_over: Counts what folders hold and is not taken; and, each time that the entries are
            read, what tars do. None not to count it.

    Raises:
        ConfigError: A value matches nothing or is not supported, or `-` is given twice.
    """
    if list(values).count(STANDARD_INPUT) > 1:
        raise ConfigError(
            f"{option_text('prompts')} can be read from standard input once, but - is given twice."
        )
    counted = PassedOver() if passed_over is None else passed_over
    sources = []
    for value in values:
        if value == STANDARD_INPUT:
            sources.append(PromptSource("standard input", partial(read_standard_input, column)))
        elif texts and not _is_path(value):
            if column:
                raise ConfigError(
                    f"{value!r} is a prompt, not a file, so it has no column {column!r}: leave "
                    "the column out."
                )
            sources.append(PromptSource(value, partial(iter, (value,))))
        else:
            sources += [
                PromptSource(str(f), partial(read_prompt_file, f, column, note, counted))
                for f in _files(value, counted)
            ]
    return sources


def describe_values(values: Sequence[str]) -> str:
    """Return a short name of the values, for the plan."""
    if len(values) > 1:
        return f"{len(values)} sources"
    return "standard input" if values[0] == STANDARD_INPUT else name_of(values[0])


def _is_path(value: str) -> bool:
    if is_url(value):
        return True
    # Path.is_file would raise for a prompt that is longer than a file name may be.
    # A single word may be a folder's name by chance; with a slash, the folder is meant.
    path = os.path.expanduser(value)
    is_folder = "/" in value and os.path.isdir(path)
    return is_folder or os.path.isfile(path) or value.lower().endswith(FORMATS)


def _files(value: str, passed_over: PassedOver) -> list[AnyPath]:
    paths = matching_paths(value)
    if not paths and glob.has_magic(value):
        raise ConfigError(f"No prompts match {value!r}.")
    # `**` matches folders and what lies in them, which is then read as itself.
    opened = {folder for path in paths for folder in path.parents} if "**" in value else set()
    files: list[AnyPath] = []
    for path in paths or [Path(value).expanduser()]:
        if path.is_dir():
            if path not in opened:
                files += _files_below(path, passed_over)
            continue
        prompt_format(path)
        if not path.is_file():
            raise ConfigError(f"There is no prompt file {str(path)!r}.")
        files.append(path)
    return files


def _files_below(folder: AnyPath, passed_over: PassedOver) -> list[AnyPath]:
    files: list[AnyPath] = []
    for root, names in visible_folders(folder, passed_over):
        saved, there = saved_files(root, names), frozenset(names)
        for name in names:
            # What made a tar lists its samples in a table of its name.
            is_table = name.lower().endswith(".parquet")
            is_list = is_table and f"{Path(name).stem}.tar" in there
            if is_tar_name(name) or (is_table and not is_list) or name in saved:
                files.append(root / name)
            elif not is_list and name != STATE_FILE:
                passed_over.file(name)
    if not files:
        raise ConfigError(
            f"The folder {folder} holds no tars, Parquet files or saved hub dataset; name other "
            f"files by a glob, such as '{folder}/*.txt'."
        )
    return files
