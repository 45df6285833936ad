"""The index: one Parquet file per shard, one row per sample, for search and random access."""

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pairgen.seeding import array_crc32
from pairgen.shards.format.draw_columns import draw_columns
from pairgen.types import Plan, Sample
from pairgen.untrusted.malformed import MalformedError
from pairgen.untrusted.parquet_batches import read_batches
from pairgen.untrusted.parquet_file import open_parquet

# Column of the texts of `txt`.
PROMPT = "prompt"
# Column with the checksum of the file that a sample of images shows.
IMAGE_CHECKSUM = "image_crc32"
# Columns of every index that others follow.
KINDS = {"key": pa.string(), "shard_index": pa.int64(), "offset": pa.int64()}
# Keys have nine digits.
MAX_SLOTS = 10**9
# Most that the columns of a shard take in memory.
MAX_BYTES, MAX_BYTES_PER_SLOT = 64 * 1024**2, 64 * 1024


def index_row(sample: Sample, shard_index: int, offset: int) -> dict[str, Any]:
    """Return the index row of a sample.

    Columns: `key`, `shard_index`, `offset` (of the first tar header), `prompt` if there is text,
    every fact, and `{member}_crc32` for every array. The fact `draw` becomes several columns, see
    `draw_columns`.
    """
    row: dict[str, Any] = {"key": sample.key, "shard_index": shard_index, "offset": offset}
    if "txt" in sample.fields:
        row[PROMPT] = sample.fields["txt"]
    row |= sample.facts
    if "draw" in row:
        row |= draw_columns(json.loads(row.pop("draw")))
    for extension, value in sorted(sample.fields.items()):
        if isinstance(value, np.ndarray):
            row[f"{extension.removesuffix('.npy')}_crc32"] = array_crc32(value)
    return row


def encode_index(
    rows: Sequence[Mapping[str, Any]], every: Mapping[str, Any] | None = None
) -> bytes:
    """Return the Parquet file of one shard's rows; there must be at least one.

    Args:
        rows: Rows of the samples. A column that a row lacks is null there.
        every: A row with all columns that any row of the dataset may have, so that all files of
            the dataset have the same columns.
    """
    every = every or {}
    known = pa.table({name: [value] for name, value in every.items()}).schema
    columns = [name for name in rows[0] if name not in every]
    columns += sorted({name for row in rows for name in row} - set(columns) - set(every))
    columns += every
    table = pa.table(
        {
            name: pa.array(
                [row.get(name) for row in rows], known.field(name).type if name in every else None
            )
            for name in columns
        }
    )
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def decode_index(data: bytes) -> list[dict[str, Any]]:
    """Return the rows of one shard's Parquet file.

    Raises:
        pyarrow.ArrowInvalid: The bytes are not an index.
    """
    rows: list[dict[str, Any]] = decode_table(data).to_pylist()
    return rows


def decode_table(data: bytes, num_slots: int = MAX_SLOTS) -> pa.Table:
    """Return one shard's Parquet file as a table, one row per sample.

    Args:
        data: The file.
        num_slots: Number of slots of the shard: there can be no more rows.

    Raises:
        pyarrow.ArrowInvalid: The bytes are not an index, or hold more than one shard's.
    """
    file = _opened(data, num_slots)
    return _read(file, data, file.schema_arrow.names, num_slots)


def index_columns(plan: Plan) -> list[str]:
    """Return the columns of the `index_row` of a plan's samples."""
    members = plan.members
    text = [PROMPT] if "txt" in members else []
    arrays = sorted(name for name in members if name.endswith(".npy"))
    checksums = [f"{name.removesuffix('.npy')}_crc32" for name in arrays]
    facts = [name for name in members["json"]["keys"] if name != "draw"]
    drawn = plan.resolved.get("index_columns", ())
    return list(dict.fromkeys(["key", "shard_index", "offset", *text, *facts, *checksums, *drawn]))


def read_columns(data: bytes, columns: Sequence[str], num_slots: int = MAX_SLOTS) -> pa.Table:
    """Return some columns of one shard's Parquet file, [N] each.

    Args:
        data: The file.
        columns: Their names.
        num_slots: Number of slots of the shard: there can be no more rows.

    Raises:
        pyarrow.ArrowInvalid: The bytes are not an index, hold more than one shard's, or lack a
            column.
    """
    file = _opened(data, num_slots)
    if lacking := [name for name in columns if name not in file.schema_arrow.names]:
        raise pa.ArrowInvalid(f"it has no column {lacking[0]!r}")
    return _read(file, data, columns, num_slots)


def _opened(data: bytes, num_slots: int) -> pq.ParquetFile:
    """Open an index; what it says of its sizes is checked before any of it is read."""
    # Not `read_table`, and no Python file: its scanner's threads can outlive the call, request the
    # interpreter lock while Python shuts down, and abort the process (apache/arrow#34314).
    try:
        file = open_parquet(pa.BufferReader(data))
    except MalformedError as error:
        raise pa.ArrowInvalid(f"it {error}") from None
    metadata = file.metadata
    _check_rows(max(metadata.num_rows, metadata.num_row_groups), num_slots)
    groups = map(metadata.row_group, range(metadata.num_row_groups))
    _check_size(sum(max(0, group.total_byte_size) for group in groups), num_slots)
    return file


def _read(file: pq.ParquetFile, data: bytes, columns: Sequence[str], num_slots: int) -> pa.Table:
    """Read columns of an index; what they take is counted, whatever the file says of it."""
    names = list(dict.fromkeys(columns))
    most = max(1, file.metadata.num_rows)
    batches = list[pa.RecordBatch]()
    num_rows = num_bytes = 0
    try:
        for group in range(file.metadata.num_row_groups):
            for batch in read_batches(file, io.BytesIO(data), group, names, most):
                num_rows, num_bytes = num_rows + len(batch), num_bytes + batch.nbytes
                _check_rows(num_rows, num_slots)
                _check_size(num_bytes, num_slots)
                batches.append(batch)
    except MalformedError as error:
        raise pa.ArrowInvalid(f"it {error}") from None
    schema = pa.schema([field for field in file.schema_arrow if field.name in names])
    table = pa.Table.from_batches(batches, batches[0].schema if batches else schema)
    return _checked(table)


def _check_rows(num_rows: int, num_slots: int) -> None:
    if num_rows > num_slots:
        raise pa.ArrowInvalid(f"it has {num_rows:,} rows for {num_slots:,} slots")


def _check_size(num_bytes: int, num_slots: int) -> None:
    if num_bytes > MAX_BYTES + MAX_BYTES_PER_SLOT * num_slots:
        raise pa.ArrowInvalid(f"its columns take {num_bytes:,} bytes")


def _checked(table: pa.Table) -> pa.Table:
    """Return what was read of an index if it can be that of a shard."""
    table.validate(full=True)
    for name, kind in KINDS.items():
        if name not in table.column_names:
            continue
        column = table.column(name)
        if column.type != kind or column.null_count:
            raise pa.ArrowInvalid(f"its column {name!r} holds {column.type}, or nothing")
    return table
