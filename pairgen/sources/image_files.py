"""Find images: in folders, globs, lists of paths, WebDataset tars, Parquet and Arrow files.

The order of the images depends on names alone. Each image has an address that a worker on another
machine can read by itself: a file, and a place in it.
"""

import io
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pairgen.errors import ConfigError
from pairgen.sources.caption_tables import as_text, folder_texts
from pairgen.sources.image_tables import table_cell, table_images
from pairgen.sources.paths import named_paths, visible_folders
from pairgen.sources.tables import saved_files
from pairgen.sources.tars import split_member

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")


@dataclass(frozen=True)
class ImageFile:
    """Where the bytes of an image are.

    Attributes:
        name: Name that is recorded: the path below what the user gave.
        container: Absolute path of the file.
        kind: `file`, `tar`, `parquet` or `arrow`; `painted` for a `PaintedFile`.
        place: Offset in the tar or row in the table; 0 for a plain file.
        num_bytes: Size of the image in bytes.
        column: Image column of the table; empty otherwise.
        caption: Text that came with the image; empty for none.
        label: Class label that came with the image, as written; empty for none.
        partner: The other image of a pair: LR, or the source of an edit; None for none.
        tag: Text about the content that came with a pair; empty for none.
    """

    name: str
    container: str
    kind: str
    place: int
    num_bytes: int
    column: str
    caption: str
    label: str = ""
    partner: "ImageFile | None" = None
    tag: str = ""

    def open(self) -> BinaryIO:
        """Open the image's bytes as a binary file.

        Raises:
            OSError: The file no longer exists or cannot be read.
        """
        if self.kind == "file":
            return open(self.container, "rb")
        if self.kind in ("parquet", "arrow"):
            return io.BytesIO(table_cell(self.container, self.kind, self.column, self.place))
        with open(self.container, "rb") as file:
            file.seek(self.place)
            return io.BytesIO(file.read(self.num_bytes))

    def read(self) -> bytes:
        """Return the image's bytes.

        Raises:
            OSError: The file no longer exists or cannot be read.
        """
        with self.open() as file:
            return file.read()


@dataclass(frozen=True)
class TextColumns:
    """Columns to read with the images.

    Attributes:
        caption: Caption column of metadata, Parquet and Arrow files; empty for a usual one.
        label: Column of class labels in these, or member of a tar, such as `cls`; empty for none.
    """

    caption: str = ""
    label: str = ""


def find_images(values: Sequence[str], column: str = "", label: str = "") -> Iterator[ImageFile]:
    """Yield the images of all values; those of each value are sorted by name.

    Args:
        values: A folder (searched recursively, without hidden folders and `__meta__`), a glob, an
            image, a `.txt` list of paths, a `.tar`, a `.parquet` or an `.arrow`. In a folder, tars,
            Parquet files and the Arrow files of a saved hub dataset are read too. Captions come
            from a `.txt` of the same name beside an image, from the folder's metadata.csv or
            metadata.jsonl (`file_name`, and one of caption, text, prompt, txt), from a tar's `txt`
            member, or from such a column of a Parquet or Arrow file.
        column: Caption column of metadata, Parquet and Arrow files; empty for a usual one.
        label: Column of class labels in these, or member of a tar, such as `cls`; empty for none.

    Raises:
        ConfigError: A value matches nothing, or a container cannot be read.
    """
    for value in values:
        for path in named_paths(value, "images"):
            yield from _in_path(path, TextColumns(column, label))


def without_repeats(files: Iterator[ImageFile]) -> Iterator[ImageFile]:
    """Yield each image once, even if several values name it."""
    seen: set[tuple[str, int]] = set()
    for file in files:
        place = (file.container, file.place)
        if place not in seen:
            seen.add(place)
            yield file


def _in_path(path: Path, columns: TextColumns) -> Iterator[ImageFile]:
    if path.is_dir():
        return _in_folder(path, columns)
    return _in_file(path, path.parent, columns)


def _in_folder(folder: Path, columns: TextColumns) -> Iterator[ImageFile]:
    for root, names in visible_folders(folder):
        texts = folder_texts(root, names, columns.caption, columns.label)
        saved = saved_files(root, names)
        for name in names:
            path = root / name
            if path.suffix.lower() in SUFFIXES:
                yield image_file(path, folder, *texts.get(name, (None, "")))
            elif path.suffix.lower() in (".tar", ".parquet") or name in saved:
                yield from _in_file(path, folder, columns)


def _in_file(path: Path, root: Path, columns: TextColumns) -> Iterator[ImageFile]:
    suffix = path.suffix.lower()
    if suffix == ".tar":
        if columns.caption:
            raise ConfigError(
                f"column {columns.caption!r} applies to tables, but {path} is a tar with captions "
                "in its txt members: give a caption table with --captions."
            )
        return _in_tar(path, root, columns.label)
    if suffix in (".parquet", ".arrow"):
        return _in_table(path, root, suffix[1:], columns)
    if suffix == ".txt":
        return _in_list(path)
    if suffix in SUFFIXES:
        return iter([image_file(path, root)])
    raise ConfigError(
        f"Images must be a folder, a glob, .tar, .parquet, .arrow, a .txt list of paths or "
        f"{', '.join(SUFFIXES)}, got {str(path)!r}."
    )


def image_file(path: Path, root: Path, caption: str | None = None, label: str = "") -> ImageFile:
    """Return a plain file as an image.

    Args:
        path: The file; whether it exists shows when it is opened.
        root: Folder below which its recorded name begins.
        caption: Its caption; None for the text file beside it.
        label: Its class label.
    """
    if caption is None:
        beside = path.with_suffix(".txt")
        caption = as_text(beside.read_bytes()) if beside.is_file() else ""
    try:
        num_bytes = path.stat().st_size
    except OSError:
        # A dangling link, or a path in a list that does not exist: opening it gives the reason.
        num_bytes = 0
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
    return ImageFile(name, str(path.absolute()), "file", 0, num_bytes, "", caption, label)


def _in_list(path: Path) -> Iterator[ImageFile]:
    """Yield the images of a list with one path per line; relative to the list if not absolute."""
    for line in as_text(path.read_bytes()).splitlines():
        if line.strip():
            yield image_file(path.parent / line.strip(), path.parent)


def _in_tar(path: Path, root: Path, label: str) -> Iterator[ImageFile]:
    """Yield the image of every key; members such as `lr4.png` are not images to read."""
    name, found = path.relative_to(root).as_posix(), dict[str, dict[str, tarfile.TarInfo]]()
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                if member.isfile():
                    key, extension = split_member(member.name)
                    found.setdefault(key, {})[extension] = member
            for key, members in sorted(found.items()):
                caption = _text_of(tar, members.get("txt"))
                class_label = _text_of(tar, members.get(label))
                for extension in (suffix[1:] for suffix in SUFFIXES):
                    if extension in members:
                        place, size = members[extension].offset_data, members[extension].size
                        image_name, container = f"{name}/{key}.{extension}", str(path.absolute())
                        yield ImageFile(
                            image_name, container, "tar", place, size, "", caption, class_label
                        )
                        break
    except (tarfile.TarError, OSError) as error:
        raise ConfigError(f"The tar {path} cannot be read: {error}.") from None


def _text_of(tar: tarfile.TarFile, member: tarfile.TarInfo | None) -> str:
    """Return the text of a member; empty if there is none."""
    file = None if member is None else tar.extractfile(member)
    return as_text(file.read()) if file else ""


def _in_table(path: Path, root: Path, kind: str, columns: TextColumns) -> Iterator[ImageFile]:
    name, container = path.relative_to(root).as_posix(), str(path.absolute())
    image, rows = table_images(path, kind, columns.caption, columns.label)
    for row, (num_bytes, caption, label) in enumerate(rows):
        yield ImageFile(f"{name}/{row}", container, kind, row, num_bytes, image, caption, label)
