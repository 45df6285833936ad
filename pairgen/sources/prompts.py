"""The prompts of a dataset: read once from any source into one Arrow file.

Workers map that file and read only their range, so ten million prompts cost no memory. Refused
entries are reported with their reason as they are read; the other prompts keep their order.
"""

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from pairgen.errors import ConfigError
from pairgen.sources.arrow_files import map_table
from pairgen.sources.prompt_choice import BATCH_BYTES, BATCH_ROWS, Choice, ChoiceCounts, choose
from pairgen.sources.texts.rules import Found, encoded
from pairgen.wording import counted

Refuse = Callable[[Sequence[str]], Sequence[str | None]]
OnRejected = Callable[[int, str, str], object]


@dataclass
class PromptSummary(ChoiceCounts):
    """Counts of the entries read: accepted, blank, refused, duplicate and left out add up to all.

    Attributes:
        sha256: SHA-256 of the accepted prompts in order, in hex. Independent of file format and
            Arrow version.
        num_accepted: Number of usable prompts that were chosen.
        num_read: Number of entries.
        num_blank: Number of blank entries, which are skipped.
        num_rejected: Number of refused entries.
        first_reason: Reason of the first refused entry.
    """

    sha256: str = ""
    num_accepted: int = 0
    num_read: int = 0
    num_blank: int = 0
    num_rejected: int = 0
    first_reason: str = ""


def collect_prompts(
    entries: Iterable[Found],
    target: Path,
    refuse: Refuse | None = None,
    choice: Choice | None = None,
    on_rejected: OnRejected = lambda _number, _reason, _prompt: None,
    on_read: Callable[[int], object] = lambda _: None,
) -> PromptSummary:
    """Write the accepted prompts to the Arrow file `target`, column `prompt`.

    Args:
        entries: Prompts, or the reasons why there is none; such as a `PromptReader`.
        target: Path of the Arrow IPC file to write; a temporary file may be created beside it.
        refuse: Returns for each prompt a reason to refuse it, or None; called in batches.
        choice: Which accepted prompts to take, in which order.
        on_rejected: Called for every refused entry with its 1-based number, the reason, and the
            prompt if it is text.
        on_read: Called with the number of entries read so far, after each full batch.

    Raises:
        ConfigError: No prompt was accepted.
    """
    summary = PromptSummary()

    def reject(number: int, reason: str, prompt: str = "") -> None:
        summary.num_rejected += 1
        summary.first_reason = summary.first_reason or reason
        on_rejected(number, reason, prompt)

    accepted = _accepted(entries, summary, refuse, reject, on_read)
    chosen = choose(accepted, choice or Choice(), target.parent, summary)
    digest = hashlib.sha256()
    schema = pa.schema([("prompt", pa.large_string())])
    with pa.OSFile(str(target), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for batch in chosen:
            _update(digest, batch)
            summary.num_accepted += len(batch)
            writer.write_batch(pa.record_batch([pa.array(batch, pa.large_string())], schema=schema))
    if summary.num_accepted == 0:
        why = f"; the first reason is: {summary.first_reason}" if summary.num_rejected else ""
        raise ConfigError(
            "The prompt source holds no usable prompt: "
            f"{counted(summary.num_blank, 'blank line')}, "
            f"{summary.num_rejected:,} rejected{why}."
        )
    summary.sha256 = digest.hexdigest()
    return summary


@contextmanager
def collected_prompts(
    entries: Iterable[Found],
    refuse: Refuse | None = None,
    choice: Choice | None = None,
    on_rejected: OnRejected = lambda _number, _reason, _prompt: None,
) -> Iterator[tuple[pa.ChunkedArray, PromptSummary]]:
    """Yield the prompts and the summary of `collect_prompts`; the file is temporary.

    Raises:
        ConfigError: No prompt was accepted.
    """
    with tempfile.TemporaryDirectory(prefix="pairgen-") as folder:
        collected = Path(folder) / "prompts.arrow"
        summary = collect_prompts(entries, collected, refuse, choice, on_rejected)
        yield open_prompts(collected), summary


def open_prompts(path: Path) -> pa.ChunkedArray:
    """Map the Arrow file; entries are read from disk on access, but all were checked.

    Raises:
        UNREADABLE: The file is damaged, or an entry is missing.
    """
    prompts = map_table(path).column("prompt")
    if prompts.type != pa.large_string():
        raise ValueError(f"it holds {prompts.type}, not text")
    if prompts.null_count:
        raise ValueError(f"{counted(prompts.null_count, 'entry is', 'entries are')} missing")
    return prompts


def prompt_rows(prompts: pa.ChunkedArray, start: int, stop: int) -> dict[int, str]:
    """Return rows `start` to `stop` by row number; past the last row, counting wraps to row 0.

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
    """Return the `PromptSummary.sha256` of these prompts."""
    digest = hashlib.sha256()
    for chunk in prompts.iterchunks():
        _update(digest, chunk.cast(pa.large_binary()).to_pylist())
    return digest.hexdigest()


def encode_rejected(rejected: Iterable[Mapping[str, Any]]) -> bytes:
    """Return the refused entries as JSON lines."""
    lines = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in rejected)
    # A file name that is not UTF-8 contains lone surrogates; JSON has the same escape for them.
    return lines.encode("utf-8", "backslashreplace")


def _accepted(
    entries: Iterable[Found],
    summary: PromptSummary,
    refuse: Refuse | None,
    reject: Callable[[int, str, str], None],
    on_read: Callable[[int], object],
) -> Iterator[list[bytes]]:
    """Yield the usable prompts, UTF-8, in batches; count and report the others."""
    batch: list[tuple[int, str, bytes]] = []
    num_bytes = 0
    for entry in entries:
        summary.num_read += 1
        if isinstance(entry, ValueError):
            reject(summary.num_read, str(entry), "")
            continue
        text = entry.strip()
        if not text:
            summary.num_blank += 1
            continue
        raw, reason = encoded(text)
        if reason:
            reject(summary.num_read, reason, "")
            continue
        batch.append((summary.num_read, text, raw))
        num_bytes += len(raw)
        if len(batch) == BATCH_ROWS or num_bytes >= BATCH_BYTES:
            yield _without_refused(batch, refuse, reject)
            on_read(summary.num_read)
            batch, num_bytes = [], 0
    if batch:
        yield _without_refused(batch, refuse, reject)


def _without_refused(
    batch: Sequence[tuple[int, str, bytes]],
    refuse: Refuse | None,
    reject: Callable[[int, str, str], None],
) -> list[bytes]:
    if refuse is None:
        return [raw for _, _, raw in batch]
    kept = []
    reasons = refuse([text for _, text, _ in batch])
    for (number, text, raw), reason in zip(batch, reasons, strict=True):
        if reason is None:
            kept.append(raw)
        else:
            reject(number, reason, text)
    return kept


def _update(digest: "hashlib._Hash", prompts: Iterable[bytes]) -> None:
    # The length prefix keeps ("ab", "c") and ("a", "bc") apart.
    digest.update(b"".join(len(raw).to_bytes(8, "little") + raw for raw in prompts))
