"""Prompt files: every format gives the same prompts, and what is refused has its reason."""

import csv
import gzip
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairgen.errors import ConfigError
from pairgen.sources.prompt_choice import BATCH_ROWS
from pairgen.sources.prompt_values import PromptReader, find_prompts
from pairgen.sources.prompts import (
    PromptSummary,
    collect_prompts,
    encode_rejected,
    open_prompts,
    prompt_rows,
    prompts_sha256,
)

STREAMS = [".txt", ".jsonl", ".csv", ".tsv"]
SUFFIXES = [*STREAMS, ".parquet", *(f"{suffix}.gz" for suffix in STREAMS)]
PROMPTS = ["a red fox", "日本の庭園, 🌸", 'he said "no", twice', "Grüße | <b>", "back\\slash"]


@dataclass
class Collected:
    """What `collect_prompts` told: the summary, the prompts, and (number, reason, prompt)."""

    summary: PromptSummary
    prompts: list[str]
    rejected: list[tuple[int, str, str]]


def write_as(folder: Path, suffix: str, prompts: Sequence[str], column: str = "prompt") -> Path:
    path = folder / f"prompts{suffix}"
    if suffix.endswith(".gz"):
        plain = write_as(folder, suffix.removesuffix(".gz"), prompts, column)
        path.write_bytes(gzip.compress(plain.read_bytes()))
    elif suffix == ".txt":
        path.write_text("".join(f"{p}\n" for p in prompts), encoding="utf-8")
    elif suffix == ".jsonl":
        lines = [json.dumps({"id": 1, column: p}, ensure_ascii=False) + "\n" for p in prompts]
        path.write_text("".join(lines), encoding="utf-8")
    elif suffix in (".csv", ".tsv"):
        buffer = io.StringIO(newline="")
        writer = csv.writer(buffer, delimiter="," if suffix == ".csv" else "\t")
        writer.writerow(["id", column])
        writer.writerows([[1, p] for p in prompts])
        path.write_bytes(buffer.getvalue().encode())
    else:
        pq.write_table(pa.table({"id": [1] * len(prompts), column: list(prompts)}), path)
    return path


def collect(*paths: Path, column: str = "", **options: Any) -> Collected:
    target = paths[0].parent / "prompts.arrow"
    rejected: list[tuple[int, str, str]] = []
    reader = PromptReader(find_prompts([str(path) for path in paths], column))
    summary = collect_prompts(
        reader, target, on_rejected=lambda *told: rejected.append(told), **options
    )
    found = Collected(summary, open_prompts(target).to_pylist(), rejected)
    assert summary.num_rejected == len(rejected)
    assert summary.num_accepted == len(found.prompts)
    assert summary.num_read == (
        summary.num_accepted
        + summary.num_blank
        + summary.num_rejected
        + summary.num_duplicates
        + summary.num_left_out
    )
    return found


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_gives_the_prompts_in_order(tmp_path: Path, suffix: str) -> None:
    found = collect(write_as(tmp_path, suffix, PROMPTS))
    assert found.prompts == PROMPTS
    assert (found.summary.num_blank, found.rejected) == (0, [])


def test_the_hash_is_that_of_the_prompts_not_of_the_file(tmp_path: Path) -> None:
    paths = [write_as(tmp_path, suffix, PROMPTS) for suffix in SUFFIXES]
    (sha256,) = {collect(path).summary.sha256 for path in paths}
    backwards = write_as(tmp_path, ".txt", PROMPTS[::-1])
    assert collect(backwards).summary.sha256 != sha256


def test_the_hash_keeps_the_borders_between_prompts(tmp_path: Path) -> None:
    first = collect(write_as(tmp_path, ".txt", ["ab", "c"])).summary.sha256
    assert collect(write_as(tmp_path, ".txt", ["a", "bc"])).summary.sha256 != first


def test_the_hash_can_be_computed_again_from_the_arrow_file(tmp_path: Path) -> None:
    found = collect(write_as(tmp_path, ".txt", PROMPTS))
    assert prompts_sha256(open_prompts(tmp_path / "prompts.arrow")) == found.summary.sha256


def test_a_suffix_in_capitals_is_the_same_format(tmp_path: Path) -> None:
    path = write_as(tmp_path, ".txt", PROMPTS).rename(tmp_path / "PROMPTS.TXT")
    assert collect(path).prompts == PROMPTS


@pytest.mark.parametrize("suffix", STREAMS)
def test_a_byte_order_mark_is_taken_off(tmp_path: Path, suffix: str) -> None:
    path = write_as(tmp_path, suffix, PROMPTS)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert collect(path).prompts == PROMPTS


@pytest.mark.parametrize("suffix", STREAMS)
def test_windows_line_ends_are_taken_off(tmp_path: Path, suffix: str) -> None:
    path = write_as(tmp_path, suffix, PROMPTS)
    path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    assert collect(path).prompts == PROMPTS


def test_a_last_line_without_an_end_counts(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("one\ntwo")
    assert collect(tmp_path / "p.txt").prompts == ["one", "two"]


def test_blank_lines_are_skipped_and_counted(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("one\n\n   \n\ttwo \n\u00a0\n")
    found = collect(tmp_path / "p.txt")
    assert found.prompts == ["one", "two"]
    assert found.summary.num_blank == 3


def test_blank_lines_of_jsonl_are_skipped_and_counted(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text('{"prompt": "one"}\n\n{"prompt": "  "}\n"two"\n')
    found = collect(tmp_path / "p.jsonl")
    assert found.prompts == ["one", "two"]
    assert found.summary.num_blank == 2


def test_jsonl_may_hold_plain_strings(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text('"one"\n"żółw \\u2603"\n')
    assert collect(tmp_path / "p.jsonl").prompts == ["one", "żółw \u2603"]


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".txt", b"one\ncaf\xe9\ntwo\n"),
        (".jsonl", b'"one"\n"caf\xe9"\n"two"\n'),
        (".csv", b"prompt\none\ncaf\xe9\ntwo\n"),
    ],
)
def test_invalid_utf8_is_refused_with_its_reason(
    tmp_path: Path, suffix: str, content: bytes
) -> None:
    path = tmp_path / f"p{suffix}"
    path.write_bytes(content)
    found = collect(path)
    assert found.prompts == ["one", "two"]
    ((number, reason, prompt),) = found.rejected
    assert (number, prompt) == (2, "") and reason.startswith("not valid UTF-8")


def test_lone_surrogates_of_json_are_refused(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text('"one"\n"half \\ud83e"\n"two"\n')
    found = collect(tmp_path / "p.jsonl")
    assert found.prompts == ["one", "two"]
    assert found.rejected == [(2, "not valid UTF-8", "")]


def test_entries_without_text_are_refused(tmp_path: Path) -> None:
    lines = ['{"prompt": "one"}', '{"prompt": null}', '{"other": "x"}', "[1]", "{", '{"prompt": 3}']
    (tmp_path / "p.jsonl").write_text("\n".join(lines))
    found = collect(tmp_path / "p.jsonl")
    assert found.prompts == ["one"]
    assert [number for number, _, _ in found.rejected] == [2, 3, 4, 5, 6]
    assert found.rejected[0] == (2, "no text under 'prompt'", "")
    assert found.rejected[3][1].startswith("not valid JSON")


def test_nulls_of_parquet_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"prompt": ["one", None, "two"]}), tmp_path / "p.parquet")
    found = collect(tmp_path / "p.parquet")
    assert found.prompts == ["one", "two"]
    assert found.rejected == [(2, "no text under 'prompt'", "")]


def test_short_rows_of_csv_are_refused(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("id,prompt\n1,one\n2\n3,three\n")
    found = collect(tmp_path / "p.csv")
    assert found.prompts == ["one", "three"]
    assert found.rejected == [(2, "no text under 'prompt'", "")]


def test_quotes_commas_and_line_ends_inside_csv_fields_survive(tmp_path: Path) -> None:
    prompts = ['a "big", red\nfox', "semi;colon", "'single'"]
    assert collect(write_as(tmp_path, ".csv", prompts)).prompts == prompts


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".tsv.gz", ".parquet"])
@pytest.mark.parametrize("column", ["prompt", "text", "caption", "txt"])
def test_the_usual_columns_are_taken_without_asking(
    tmp_path: Path, suffix: str, column: str
) -> None:
    assert collect(write_as(tmp_path, suffix, PROMPTS, column)).prompts == PROMPTS


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".tsv.gz", ".parquet"])
def test_a_column_can_be_chosen(tmp_path: Path, suffix: str) -> None:
    path = write_as(tmp_path, suffix, PROMPTS, "beschreibung")
    assert collect(path, column="beschreibung").prompts == PROMPTS


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".tsv.gz", ".parquet"])
def test_a_column_that_is_not_there_is_named_with_the_closest(tmp_path: Path, suffix: str) -> None:
    path = write_as(tmp_path, suffix, PROMPTS, "caption_en")
    with pytest.raises(ConfigError, match=r"no column 'caption' \(did you mean 'caption_en'\?\)"):
        collect(path, column="caption")


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".tsv.gz", ".parquet"])
def test_the_user_is_asked_when_no_column_is_usual(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(ConfigError, match=r"--column: \['id', 'q'\]"):
        collect(write_as(tmp_path, suffix, PROMPTS, "q"))


def test_the_only_column_is_no_guess(tmp_path: Path) -> None:
    pq.write_table(pa.table({"q": PROMPTS}), tmp_path / "p.parquet")
    with pytest.raises(ConfigError, match=r"The only column of .* is 'q', .* by --column q\.$"):
        collect(tmp_path / "p.parquet")
    assert collect(tmp_path / "p.parquet", column="q").prompts == PROMPTS


def test_text_has_no_columns(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no columns"):
        collect(write_as(tmp_path, ".txt", PROMPTS), column="prompt")


def test_a_missing_file_and_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="There is no prompt file"):
        find_prompts([str(tmp_path / "nowhere.txt")])
    with pytest.raises(ConfigError, match=r"a \.txt, \.jsonl, .* got .*prompts\.xlsx"):
        find_prompts([str(tmp_path / "prompts.xlsx")])


def test_what_is_no_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.parquet").write_bytes(b"not parquet at all")
    with pytest.raises(ConfigError, match="is not a Parquet file"):
        collect(tmp_path / "p.parquet")


@pytest.mark.parametrize("content", ["", "\n\n  \n"])
def test_a_source_without_a_prompt_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "p.txt").write_text(content)
    with pytest.raises(ConfigError, match="holds no usable prompt"):
        collect(tmp_path / "p.txt")


@pytest.mark.parametrize("num_lines", [0, 40_000, 4_000_000])
def test_a_quote_that_is_never_closed_is_an_error(tmp_path: Path, num_lines: int) -> None:
    (tmp_path / "p.csv").write_text('prompt\none\n"two\n' + "more\n" * num_lines)
    with pytest.raises(ConfigError, match=r"p\.csv, line \d+: .*; is a quote never closed\?"):
        collect(tmp_path / "p.csv")


def test_an_empty_csv_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("")
    with pytest.raises(ConfigError):
        collect(tmp_path / "p.csv")


def test_refused_prompts_are_listed_and_the_others_keep_their_order(tmp_path: Path) -> None:
    def refuse(prompts: Sequence[str]) -> list[str | None]:
        return ["too long" if len(p) > 12 else None for p in prompts]

    found = collect(write_as(tmp_path, ".txt", PROMPTS), refuse=refuse)
    assert found.prompts == [p for p in PROMPTS if len(p) <= 12]
    assert found.rejected == [(3, "too long", PROMPTS[2])]


def test_rejected_entries_become_json_lines() -> None:
    data = encode_rejected([{"entry": 2, "reason": "too long", "prompt": "żółw\n"}])
    assert json.loads(data) == {"entry": 2, "reason": "too long", "prompt": "żółw\n"}
    assert data.count(b"\n") == 1
    assert encode_rejected([]) == b""
    assert json.loads(encode_rejected([{"file": "caf\udce9"}])) == {"file": "caf\udce9"}


def test_more_prompts_than_a_batch_keep_their_order(tmp_path: Path) -> None:
    prompts = [f"prompt {i}" for i in range(2 * BATCH_ROWS + 5)]
    assert collect(write_as(tmp_path, ".parquet", prompts)).prompts == prompts


def test_rows_wrap_around_and_come_under_their_number(tmp_path: Path) -> None:
    collect(write_as(tmp_path, ".txt", PROMPTS))
    prompts = open_prompts(tmp_path / "prompts.arrow")
    assert prompt_rows(prompts, 1, 3) == {1: PROMPTS[1], 2: PROMPTS[2]}
    assert prompt_rows(prompts, 13, 16) == {3: PROMPTS[3], 4: PROMPTS[4], 0: PROMPTS[0]}
    assert prompt_rows(prompts, 2, 1000) == dict(enumerate(PROMPTS))
