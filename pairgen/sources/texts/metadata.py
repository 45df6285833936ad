"""The metadata files of folders of images, as the hub's `imagefolder` reads them.

A metadata.csv, .jsonl or .parquet names images by `file_name`, a path below its own folder. The
row of the nearest folder counts. Unlike there, an image without a row is kept, without a caption.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pairgen.errors import ConfigError
from pairgen.sources.paths import AnyPath, relative_name
from pairgen.sources.tables import table_schema
from pairgen.sources.texts.delimited import Note
from pairgen.sources.texts.named import NamedTexts, read_named_texts
from pairgen.sources.texts.rules import Text

METADATA_FILES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
NAME_COLUMN = "file_name"


@dataclass(frozen=True)
class MetadataFile:
    """A metadata file that was read.

    Attributes:
        path: Its path.
        texts: What its rows say.
    """

    path: AnyPath
    texts: NamedTexts


class FolderMetadata:
    """The metadata files of folders that are walked from the top.

    Args:
        column: Name of the caption column; empty for a usual one.
        label: Name of the column of class labels; empty for none.
        note: Called with a sentence about what was recognised.
    """

    def __init__(self, column: str, label: str, note: Note = lambda _: None) -> None:
        self._columns = (column, label)
        self._note = note
        self._by_folder: dict[AnyPath, MetadataFile] = {}

    @property
    def files(self) -> Sequence[MetadataFile]:
        """The files read so far."""
        return list(self._by_folder.values())

    def enter(self, folder: AnyPath, names: Sequence[str]) -> None:
        """Read the metadata file of a folder, if it has one and it was not read before.

        Args:
            folder: Path of the folder.
            names: Names of the files in it.

        Raises:
            ConfigError: It has several, or the file cannot be read or lacks a column.
        """
        there = [name for name in METADATA_FILES if name in names]
        paths = [folder / name for name in there if _is_metadata(folder / name)]
        if len(paths) > 1:
            raise ConfigError(
                f"The folder {folder} has {' and '.join(path.name for path in paths)}: keep one."
            )
        if paths and folder not in self._by_folder:
            texts = read_named_texts(paths[0], (NAME_COLUMN,), *self._columns, self._note)
            self._by_folder[folder] = MetadataFile(paths[0], texts)

    def has_read(self, path: AnyPath) -> bool:
        """Whether a file is one of the metadata files."""
        file = self._by_folder.get(path.parent) if self._by_folder else None
        return file is not None and file.path == path

    def of(self, path: AnyPath) -> tuple[Text | None, AnyPath | None]:
        """Return what the nearest file says about an image, and its path; None without a row."""
        if not self._by_folder:
            return None, None
        for folder in path.parents:
            file = self._by_folder.get(folder)
            if file is None:
                continue
            text = file.texts.get(relative_name(path, folder))
            if text is not None:
                return text, file.path
        return None, None


def _is_metadata(path: AnyPath) -> bool:
    """Whether a file names images; a Parquet file of this name may hold them itself."""
    return path.suffix != ".parquet" or NAME_COLUMN in table_schema(path, "parquet").names
