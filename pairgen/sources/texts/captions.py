"""Captions and class labels from a separate table, for images from any source."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from pairgen.errors import ConfigError
from pairgen.sources.image_file import ImageFile
from pairgen.sources.paths import is_remote, name_of
from pairgen.sources.photographs import ImageSize, UnusableImageError
from pairgen.sources.texts.delimited import Note
from pairgen.sources.texts.named import NAME_COLUMNS, NamedTexts, read_named_texts
from pairgen.sources.texts.rules import Text


class Captions:
    """The rows of a table of captions, in memory, and which of them matched an image.

    Args:
        path: A csv, tsv, jsonl or Parquet file with one of the columns `NAME_COLUMNS`. If several
            rows name the same image, the first one counts.
        column: Name of the caption column; empty for a usual one.
        label: Name of the column of class labels; empty for none. Captions are then optional.
        note: Called with a sentence about what was recognised.

    Attributes:
        path: Path of the table.
        texts: What its rows say, by the name of the image.

    Raises:
        ConfigError: The file cannot be read, has no rows, or lacks a column.
    """

    def __init__(
        self, path: Path, column: str, label: str = "", note: Note = lambda _: None
    ) -> None:
        self.path = path
        self._folder = path.expanduser().absolute().parent
        self.texts: NamedTexts = read_named_texts(
            path.expanduser(), NAME_COLUMNS, column, label, note
        )
        if not len(self.texts):
            raise ConfigError(f"The caption file {path} has no rows.")

    @property
    def num_unmatched(self) -> int:
        """Number of names that have not matched an image so far."""
        return self.texts.num_unmatched

    @property
    def num_repeated(self) -> int:
        """Number of rows with the name of an earlier one."""
        return self.texts.num_repeated

    def apply(self, files: Iterable[ImageFile]) -> Iterator[ImageFile]:
        """Yield the images with their texts from the table; "" for images without a row."""
        for file in files:
            text = next((t for t in map(self.texts.get, self._names(file)) if t), Text())
            text = replace(text, caption=(text.caption or "").strip())
            yield replace(file, **text.of_image(self.path))

    def _names(self, file: ImageFile) -> Iterator[str]:
        """Yield the names that a row may use for an image, the recorded name first."""
        yield file.name
        yield os.path.splitext(file.name)[0]
        if file.kind == "file":
            yield file.container
            if is_remote(file.container):
                return
            yield PurePosixPath(os.path.relpath(file.container, self._folder)).as_posix()
        elif file.kind == "tar":
            inside = file.name.partition(f"{name_of(file.container)}/")[2]
            yield inside
            yield os.path.splitext(inside)[0]


def check_caption(file: ImageFile, hint: str = "", *, may_be_several: bool = False) -> None:
    """Check that the caption of an image was understood.

    Args:
        file: The image.
        hint: What an image with several captions needs, for the error.
        may_be_several: Whether an image may have several.

    Raises:
        UnusableImageError: It was not, or the image has several captions and may not.
    """
    if file.fault:
        raise UnusableImageError(file.fault)
    if file.captions and not may_be_several:
        num = len(file.captions)
        what = "caption" if num == 1 else "captions"
        raise UnusableImageError(f"has {num} {what}, a list{hint}")


def with_captions_checked(
    size_of: Callable[[ImageFile], ImageSize], hint: str = "", *, may_be_several: bool = False
) -> Callable[[ImageFile], ImageSize]:
    """Return `size_of`, with images refused whose captions were not understood.

    Args:
        size_of: Returns the size of an image.
        hint: As for `check_caption`.
        may_be_several: As for `check_caption`.
    """

    def checked(file: ImageFile) -> ImageSize:
        check_caption(file, hint, may_be_several=may_be_several)
        return size_of(file)

    return checked
