"""Where prompts come from: txt, jsonl, csv, parquet; read once into one Arrow file.

Workers map that file and read only their range, so ten million prompts cost no memory. What is
refused is written down with its reason; later prompts keep their order.
"""

import csv
import hashlib
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pairgen.config import did_you_mean
from pairgen.errors import ConfigError

# Column names that are taken without asking, in this order.
USUAL_COLUMNS = ("prompt", "text", "caption", "txt")
FORMATS = (".txt", ".jsonl", ".csv", ".parquet")
BATCH_ROWS = 10_000

# What a reader yields: the prompt, or the reason why there is none.
Found = str | ValueError


@dataclass
class PromptSummary:
    """What was read.

    Attributes:
        sha256: Of the accepted prompts in order, hex. Independent of file format and Arrow version.
        num_accepted: Prompts that can be used.
        num_blank: Blank lines, skipped.
        rejected: Refused entries: position in the source and reason.
    """

    sha256: str = ""
    num_accepted: int = 0
    num_blank: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)


def read_prompts(path: Path, column: str = "") -> Iterator[Found]:
    """Yield the entries of a prompt file in order.

    txt: one prompt a line. jsonl: one string or object a line. csv: with a header row. parquet.
    UTF-8; a byte order mark and CR before LF are taken off.

    Args:
        path: The file; its suffix says what it is.
        column: Column or key to take; empty for the usual one (prompt, text, caption, txt), or
            the only one.

    Raises:
        ConfigError: The file is missing, of another kind, or has no such column.
    """
    readers: dict[str, Callable[[Path, str], Iterator[Found]]] = {
        ".txt": _read_txt,
        ".jsonl": _read_jsonl,
        ".csv": _read_csv,
        ".parquet": _read_parquet,
    }
    if path.suffix.lower() not in readers:
        raise ConfigError(f"Prompts must be a file {', '.join(FORMATS)}, got {str(path)!r}.")
    if not path.is_file():
        raise ConfigError(f"There is no prompt file {str(path)!r}.")
    return readers[path.suffix.lower()](path, column)


def read_prompt_values(values: Sequence[str], column: str = "") -> Iterator[Found]:
    """Yield the entries of values that are prompt files, or prompts themselves, in order.

    A value is a file if there is one of that name, or if it ends as prompt files do.

    Args:
        values: As typed.
        column: Column of the files, see `read_prompts`.

    Raises:
        ConfigError: A file is missing or wrong, it is a folder, or a column is given for a prompt.
    """
    for value in values:
        path = os.path.expanduser(value)
        # Path.is_file would raise for a prompt that is longer than a file name may be.
        # A word may be the name of a folder by chance; with a slash it is meant.
        if "/" in value and os.path.isdir(path):
            raise ConfigError(f"Prompts are files or texts, but {value!r} is a folder.")
        if os.path.isfile(path) or value.lower().endswith(FORMATS):
            yield from read_prompts(Path(path), column)
        elif column:
            raise ConfigError(
                f"The prompt {value!r} is no file and has no columns, but column {column!r} was "
                "given."
            )
        else:
            yield _checked(value)


def collect_prompts(
    entries: Iterator[Found],
    target: Path,
    refuse: Callable[[Sequence[str]], Sequence[str | None]] | None = None,
) -> PromptSummary:
    """Write the accepted prompts to the Arrow file `target`, column `prompt`.

    Args:
        entries: From `read_prompts`.
        target: Where the Arrow IPC file is written.
        refuse: Returns for each prompt a reason to refuse it, or None; called in batches.

    Raises:
        ConfigError: No prompt was accepted.
    """
    summary = PromptSummary()
    digest = hashlib.sha256()
    schema = pa.schema([("prompt", pa.large_string())])
    with pa.OSFile(str(target), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for batch in _batched(entries, summary):
            reasons = refuse([text for _, text in batch]) if refuse else [None] * len(batch)
            accepted = []
            for (position, text), reason in zip(batch, reasons, strict=True):
                if reason is None:
                    accepted.append(text)
                else:
                    summary.rejected.append({"entry": position, "reason": reason, "prompt": text})
            _update(digest, accepted)
            summary.num_accepted += len(accepted)
            writer.write_table(pa.table({"prompt": accepted}, schema=schema))
    if summary.num_accepted == 0:
        why = f", the first because: {summary.rejected[0]['reason']}" if summary.rejected else ""
        raise ConfigError(
            f"The prompt source holds no usable prompt: {summary.num_blank} blank lines, "
            f"{len(summary.rejected)} refused{why}."
        )
    summary.sha256 = digest.hexdigest()
    return summary


@contextmanager
def collected_prompts(
    entries: Iterator[Found],
    refuse: Callable[[Sequence[str]], Sequence[str | None]] | None = None,
) -> Iterator[tuple[pa.ChunkedArray, PromptSummary]]:
    """Give the accepted prompts, for as long as they are looked at, where no dataset is made.

    Raises:
        ConfigError: No prompt was accepted.
    """
    with tempfile.TemporaryDirectory(prefix="pairgen-") as folder:
        collected = Path(folder) / "prompts.arrow"
        summary = collect_prompts(entries, collected, refuse)
        yield open_prompts(collected), summary


def open_prompts(path: Path) -> pa.ChunkedArray:
    """Map the Arrow file; entries are read from disk when asked for."""
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).read_all().column("prompt")


def prompt_rows(prompts: pa.ChunkedArray, start: int, stop: int) -> dict[int, str]:
    """Return rows `start` to `stop` by row number, counted on from row 0 when they run out.

    Slices are read in place; `take` would copy the whole column for every shard.
    """
    found: dict[int, str] = {}
    num_rows = len(prompts)
    stop = min(stop, start + num_rows)
    while start < stop:
        row = start % num_rows
        texts = prompts.slice(row, stop - start).to_pylist()
        found.update(enumerate(texts, start=row))
        start += len(texts)
    return found


def prompts_sha256(prompts: pa.ChunkedArray) -> str:
    """Return what `PromptSummary.sha256` was when these prompts were written."""
    digest = hashlib.sha256()
    for first in range(0, len(prompts), BATCH_ROWS):
        _update(digest, prompts.slice(first, BATCH_ROWS).to_pylist())
    return digest.hexdigest()


def encode_rejected(rejected: Sequence[dict[str, Any]]) -> bytes:
    """Return the refused entries as JSON lines."""
    return "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in rejected).encode()


def _update(digest: "hashlib._Hash", texts: Sequence[str]) -> None:
    for text in texts:
        raw = text.encode("utf-8")
        # The length in front keeps ("ab", "c") and ("a", "bc") apart.
        digest.update(len(raw).to_bytes(8, "little") + raw)


def _batched(entries: Iterator[Found], summary: PromptSummary) -> Iterator[list[tuple[int, str]]]:
    """Yield (position, stripped text) in batches; count blanks and unreadable entries."""
    batch = []
    for position, entry in enumerate(entries, start=1):
        if isinstance(entry, ValueError):
            summary.rejected.append({"entry": position, "reason": str(entry), "prompt": ""})
        elif text := entry.strip():
            batch.append((position, text))
        else:
            summary.num_blank += 1
        if len(batch) == BATCH_ROWS:
            yield batch
            batch = []
    if batch:
        yield batch


def _lines(path: Path) -> Iterator[Found]:
    with open(path, "rb") as file:
        for number, raw in enumerate(file):
            raw = raw.removeprefix(b"\xef\xbb\xbf") if number == 0 else raw
            try:
                yield raw.decode("utf-8")
            except UnicodeDecodeError as error:
                yield ValueError(f"not valid UTF-8 at byte {error.start} of the line")


def _read_txt(path: Path, column: str) -> Iterator[Found]:
    if column:
        raise ConfigError(f"A .txt file has no columns, but column {column!r} was given.")
    return _lines(path)


def _read_jsonl(path: Path, column: str) -> Iterator[Found]:
    name = ""
    for line in _lines(path):
        if isinstance(line, ValueError) or not line.strip():
            yield line
            continue
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            yield ValueError(f"not valid JSON: {error.msg}")
            continue
        if isinstance(value, dict):
            name = name or _choose_column(list(value), column, path)
            value = value.get(name)
        # JSON can escape half a surrogate pair, which is no text.
        yield _checked(value) if isinstance(value, str) else ValueError(f"no text under {name!r}")


def _read_csv(path: Path, column: str) -> Iterator[Found]:
    with open(path, "rb") as raw:
        # A byte that is not UTF-8 becomes a lone surrogate, which the check below refuses.
        text = io.TextIOWrapper(raw, encoding="utf-8-sig", errors="surrogateescape", newline="")
        rows = csv.DictReader(text)
        name = _choose_column(list(rows.fieldnames or []), column, path)
        try:
            for row in rows:
                value = row.get(name)
                yield ValueError(f"no text under {name!r}") if value is None else _checked(value)
        except csv.Error as error:
            # Usually a quote that is never closed.
            raise ConfigError(f"{path}, line {rows.line_num}: {error}.") from None


def _read_parquet(path: Path, column: str) -> Iterator[Found]:
    try:
        file = pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise ConfigError(f"The file {path} is not a Parquet file: {error}.") from None
    name = _choose_column(file.schema_arrow.names, column, path)
    for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=[name]):
        for value in batch.column(0).to_pylist():
            yield value if isinstance(value, str) else ValueError(f"no text under {name!r}")


def _checked(value: str) -> Found:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return ValueError("not valid UTF-8")
    return value


def _choose_column(columns: list[str], column: str, path: Path) -> str:
    if column:
        if column not in columns:
            raise ConfigError(
                f"{path} has no column {column!r}{did_you_mean(column, columns)}; "
                f"it has {', '.join(columns)}."
            )
        return column
    for name in USUAL_COLUMNS:
        if name in columns:
            return name
    if len(columns) == 1:
        return columns[0]
    raise ConfigError(f"Which column of {path} holds the prompts? Give --column: {columns}.")
