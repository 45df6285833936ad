"""The list of images of a dataset: one Arrow file, which workers map to read their range.

The number of samples per image follows from its size alone, so every slot has a number before any
image is decoded.
"""

import bisect
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pairgen.sources.arrow_files import map_table
from pairgen.sources.image_file import ImageFile
from pairgen.sources.paths import is_remote
from pairgen.sources.photographs import ImageSize
from pairgen.sources.pixels.reasons import as_utf8

BATCH_ROWS = 1_000
SCHEMA = pa.schema(
    [
        ("name", pa.large_string()),
        ("container", pa.large_string()),
        ("kind", pa.string()),
        ("place", pa.int64()),
        ("num_bytes", pa.int64()),
        ("column", pa.string()),
        ("caption", pa.large_string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("first_slot", pa.int64()),
        ("num_slots", pa.int64()),
    ]
)
# What an image needs to be read.
PLACE = ("name", "container", "kind", "place", "num_bytes", "column")
# Columns that only some kinds of datasets have.
FURTHER = pa.schema(
    [
        ("label", pa.string()),
        ("partner", pa.struct([SCHEMA.field(name) for name in PLACE])),
        ("tag", pa.large_string()),
        ("caption_number", pa.int32()),
        ("num_captions", pa.int32()),
        ("captions", pa.list_(pa.large_string())),
        ("object_bytes", pa.int64()),
        ("object_tag", pa.string()),
    ]
)
# Those for images behind URLs: what is behind a URL is no part of what identifies the image.
OBJECT = ("object_bytes", "object_tag")


def columns_for(values: Iterable[str]) -> tuple[str, ...]:
    """Return the columns of `FURTHER` that images from these paths and URLs need."""
    return OBJECT if any(map(is_remote, values)) else ()


@dataclass(frozen=True)
class PlannedImage:
    """An accepted image.

    Attributes:
        file: Where its bytes are.
        size: Size from its header, after the EXIF orientation.
        first_slot: First slot of the image.
        num_slots: Number of samples from the image.
    """

    file: ImageFile
    size: ImageSize
    first_slot: int
    num_slots: int


@dataclass
class ImageSummary:
    """Counts of the images that were read.

    Attributes:
        sha256: SHA-256 of name, bytes, size and caption of the accepted images in order, in hex. It
            does not depend on where the files are.
        num_accepted: Number of entries: one for each usable image, or for each of its captions.
        num_slots: Number of samples that they give.
        num_captions: Number of entries with a caption.
        num_further: Number of entries that give an image of the entry before another caption.
        rejected: Refused images, with name and reason.
        num_skipped: Refused images that one of the user's thresholds excluded.
        num_classes: Number of classes, counted from 0 to the largest label; 0 without labels.
        num_tags: Number of accepted images with a tag.
        num_first_of_many: Number of accepted images that are the first frame or page of several.
        num_several: Number of accepted images with several captions.
        num_of_several: Number of captions that these have.
    """

    sha256: str = ""
    num_accepted: int = 0
    num_slots: int = 0
    num_captions: int = 0
    num_further: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)
    num_skipped: int = 0
    num_classes: int = 0
    num_tags: int = 0
    num_first_of_many: int = 0
    num_several: int = 0
    num_of_several: int = 0

    @property
    def num_images(self) -> int:
        """Number of usable images."""
        return self.num_accepted - self.num_further

    def reject(self, file: ImageFile, reason: str) -> None:
        """Add a refused image."""
        self.rejected.append({"image": as_utf8(file.name), "reason": as_utf8(reason)})

    def frames_text(self) -> str:
        """Return how many images are the first of several frames, as the end of a sentence."""
        num = self.num_first_of_many
        return f"; of {num:,} the first frame or page is taken" if num else ""


class ListWriter:
    """Writes accepted images to an Arrow file, and counts them.

    Args:
        path: Path of the Arrow IPC file to write.
        further: Names of columns of `FURTHER` to write too.

    Attributes:
        summary: What was written; its hash is known once the writer is closed.
    """

    def __init__(self, path: Path, further: Sequence[str]) -> None:
        self.summary = ImageSummary()
        self._further, self._digest = further, hashlib.sha256()
        self._schema = pa.schema([*SCHEMA, *(FURTHER.field(name) for name in further)])
        self._rows: list[dict[str, Any]] = []
        self._sink = pa.OSFile(str(path), "wb")
        self._writer = pa.ipc.new_file(self._sink, self._schema)

    def add(self, row: Mapping[str, Any]) -> None:
        """Write an image: every column but `first_slot`, which follows from those before it."""
        row = {**row, "first_slot": self.summary.num_slots}
        self._rows.append(row)
        self._digest.update(_identity(row, self._further))
        self.summary.num_accepted += 1
        self.summary.num_slots += row["num_slots"]
        self.summary.num_captions += bool(row["caption"] or row.get("captions"))
        self.summary.num_further += bool(row.get("caption_number"))
        self.summary.num_tags += bool(row.get("tag"))
        if "label" in self._further:
            self.summary.num_classes = max(self.summary.num_classes, int(row["label"]) + 1)
        if len(self._rows) == BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
        self._rows = []

    def __enter__(self) -> "ListWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._writer.close()
        self._sink.close()
        self.summary.sha256 = self._digest.hexdigest()


class PlannedImages:
    """The mapped Arrow file, all of it checked; finds images by slot.

    Args:
        path: File written by `collect_images`.

    Raises:
        UNREADABLE: The file is damaged, or holds something else.
    """

    def __init__(self, path: Path) -> None:
        self._table = map_table(path)
        _check(self._table)
        self._first_slots = self._table.column("first_slot").to_numpy()

    def __len__(self) -> int:
        return len(self._table)

    @property
    def num_slots(self) -> int:
        """Number of samples that the images give."""
        return int(self._table.column("num_slots").to_numpy().sum())

    def __getitem__(self, row: int) -> PlannedImage:
        (found,) = self._table.slice(row, 1).to_pylist()
        return PlannedImage(
            file=_file_of(found),
            size=ImageSize(found["width"], found["height"]),
            first_slot=found["first_slot"],
            num_slots=found["num_slots"],
        )

    @property
    def further(self) -> list[str]:
        """Names of the columns of `FURTHER` that the list has."""
        return [name for name in FURTHER.names if name in self._table.column_names]

    def rows(self, chosen: Sequence[int] | None = None) -> Iterator[dict[str, Any]]:
        """Yield the chosen rows in their order; None for all."""
        numbers = range(len(self)) if chosen is None else chosen
        for first in range(0, len(numbers), BATCH_ROWS):
            some = numbers[first : first + BATCH_ROWS]
            whole = isinstance(some, range)
            found = self._table.slice(some[0], len(some)) if whole else self._table.take(some)
            yield from found.to_pylist()

    def identities(self) -> Iterator[bytes]:
        """Yield what identifies each image, wherever it lies, in order."""
        further = self.further
        for row in self.rows():
            yield _identity(row, further)

    def sha256(self) -> str:
        """Return the `ImageSummary.sha256` of these images."""
        digest = hashlib.sha256()
        for identity in self.identities():
            digest.update(identity)
        return digest.hexdigest()

    def row_of(self, slot: int) -> int:
        """Return the row of the image that a slot is cropped from."""
        return bisect.bisect_right(self._first_slots, slot) - 1


def _check(table: pa.Table) -> None:
    """Check a list that was read.

    Raises:
        KeyError: A column is missing.
        ValueError: A column holds something else, a value is missing, or the images do not follow
            each other.
    """
    for planned in (*SCHEMA, *(each for each in FURTHER if each.name in table.column_names)):
        name, column = planned.name, table.column(planned.name)
        if column.type != planned.type:
            raise ValueError(f"its column {name!r} holds {column.type}")
        if column.null_count and name in (*SCHEMA.names, "captions"):
            raise ValueError(f"a {name} is missing")
    first_slots, num_slots = (table.column(name).to_numpy() for name in ("first_slot", "num_slots"))
    if (num_slots < 0).any() or (table.column("num_bytes").to_numpy() < 0).any():
        raise ValueError("a number in it is negative")
    if not np.array_equal(first_slots, np.cumsum(num_slots) - num_slots):
        raise ValueError("its slots do not follow each other")


def _file_of(row: Mapping[str, Any]) -> ImageFile:
    """Return the image of a row."""
    values = {each.name: row[each.name] for each in fields(ImageFile) if each.name in row}
    if "partner" in row:
        values["partner"] = ImageFile(**row["partner"], caption="")
    if "captions" in row:
        values["captions"] = tuple(row["captions"])
    return ImageFile(**values)


def _identity(row: Mapping[str, Any], further: Sequence[str]) -> bytes:
    """Return what identifies an image, without its location."""
    identity = [row[name] for name in ("name", "num_bytes", "width", "height", "caption")]
    for name in further:
        if name in OBJECT:
            continue
        value = row[name]
        identity += [value["name"], value["num_bytes"]] if name == "partner" else [value]
    return json.dumps(identity, ensure_ascii=False).encode() + b"\n"
