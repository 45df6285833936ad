"""1,000 hostile entries of every kind: each ends as a hand-written rule says, none is lost.

The rules are the table in `pairgen/sources/prompt_files.py`.
"""

import io
import json
import random
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairgen.sources.prompt_choice import Choice
from pairgen.sources.prompt_values import PromptReader, find_prompts
from pairgen.sources.prompts import collect_prompts, open_prompts

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
RIGHT_TO_LEFT = "\u05e9\u05dc\u05d5\u05dd \u202b\u0639\u0627\u0644\u0645\u202c \u05dc\u05db\u05dc"
BLANK, REFUSED = "blank", "refused"
# Content of an entry, and what becomes of it: the prompt, BLANK, or REFUSED.
TEXTS: list[tuple[bytes, str | tuple[str]]] = [
    (b"plain", ("plain",)),
    (b"  both ends \t", ("both ends",)),
    (FAMILY.encode(), (FAMILY,)),
    (RIGHT_TO_LEFT.encode(), (RIGHT_TO_LEFT,)),
    ("e\u0301 is not \u00e9".encode(), ("e\u0301 is not \u00e9",)),
    ("Z\u0351\u036b\u0343algo".encode(), ("Z\u0351\u036b\u0343algo",)),
    ("日本の庭園".encode(), ("日本の庭園",)),
    (
        "\U00020bb7 \U0001f3f4\U000e0067\U000e007f".encode(),
        ("\U00020bb7 \U0001f3f4\U000e0067\U000e007f",),
    ),
    ("one\u2028two\u2029three\u0085four".encode(), ("one\u2028two\u2029three\u0085four",)),
    ("a\ufeffb".encode(), ("a\ufeffb",)),
    ("a\ufeff".encode(), ("a\ufeff",)),
    ("\ufdd0 noncharacter \U0010ffff".encode(), ("\ufdd0 noncharacter \U0010ffff",)),
    (
        b"bell \x07 escape \x1b[31m delete \x7f tab \t end",
        ("bell \x07 escape \x1b[31m delete \x7f tab \t end",),
    ),
    (b"vertical \x0b form \x0c group \x1d end", ("vertical \x0b form \x0c group \x1d end",)),
    (b"NUL \x00 inside", REFUSED),
    ("UTF-16".encode("utf-16-le"), REFUSED),
    ("UTF-16".encode("utf-16"), REFUSED),
    (b"caf\xe9", REFUSED),
    (b"\xff\xfe", REFUSED),
    (b"overlong \xc0\xaf", REFUSED),
    (b"surrogate \xed\xa0\x80", REFUSED),
    (b"cut \xf0\x9f\x8c", REFUSED),
    (b"beyond \xf4\x90\x80\x80", REFUSED),
    (b"", BLANK),
    (b" \t ", BLANK),
    ("\u3000\u00a0\u2028".encode(), BLANK),
    (b"\x1c\x1d\x1e\x1f", BLANK),
    (b"long " * 20_000, (("long " * 20_000).strip(),)),
    (b"x" * (2**20 + 1), REFUSED),
    (b"x" * 2**20, ("x" * 2**20,)),
    (b'comma, and 5" pipe', ('comma, and 5" pipe',)),
    (b"<b> & \\ \\n %s {0} ${HOME}", ("<b> & \\ \\n %s {0} ${HOME}",)),
]
Oracle = list[tuple[bytes, str | tuple[str]]]


def quoted(raw: bytes) -> bytes:
    return b'"' + raw.replace(b'"', b'""') + b'"'


# What only lines can hold: an entry, with the end of its line.
TXT: Oracle = [
    *((raw + b"\n", rule) for raw, rule in TEXTS),
    (b"CRLF\r\n", ("CRLF",)),
    (b"lone\rCR\n", ("lone\rCR",)),
    (b"\r\n", BLANK),
    (b"\r\r\n", BLANK),
    (b"y" * (2**24 + 7) + b"\n", REFUSED),
]
JSONL: Oracle = [
    *(
        (json.dumps({"prompt": raw.decode()}).encode() + b"\n", rule)
        for raw, rule in TEXTS
        if rule != REFUSED
    ),
    *((b'"%s"\n' % raw, REFUSED) for raw in (b"caf\xe9", b"\xff\xfe", b"raw \x07 control")),
    (b'"half \\ud83e"\n', REFUSED),
    (b'{"prompt": "pair \\ud83e\\udd8a"}\n', ("pair \U0001f98a",)),
    (b'"lines\\r\\nin\\u2028side"\r\n', ("lines\r\nin\u2028side",)),
    (b'"escaped NUL \\u0000"\n', REFUSED),
    (b'"  "\n', BLANK),
    (b"   \n", BLANK),
    *(
        (line + b"\n", REFUSED)
        for line in (b"{", b"[]", b"null", b"3", b"NaN", b'"a" "b"', b'{"prompt": null}', b"{}")
    ),
    (b"[" * 100_000 + b"\n", REFUSED),
    (b"9" * 5_000 + b"\n", REFUSED),
    (b'{"prompt": "one", "prompt": "two"}\n', ("two",)),
]
CSV: Oracle = [
    *((b"1," + quoted(raw) + b"\n", rule) for raw, rule in TEXTS),
    (b'2,"two\r\nlines"\r\n', ("two\r\nlines",)),
    (b'2,"a ""quoted"" word"\n', ('a "quoted" word',)),
    (b'2,5" pipe\n', ('5" pipe',)),
    (b"2,lone CR ends a row\r", ("lone CR ends a row",)),
    (b"2,an unquoted, comma\n", REFUSED),
    (b'2,"text" behind a quote\n', REFUSED),
    (b"2\n", REFUSED),
    (b"\n", BLANK),
    (b"2,\n", BLANK),
    (b'caf\xe9,"only another cell is broken"\n', ("only another cell is broken",)),
]


def as_lines(start: bytes = b"") -> Callable[[Path, Sequence[bytes]], None]:
    # A byte order mark stands before all of them.
    def write(path: Path, raws: Sequence[bytes]) -> None:
        path.write_bytes(b"\xef\xbb\xbf" + start + b"".join(raws))

    return write


def as_tsv(path: Path, raws: Sequence[bytes]) -> None:
    path.write_bytes(b"id\tprompt\r\n" + b"".join(b"1\t" + quoted(raw) + b"\r\n" for raw in raws))


def as_tar(path: Path, raws: Sequence[bytes]) -> None:
    with tarfile.open(path, "w") as tar:
        for number, raw in enumerate(raws):
            info = tarfile.TarInfo(f"{number:06d}.txt")
            info.size = len(raw)
            tar.addfile(info, io.BytesIO(raw))


def as_parquet(path: Path, raws: Sequence[bytes]) -> None:
    pq.write_table(pa.table({"prompt": pa.array(raws, pa.binary())}), path)


@pytest.mark.parametrize(
    ("name", "oracle", "write"),
    [
        ("p.txt", TXT, as_lines()),
        ("p.jsonl", JSONL, as_lines(b'"first"\n')),
        ("p.csv", CSV, as_lines(b"id,prompt\n")),
        ("p.tsv", TEXTS, as_tsv),
        ("p.tar", TEXTS, as_tar),
        ("p.parquet", TEXTS, as_parquet),
    ],
)
@pytest.mark.parametrize("dedupe", [False, True])
def test_1000_hostile_entries_end_as_the_rules_say(
    name: str, oracle: Oracle, write: Callable[[Path, Sequence[bytes]], None], dedupe, tmp_path
) -> None:
    choose = random.Random(name)
    small = [entry for entry in oracle if len(entry[0]) < 10_000]
    entries = [*oracle, *choose.choices(small, k=1_000 - len(oracle))]
    choose.shuffle(entries)
    write(tmp_path / name, [raw for raw, _ in entries])
    expected = [rule[0] for _, rule in entries if isinstance(rule, tuple)]
    refused = [number for number, (_, rule) in enumerate(entries, 1) if rule == REFUSED]
    if name == "p.jsonl":
        expected, refused = ["first", *expected], [number + 1 for number in refused]
    if dedupe:
        num_accepted, expected = len(expected), list(dict.fromkeys(expected))
    told: list[tuple[int, str, str]] = []
    summary = collect_prompts(
        PromptReader(find_prompts([str(tmp_path / name)])),
        tmp_path / "prompts.arrow",
        choice=Choice(dedupe=dedupe),
        on_rejected=lambda *entry: told.append(entry),
    )
    assert open_prompts(tmp_path / "prompts.arrow").to_pylist() == expected
    assert [number for number, _, _ in told] == refused
    assert all(reason for _, reason, _ in told)
    assert summary.num_blank == sum(rule == BLANK for _, rule in entries)
    assert summary.num_read == 1_000 + (name == "p.jsonl")
    assert summary.num_duplicates == (num_accepted - len(expected) if dedupe else 0)
    assert summary.num_read == len(expected) + len(refused) + (
        summary.num_blank + summary.num_duplicates
    )
