"""Where images come from: folders, globs, lists of paths, WebDataset tars, Parquet files.

Everything is listed in one order that depends on names alone. An image is addressed by a row that
a worker on another machine can read by itself: the file, and the place in it.
"""

import csv
import glob
import io
import json
import os
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pairgen.config import did_you_mean
from pairgen.errors import ConfigError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
IMAGE_COLUMNS = ("image", "img", "jpg", "png", "bytes")
CAPTION_COLUMNS = ("caption", "text", "prompt", "txt")
# As hub datasets keep what belongs to the files of a folder.
METADATA_FILES = ("metadata.csv", "metadata.jsonl")


@dataclass(frozen=True)
class ImageFile:
    """Where the bytes of an image lie.

    Attributes:
        name: By which it is recorded: its path below what the user gave.
        container: The file, absolute.
        kind: `file`, `tar` or `parquet`.
        place: Offset in the tar, row in the Parquet file; 0 for a file of its own.
        num_bytes: Size of the image.
        column: Of the Parquet file; empty otherwise.
        caption: Text that came with it; empty for none.
    """

    name: str
    container: str
    kind: str
    place: int
    num_bytes: int
    column: str
    caption: str

    def open(self) -> BinaryIO:
        """Return the image's bytes as a file.

        Raises:
            OSError: The file is gone or cannot be read.
        """
        if self.kind == "file":
            return open(self.container, "rb")
        if self.kind == "parquet":
            return io.BytesIO(_parquet_cell(self.container, self.column, self.place))
        with open(self.container, "rb") as file:
            file.seek(self.place)
            return io.BytesIO(file.read(self.num_bytes))

    def read(self) -> bytes:
        """Return the image's bytes.

        Raises:
            OSError: The file is gone or cannot be read.
        """
        with self.open() as file:
            return file.read()


def find_images(values: Sequence[str]) -> Iterator[ImageFile]:
    """Yield the images of all values, each value's in the order of their names.

    Args:
        values: A folder (searched recursively, hidden folders and `__meta__` left out), a glob, an
            image, a `.txt` list of paths, a `.tar` or a `.parquet`. In a folder, tars and Parquet
            files are read too. Captions come from a `.txt` of the same name beside an image, from
            the folder's metadata.csv or metadata.jsonl (`file_name`, and one of caption, text,
            prompt), from a tar's `txt` member, or from such a column of a Parquet file.

    Raises:
        ConfigError: A value names nothing, or a container cannot be read.
    """
    for value in values:
        path = Path(os.path.expanduser(value))
        if path.is_dir():
            yield from _in_folder(path)
        elif path.is_file():
            yield from _in_file(path, path.parent)
        elif glob.has_magic(value):
            matches = sorted(glob.glob(os.path.expanduser(value), recursive=True))
            if not matches:
                raise ConfigError(f"Nothing matches the images {value!r}.")
            for match in matches:
                found = Path(match)
                yield from _in_folder(found) if found.is_dir() else _in_file(found, found.parent)
        else:
            raise ConfigError(f"There are no images {value!r}: it is no file, folder or glob.")


def _in_folder(folder: Path) -> Iterator[ImageFile]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f != "__meta__")
        captions = _folder_captions(Path(root), names)
        for name in sorted(names):
            path = Path(root) / name
            if name.startswith("."):
                continue
            if path.suffix.lower() in SUFFIXES:
                yield _image(path, folder, captions.get(name))
            elif path.suffix.lower() in (".tar", ".parquet"):
                yield from _in_file(path, folder)


def _in_file(path: Path, root: Path) -> Iterator[ImageFile]:
    suffix = path.suffix.lower()
    if suffix == ".tar":
        return _in_tar(path, root)
    if suffix == ".parquet":
        return _in_parquet(path, root)
    if suffix == ".txt":
        return _in_list(path)
    if suffix in SUFFIXES:
        return iter([_image(path, root, None)])
    raise ConfigError(
        f"Images must be a folder, a glob, .tar, .parquet, a .txt list of paths or "
        f"{', '.join(SUFFIXES)}, got {str(path)!r}."
    )


def _image(path: Path, root: Path, caption: str | None) -> ImageFile:
    if caption is None:
        beside = path.with_suffix(".txt")
        caption = _text(beside.read_bytes()) if beside.is_file() else ""
    try:
        num_bytes = path.stat().st_size
    except OSError:
        # A dangling link, or a line of a list that names nothing: opening it gives the reason.
        num_bytes = 0
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
    return ImageFile(name, str(path.absolute()), "file", 0, num_bytes, "", caption)


def _in_list(path: Path) -> Iterator[ImageFile]:
    """Yield the images of a list, a path a line; relative ones are relative to the list."""
    for line in _text(path.read_bytes()).splitlines():
        if line.strip():
            yield _image(path.parent / line.strip(), path.parent, None)


def _in_tar(path: Path, root: Path) -> Iterator[ImageFile]:
    """Yield the image of every key; `lr4.png` and the like are members of another kind."""
    name, found = path.relative_to(root).as_posix(), dict[str, dict[str, tarfile.TarInfo]]()
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                if member.isfile():
                    head, _, base = member.name.rpartition("/")
                    key, _, extension = base.partition(".")
                    found.setdefault(f"{head}/{key}" if head else key, {})[extension] = member
            for key, members in sorted(found.items()):
                text = tar.extractfile(members["txt"]) if "txt" in members else None
                caption = _text(text.read()) if text else ""
                for extension in (suffix[1:] for suffix in SUFFIXES):
                    if extension in members:
                        place, size = members[extension].offset_data, members[extension].size
                        told, container = f"{name}/{key}.{extension}", str(path.absolute())
                        yield ImageFile(told, container, "tar", place, size, "", caption)
                        break
    except (tarfile.TarError, OSError) as error:
        raise ConfigError(f"The tar {path} cannot be read: {error}.") from None


def _in_parquet(path: Path, root: Path) -> Iterator[ImageFile]:
    name = path.relative_to(root).as_posix()
    try:
        file = pq.ParquetFile(path)
        columns = file.schema_arrow.names
        column = _choose(columns, IMAGE_COLUMNS)
        if not column:
            raise ConfigError(f"{path} has none of the columns {', '.join(IMAGE_COLUMNS)}.")
        caption = _choose(columns, CAPTION_COLUMNS)
        row = 0
        for batch in file.iter_batches(64, columns=[each for each in (column, caption) if each]):
            captions = batch.column(caption).to_pylist() if caption else [""] * len(batch)
            for cell, text in zip(batch.column(column).to_pylist(), captions, strict=True):
                data = _cell_bytes(cell)
                yield ImageFile(
                    f"{name}/{row}",
                    str(path.absolute()),
                    "parquet",
                    row,
                    len(data),
                    column,
                    text if isinstance(text, str) else "",
                )
                row += 1
    except (pa.ArrowException, OSError) as error:
        raise ConfigError(f"The file {path} is not a Parquet file: {error}.") from None


@lru_cache(maxsize=2)
def _parquet_group(container: str, column: str, group: int) -> list[Any]:
    """Return one row group; neighbours are asked for one after the other."""
    table = pq.ParquetFile(container).read_row_group(group, columns=[column], use_threads=False)
    cells: list[Any] = table.column(column).to_pylist()
    return cells


def _parquet_cell(container: str, column: str, row: int) -> bytes:
    metadata = pq.read_metadata(container)
    for group in range(metadata.num_row_groups):
        num_rows = metadata.row_group(group).num_rows
        if row < num_rows:
            return _cell_bytes(_parquet_group(container, column, group)[row])
        row -= num_rows
    raise OSError(f"{container} has no such row any more")


def _cell_bytes(cell: Any) -> bytes:
    """Return the bytes of a cell; hub datasets wrap them in {bytes, path}."""
    if isinstance(cell, Mapping):
        cell = cell.get("bytes")
    return cell if isinstance(cell, bytes) else b""


def _choose(columns: Sequence[str], usual: Sequence[str]) -> str:
    return next((name for name in usual if name in columns), "")


def _folder_captions(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Return file name to caption from the folder's metadata file; {} without one."""
    for name in METADATA_FILES:
        if name in names:
            rows = list(_metadata_rows(folder / name))
            if not rows:
                return {}
            column = _choose(list(rows[0]), CAPTION_COLUMNS)
            if "file_name" not in rows[0] or not column:
                known = ("file_name", *CAPTION_COLUMNS)
                hint = next((h for h in (did_you_mean(k, known) for k in rows[0]) if h), "")
                raise ConfigError(
                    f"{folder / name} needs the columns file_name and one of "
                    f"{', '.join(CAPTION_COLUMNS)}{hint}."
                )
            return {str(row["file_name"]): str(row.get(column) or "") for row in rows}
    return {}


def _metadata_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    text = _text(path.read_bytes())
    if path.suffix == ".csv":
        yield from csv.DictReader(io.StringIO(text))
        return
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            row = json.loads(line) if line.strip() else None
        except json.JSONDecodeError as error:
            raise ConfigError(f"{path}, line {number}: {error.msg}.") from None
        if isinstance(row, dict):
            yield row


def _text(data: bytes) -> str:
    """Return UTF-8 text without its byte order mark; what is no UTF-8 becomes a mark."""
    return data.decode("utf-8-sig", errors="replace").strip()
