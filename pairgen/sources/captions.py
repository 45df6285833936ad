"""Captions from a table of their own, whatever kind of place the images lie in."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from pairgen.errors import ConfigError
from pairgen.sources.caption_tables import CAPTION_COLUMNS, choose_column, read_rows
from pairgen.sources.image_files import ImageFile

NAME_COLUMNS = ("file_name", "image", "path", "key")


class Captions:
    """The rows of a table, in memory, and which of them have found an image.

    Args:
        path: A csv, tsv, jsonl or Parquet file with a column of `NAME_COLUMNS`. Of rows that name
            one image the first holds.
        column: Of the captions; empty for a usual one.

    Raises:
        ConfigError: The file cannot be read, has no rows, or lacks a column.
    """

    def __init__(self, path: Path, column: str) -> None:
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
                        f"{path} needs one of the columns {', '.join(NAME_COLUMNS)} and one of "
                        f"{', '.join(CAPTION_COLUMNS)} (or --column); it has {', '.join(columns)}."
                    )
            name = PurePosixPath(str(row.get(name_column))).as_posix()
            self.num_repeated += name in self._captions
            self._captions.setdefault(name, str(row.get(column) or "").strip())
        if not self._captions:
            raise ConfigError(f"The captions {path} have no rows.")

    @property
    def num_unmatched(self) -> int:
        """Names that belong to no image so far."""
        return len(self._captions) - len(self._matched)

    def apply(self, files: Iterable[ImageFile]) -> Iterator[ImageFile]:
        """Yield the images with their captions from the table; empty where it has no row."""
        for file in files:
            known = (name for name in self._names(file) if name in self._captions)
            name = next(known, None)
            if name is not None:
                self._matched.add(name)
            yield replace(file, caption="" if name is None else self._captions[name])

    def _names(self, file: ImageFile) -> Iterator[str]:
        """Yield what a row may call an image, the recorded name first."""
        yield file.name
        yield os.path.splitext(file.name)[0]
        if file.kind == "file":
            yield file.container
            yield PurePosixPath(os.path.relpath(file.container, self._folder)).as_posix()
        elif file.kind == "tar":
            inside = file.name.partition(f"{Path(file.container).name}/")[2]
            yield inside
            yield os.path.splitext(inside)[0]
