"""Tables of captions: their rows, and which of their columns holds the text.

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
# As hub datasets keep what belongs to the files of a folder.
METADATA_FILES = ("metadata.csv", "metadata.jsonl")
TABLES = (".csv", ".tsv", ".jsonl", ".parquet")


def choose_column(
    columns: Sequence[str], column: str, path: Path, usual: Sequence[str] = CAPTION_COLUMNS
) -> str:
    """Return the column of the texts: `column`, else the first usual one, else nothing.

    Raises:
        ConfigError: `column` is given and is not there.
    """
    if column and column not in columns:
        raise ConfigError(
            f"{path} has no column {column!r}{did_you_mean(column, columns)}; "
            f"it has {', '.join(columns)}."
        )
    return column or next((name for name in usual if name in columns), "")


def folder_captions(folder: Path, names: Sequence[str], column: str) -> dict[str, str]:
    """Return file name to caption from the folder's metadata file; {} without one.

    Args:
        folder: Where it lies.
        names: Of the files there.
        column: Of the captions; empty for a usual one.

    Raises:
        ConfigError: It cannot be read, or lacks the columns.
    """
    for name in METADATA_FILES:
        if name in names:
            rows = list(read_rows(folder / name))
            if not rows:
                return {}
            found = choose_column(list(rows[0]), column, folder / name)
            if "file_name" not in rows[0] or not found:
                known = ("file_name", *CAPTION_COLUMNS)
                hint = next((h for h in (did_you_mean(k, known) for k in rows[0]) if h), "")
                raise ConfigError(
                    f"{folder / name} needs the columns file_name and one of "
                    f"{', '.join(CAPTION_COLUMNS)}{hint}."
                )
            return {str(row["file_name"]): str(row.get(found) or "") for row in rows}
    return {}


def read_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a table: column to value.

    Raises:
        ConfigError: It is no table of `TABLES`, or cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix not in TABLES:
        raise ConfigError(f"Captions must be a file {', '.join(TABLES)}, got {str(path)!r}.")
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
    """Return UTF-8 text without its byte order mark; what is no UTF-8 becomes a mark."""
    return data.decode("utf-8-sig", errors="replace").strip()


def _parquet_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    for batch in pq.ParquetFile(path).iter_batches(1_000):
        yield from batch.to_pylist()


def _json_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    # Not `splitlines`: JSON may hold other line ends than this one as they are.
    for number, line in enumerate(as_text(path.read_bytes()).split("\n"), start=1):
        try:
            row = json.loads(line) if line.strip() else None
        except json.JSONDecodeError as error:
            raise ConfigError(f"{path}, line {number}: {error.msg}.") from None
        if isinstance(row, dict):
            yield row
