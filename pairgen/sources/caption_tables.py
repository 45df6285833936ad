"""Tables of captions: read their rows and find the column with the text.

A table is csv, tsv, jsonl or Parquet. The columns of a jsonl file are the keys of its first row.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pairgen.config import did_you_mean
from pairgen.errors import ConfigError

CAPTION_COLUMNS = ("caption", "text", "prompt", "txt")
# Where hub datasets keep metadata about the files of a folder.
METADATA_FILES = ("metadata.csv", "metadata.jsonl")
TABLES = (".csv", ".tsv", ".jsonl", ".parquet")


def choose_column(
    columns: Sequence[str], column: str, path: Path, usual: Sequence[str] = CAPTION_COLUMNS
) -> str:
    """Return the text column: `column` if given, else the first usual one, else "".

    Raises:
        ConfigError: `column` is given but does not exist.
    """
    if column and column not in columns:
        raise ConfigError(
            f"{path} has no column {column!r}{did_you_mean(column, columns)}; "
            f"it has {', '.join(columns)}."
        )
    return column or next((name for name in usual if name in columns), "")


def label_text(value: Any) -> str:
    """Return a class label as text; empty for none."""
    return "" if value is None else str(value).strip()


def folder_texts(
    folder: Path, names: Sequence[str], column: str, label: str = ""
) -> dict[str, tuple[str | None, str]]:
    """Return a mapping from file name to caption and class label, from the metadata file.

    It is empty without such a file; a caption is None if the file has no captions.

    Args:
        folder: Path of the folder.
        names: Names of the files in it.
        column: Name of the caption column; empty for a usual one.
        label: Name of the column of class labels; empty for none.

    Raises:
        ConfigError: The file cannot be read, or lacks the columns.
    """
    for name in METADATA_FILES:
        if name in names:
            rows = list(read_rows(folder / name))
            if not rows:
                return {}
            found = choose_column(list(rows[0]), column, folder / name)
            choose_column(list(rows[0]), label, folder / name)
            if "file_name" not in rows[0] or not (found or label):
                known = ("file_name", *CAPTION_COLUMNS)
                hint = next((h for h in (did_you_mean(k, known) for k in rows[0]) if h), "")
                raise ConfigError(
                    f"{folder / name} must have the column file_name and one of "
                    f"{', '.join(CAPTION_COLUMNS)}{hint}."
                )
            texts = {}
            for row in rows:
                caption = str(row.get(found) or "") if found else None
                texts[str(row["file_name"])] = caption, label_text(row.get(label))
            return texts
    return {}


def read_rows(path: Path, name: str = "Captions") -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a table as mappings from column to value.

    Args:
        path: Path of the table.
        name: What the table holds, as errors call it.

    Raises:
        ConfigError: The file is not one of `TABLES`, or cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix not in TABLES:
        raise ConfigError(f"{name} must be a {', '.join(TABLES)} file, got {str(path)!r}.")
    try:
        if suffix == ".parquet":
            yield from _parquet_rows(path)
        elif suffix == ".jsonl":
            yield from _json_rows(path)
        else:
            text = io.StringIO(as_text(path.read_bytes()), newline="")
            yield from csv.DictReader(text, delimiter="\t" if suffix == ".tsv" else ",")
    except csv.Error as error:
        raise ConfigError(f"The file {path} cannot be read: {error}.") from None
    except pa.ArrowException as error:
        raise ConfigError(f"The file {path} is not a Parquet file: {error}.") from None
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(f"The file {path} cannot be read: {reason}.") from None


def as_text(data: bytes) -> str:
    """Decode UTF-8 without its byte order mark; invalid bytes become replacement characters."""
    return data.decode("utf-8-sig", errors="replace").strip()


def _parquet_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    for batch in pq.ParquetFile(path).iter_batches(1_000):
        yield from batch.to_pylist()


def _json_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    # Not `splitlines`: JSON may contain other line separators unescaped.
    for number, line in enumerate(as_text(path.read_bytes()).split("\n"), start=1):
        try:
            row = json.loads(line) if line.strip() else None
        except json.JSONDecodeError as error:
            raise ConfigError(f"{path}, line {number}: {error.msg}.") from None
        if isinstance(row, dict):
            yield row
