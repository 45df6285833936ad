"""Captions from a separate table, for images from any source."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from pairgen.errors import ConfigError
from pairgen.sources.caption_tables import CAPTION_COLUMNS, choose_column, read_rows
from pairgen.sources.image_files import ImageFile

NAME_COLUMNS = ("file_name", "image", "path", "key")


class Captions:
    """The rows of a caption table, in memory, and which of them matched an image.

    Args:
        path: A csv, tsv, jsonl or Parquet file with one of the columns `NAME_COLUMNS`. If several
            rows name the same image, the first one counts.
        column: Name of the caption column; empty for a usual one.

    Raises:
        ConfigError: The file cannot be read, has no rows, or lacks a column.
    """

    def __init__(self, path: Path, column: str) -> None:
        self.path = path
        self._folder = path.expanduser().absolute().parent
        self._captions: dict[str, str] = {}
        self._matched: set[str] = set()
        self.num_repeated = 0
        name_column = ""
        for row in read_rows(path.expanduser()):
            if not name_column:
                columns = list(row)
                column = choose_column(columns, column, path)
                name_column = next((name for name in NAME_COLUMNS if name in columns), "")
                if not name_column or not column:
                    raise ConfigError(
                        f"{path} must have one of the columns {', '.join(NAME_COLUMNS)} and one of "
                        f"{', '.join(CAPTION_COLUMNS)} (or --column); it has {', '.join(columns)}."
                    )
            name = PurePosixPath(str(row.get(name_column))).as_posix()
            self.num_repeated += name in self._captions
            self._captions.setdefault(name, str(row.get(column) or "").strip())
        if not self._captions:
            raise ConfigError(f"The caption file {path} has no rows.")

    @property
    def num_unmatched(self) -> int:
        """Number of names that have not matched an image so far."""
        return len(self._captions) - len(self._matched)

    def apply(self, files: Iterable[ImageFile]) -> Iterator[ImageFile]:
        """Yield the images with their captions from the table; "" for images without a row."""
        for file in files:
            known = (name for name in self._names(file) if name in self._captions)
            name = next(known, None)
            if name is not None:
                self._matched.add(name)
            yield replace(file, caption="" if name is None else self._captions[name])

    def _names(self, file: ImageFile) -> Iterator[str]:
        """Yield the names that a row may use for an image, the recorded name first."""
        yield file.name
        yield os.path.splitext(file.name)[0]
        if file.kind == "file":
            yield file.container
            yield PurePosixPath(os.path.relpath(file.container, self._folder)).as_posix()
        elif file.kind == "tar":
            inside = file.name.partition(f"{Path(file.container).name}/")[2]
            yield inside
            yield os.path.splitext(inside)[0]
