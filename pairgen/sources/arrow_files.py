"""Map the Arrow files that pairgen writes, whoever has had them since.

Arrow follows offsets and sizes without a check, out of the file if they lead there; so everything
is validated once. What was compressed has no bound: pairgen compresses none, and refuses it.
"""

import struct
from pathlib import Path

import pyarrow as pa

from pairgen.errors import StoreError

# OSError for damaged metadata, KeyError for a column of another name, ValueError for texts that are
# not UTF-8, the others for sizes and indices that cannot be.
UNREADABLE = (
    pa.ArrowException,
    OSError,
    KeyError,
    ValueError,
    IndexError,
    OverflowError,
    MemoryError,
    SystemError,
)
MAGIC = b"ARROW1\0\0"
# Places in the tables of a message, see `format/Message.fbs` of Arrow.
_HEADER_TYPE, _HEADER, _COMPRESSION = 1, 2, 3
_RECORD_BATCH = 3


def is_damage(error: Exception) -> bool:
    """Whether one of `UNREADABLE` tells of the file itself, not of the disk or its permissions."""
    if isinstance(error, StoreError):
        return False
    # pyarrow gives errors about the content no number.
    return not isinstance(error, OSError) or error.errno is None


def map_table(path: Path) -> pa.Table:
    """Map an Arrow IPC file of pairgen; rows are read from disk on access, but all were checked.

    Raises:
        UNREADABLE: The file is damaged, or holds what pairgen never writes.
    """
    with pa.memory_map(str(path)) as source:
        file = pa.ipc.open_file(source)
        schema, num_batches = file.schema, file.num_record_batches
        source.seek(len(MAGIC))
        if _first_schema(source) != schema:
            raise ValueError("its footer tells of another file")
        batches = [_next_batch(source, schema) for _ in range(num_batches)]
    table = pa.Table.from_batches(batches, schema)
    table.validate(full=True)
    return table


def _first_schema(source: pa.NativeFile) -> pa.Schema:
    try:
        return pa.ipc.read_schema(pa.ipc.read_message(source))
    except EOFError:
        return None


def _next_batch(source: pa.NativeFile, schema: pa.Schema) -> pa.RecordBatch:
    try:
        message = pa.ipc.read_message(source)
        is_plain = _is_plain(message.metadata.to_pybytes())
    except (struct.error, EOFError):
        raise ValueError("rows are missing") from None
    if not is_plain:
        raise ValueError("it holds what pairgen never writes, such as compressed rows")
    return pa.ipc.read_record_batch(message, schema)


def _is_plain(metadata: bytes) -> bool:
    """Whether a message is a record batch whose buffers are as they will be in memory."""
    (root,) = struct.unpack_from("<I", metadata, 0)
    kind, header = (_field(metadata, root, number) for number in (_HEADER_TYPE, _HEADER))
    if not (kind and header) or metadata[kind] != _RECORD_BATCH:
        return False
    batch = header + struct.unpack_from("<I", metadata, header)[0]
    return not _field(metadata, batch, _COMPRESSION)


def _field(metadata: bytes, table: int, number: int) -> int:
    """Return where a field of a flat buffer's table is; 0 if the table lacks it."""
    vtable = table - struct.unpack_from("<i", metadata, table)[0]
    (num_bytes,) = struct.unpack_from("<H", metadata, vtable)
    at = 4 + 2 * number
    if at >= num_bytes:
        return 0
    (offset,) = struct.unpack_from("<H", metadata, vtable + at)
    return table + offset if offset else 0
