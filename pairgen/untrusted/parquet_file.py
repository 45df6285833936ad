"""Open Parquet files whose footers claim more than they hold."""

import io

import pyarrow as pa
import pyarrow.parquet as pq

from pairgen.untrusted.malformed import MalformedError

# Longest list in a footer: columns of a row group, row groups, fields of the schema. Arrow makes
# room for all that a list claims, some 700 bytes each, before it reads the first.
MAX_ITEMS = 100_000


def open_parquet(source: str | io.RawIOBase | pa.NativeFile) -> pq.ParquetFile:
    """Open a Parquet file; what the lists of its footer claim is bounded before Arrow reads them.

    Args:
        source: A path, a stream of which parts are read, or the whole file in memory.

    Raises:
        MalformedError: A list claims more than `MAX_ITEMS`.
        OSError: The file cannot be read, or is damaged otherwise.
        pyarrow.ArrowInvalid: It is no Parquet file.
    """
    try:
        # Pre-buffering would hold every row group of the columns at once.
        return pq.ParquetFile(source, pre_buffer=False, thrift_container_size_limit=MAX_ITEMS)
    except OSError as error:
        # What Thrift says of such a list.
        if "Exceeded size limit" not in str(error):
            raise
        raise MalformedError(
            f"has a footer that claims more than {MAX_ITEMS:,} columns or row groups"
        ) from None
