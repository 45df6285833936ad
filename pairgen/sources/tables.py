"""Read Parquet files and the Arrow files of saved hub datasets: columns and batches of rows."""

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pairgen.errors import ConfigError

# Written next to the Arrow files of a saved dataset; lists them.
STATE_FILE = "state.json"


def saved_files(folder: Path, names: Sequence[str]) -> list[str]:
    """Return the names of a saved hub dataset's files in a folder; empty if it holds none.

    Other Arrow files there are caches, or left over from an earlier save.

    Raises:
        ConfigError: The dataset's rows are selected by another file.
    """
    if STATE_FILE not in names:
        return []
    try:
        state = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
        files = [str(each["filename"]) for each in state.get("_data_files", ())]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    if state.get("_indices_data_files"):
        raise ConfigError(
            f"The dataset {folder} keeps its row selection in a separate file: call "
            "flatten_indices() and save it again."
        )
    return sorted(files)


def table_schema(path: Path, kind: str) -> pa.Schema:
    """Return the schema of a `parquet` or `arrow` file.

    Raises:
        ConfigError: The file cannot be read.
    """
    try:
        return (
            pq.read_schema(path) if kind == "parquet" else arrow_table(str(path.absolute())).schema
        )
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, kind, error) from None


def table_batches(
    path: Path, kind: str, columns: Sequence[str], num_rows: int
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a `parquet` or `arrow` file, at most `num_rows` of Parquet at a time.

    Raises:
        ConfigError: The file cannot be read.
    """
    try:
        if kind == "parquet":
            # Pre-buffering would hold every row group of the columns at once.
            file = pq.ParquetFile(path, pre_buffer=False)
            yield from file.iter_batches(num_rows, columns=list(columns), use_threads=False)
        else:
            yield from arrow_table(str(path.absolute())).select(list(columns)).to_batches(num_rows)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, kind, error) from None


@lru_cache(maxsize=2)
def arrow_table(container: str) -> pa.Table:
    """Map an Arrow stream; rows are read on access."""
    with pa.memory_map(container) as source:
        return pa.ipc.open_stream(source).read_all()


def _unreadable(path: Path, kind: str, error: Exception) -> ConfigError:
    name = "a Parquet file" if kind == "parquet" else "an Arrow stream"
    return ConfigError(f"The file {path} is not {name}: {error}.")
