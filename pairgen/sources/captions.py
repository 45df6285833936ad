"""Captions and class labels from a separate table, for images from any source."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from pairgen.errors import ConfigError
from pairgen.sources.caption_tables import CAPTION_COLUMNS, choose_column, label_text, read_rows
from pairgen.sources.image_files import ImageFile

NAME_COLUMNS = ("file_name", "image", "path", "key")


class Captions:
    """The rows of a table of captions, in memory, and which of them matched an image.

    Args:
        path: A csv, tsv, jsonl or Parquet file with one of the columns `NAME_COLUMNS`. If several
            rows name the same image, the first one counts.
        column: Name of the caption column; empty for a usual one.
        label: Name of the column of class labels; empty for none. Captions are then optional.

    Raises:
        ConfigError: The file cannot be read, has no rows, or lacks a column.
    """

    def __init__(self, path: Path, column: str, label: str = "") -> None:
        self.path = path
        self._folder = path.expanduser().absolute().parent
        self._texts: dict[str, tuple[str, str]] = {}
        self._matched: set[str] = set()
        self.num_repeated = 0
        name_column = ""
        for row in read_rows(path.expanduser()):
            if not name_column:
                columns = list(row)
                column = choose_column(columns, column, path)
                choose_column(columns, label, path)
                name_column = next((name for name in NAME_COLUMNS if name in columns), "")
                if not name_column or not (column or label):
                    raise ConfigError(
                        f"{path} must have one of the columns {', '.join(NAME_COLUMNS)} and one of "
                        f"{', '.join(CAPTION_COLUMNS)} (or --column); it has {', '.join(columns)}."
                    )
            name = PurePosixPath(str(row.get(name_column))).as_posix()
            self.num_repeated += name in self._texts
            caption = str(row.get(column) or "").strip()
            self._texts.setdefault(name, (caption, label_text(row.get(label))))
        if not self._texts:
            raise ConfigError(f"The caption file {path} has no rows.")

    @property
    def num_unmatched(self) -> int:
        """Number of names that have not matched an image so far."""
        return len(self._texts) - len(self._matched)

    def apply(self, files: Iterable[ImageFile]) -> Iterator[ImageFile]:
        """Yield the images with their texts from the table; "" for images without a row."""
        for file in files:
            known = (name for name in self._names(file) if name in self._texts)
            name = next(known, None)
            caption, label = "", ""
            if name is not None:
                self._matched.add(name)
                caption, label = self._texts[name]
            yield replace(file, caption=caption, label=label)

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
