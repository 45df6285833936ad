"""What `--prompts` may name: several files, globs, folders, tars, saved hub datasets, texts."""

import gzip
import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairgen.errors import ConfigError
from pairgen.sources.prompt_values import PromptReader, describe_values, find_prompts
from pairgen.sources.texts.rows import MAX_LINE
from pairgen.sources.texts.rules import Found


def write_tar(path: Path, members: Sequence[tuple[str, str | bytes]], mode: str = "w") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as tar:
        for name, content in members:
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def read(*values: str | Path, column: str = "", texts: bool = False) -> list[Found]:
    return list(PromptReader(find_prompts([str(value) for value in values], column, texts)))


def reasons(entries: Sequence[Found]) -> list[str]:
    return [str(entry) for entry in entries if isinstance(entry, ValueError)]


def write_lines(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def stripped(entries: Sequence[Found]) -> list[str]:
    return [entry.strip() for entry in entries if isinstance(entry, str)]


def test_a_pattern_for_all_below_a_folder_gives_each_file_once(tmp_path: Path) -> None:
    for name in ("in/a.parquet", "in/deep/b.parquet"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"prompt": [name]}), tmp_path / name)
    (tmp_path / "in/c.txt").write_text("in/c.txt")
    assert sorted(read(tmp_path / "in/**")) == ["in/a.parquet", "in/c.txt", "in/deep/b.parquet"]


def test_values_come_as_given_and_matches_of_a_glob_sorted(tmp_path: Path) -> None:
    for name in ("b", "a", "c/d"):
        write_lines(tmp_path / f"{name}.txt", name)
    write_lines(tmp_path / "first.jsonl", '{"text": "first"}')
    found = read(tmp_path / "first.jsonl", tmp_path / "**/*.txt", tmp_path / "a.txt")
    assert stripped(found) == ["first", "a", "b", "c/d", "a"]


def test_an_entry_is_told_by_its_file_and_its_number_there(tmp_path: Path) -> None:
    paths = [write_lines(tmp_path / f"{i}.txt", *map(str, range(i))) for i in (2, 0, 3)]
    reader = PromptReader(find_prompts([str(path) for path in paths]))
    assert len(list(reader)) == 5
    places = [reader.place(number) for number in range(1, 6)]
    assert places == [
        *((str(paths[0]), number) for number in (1, 2)),
        *((str(paths[2]), number) for number in (1, 2, 3)),
    ]


def test_every_value_is_looked_at_before_anything_is_read(tmp_path: Path) -> None:
    good = write_lines(tmp_path / "good.txt", "a")
    for value, message in (
        ("absent.txt", "There is no prompt file"),
        ("*.csv", "No prompts match"),
        ("notes.md", "got '.*notes.md'"),
        ("plain", "got '.*plain'"),
        ("table.parquet.gz", "gunzip it"),
    ):
        with pytest.raises(ConfigError, match=message):
            find_prompts([str(good), str(tmp_path / value)])
    with pytest.raises(ConfigError, match="- is given twice"):
        find_prompts(["-", "a.txt", "-"])


def test_a_tar_gives_its_captions_in_its_own_order(tmp_path: Path) -> None:
    captions = json.dumps({"caption": "from json", "width": 3})
    members = [
        ("./b/1.jpg", b"\xff"),
        ("./b/1.txt", "from txt "),
        ("./b/1.json", captions),
        ("./b/0.json", captions),
        ("2.caption", "from caption"),
        ("3.jpg", b"\xff"),
        ("4.txt", b"caf\xe9"),
        ("5.json", "{"),
    ]
    for name, mode in (("a.tar", "w"), ("a.tar.gz", "w:gz")):
        found = read(write_tar(tmp_path / name, members, mode))
        assert found[:3] == ["from txt ", "from json", "from caption"]
        missing = "no txt or caption or text or prompt; members {}; keys of json none"
        assert reasons(found) == [
            missing.format("jpg"),
            "not valid UTF-8 at byte 3",
            missing.format("json"),
        ]


def test_a_first_line_that_is_too_long_is_one_entry_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "p.txt"
    path.write_bytes(b"\xef\xbb\xbf" + b"x" * (MAX_LINE - 2) + b"tail\nnext\n")
    found = read(path)
    assert reasons(found) == ["a line longer than 16,777,216 bytes"]
    assert stripped(found) == ["next"]


def test_a_column_of_a_tar_is_a_member_or_a_key_of_json(tmp_path: Path) -> None:
    members = [("0.txt", "t"), ("0.long", "member"), ("1.json", '{"long": "key"}'), ("2.txt", "t")]
    path = write_tar(tmp_path / "a.tar", members)
    assert stripped(read(path, column="long")) == ["member", "key"]
    assert len(reasons(read(path, column="long"))) == 1
    with pytest.raises(ConfigError, match=r"has no 'lang'; its first sample has the members txt"):
        read(path, column="lang")


@pytest.mark.parametrize("size", [512 * 3 + 100, 512 * 4, 512 * 5, 512 * 4 + 3])
def test_a_tar_that_is_cut_is_an_error(tmp_path: Path, size: int) -> None:
    members = [(f"{i}.{end}", f"caption {i}") for i in range(3) for end in ("jpg", "txt")]
    whole = write_tar(tmp_path / "a.tar", members).read_bytes()
    (tmp_path / "a.tar").write_bytes(whole[:size])
    with pytest.raises(ConfigError, match=r"a\.tar cannot be read: "):
        read(tmp_path / "a.tar")
    damaged = bytearray(whole)
    damaged[512 * 4 + 20] ^= 1
    (tmp_path / "a.tar").write_bytes(damaged)
    with pytest.raises(ConfigError, match=r"damaged at byte 2,048"):
        read(tmp_path / "a.tar")


def test_a_folder_stands_for_its_tars_and_tables_and_a_tar_for_itself(tmp_path: Path) -> None:
    write_tar(tmp_path / "train/00001.tar", [("1.txt", "second")])
    write_tar(tmp_path / "train/00000.tar", [("0.txt", "first")])
    write_tar(tmp_path / "__meta__/x.tar", [("0.txt", "never")])
    write_tar(tmp_path / ".hidden/x.tar", [("0.txt", "never")])
    write_lines(tmp_path / "README.md", "never")
    write_lines(tmp_path / "notes.txt", "never")
    assert read(tmp_path) == ["first", "second"]
    assert read(tmp_path / "train/*.tar") == ["first", "second"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"empty holds no tars.*by a glob, such as"):
        find_prompts([str(tmp_path / "empty")])


def test_a_hub_dataset_saved_to_disk_gives_its_texts(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    texts = [f"no {i}" for i in range(5)]
    dataset = datasets.Dataset.from_dict({"id": list(range(5)), "text": texts, "label": [0] * 5})
    dataset.save_to_disk(tmp_path / "one", num_shards=2)
    datasets.DatasetDict({"test": dataset, "train": dataset}).save_to_disk(tmp_path / "two")
    assert read(tmp_path / "one") == texts
    assert read(tmp_path / "two") == texts * 2
    assert read(tmp_path / "two/train") == texts
    with pytest.raises(ConfigError, match=r"column 'id' of .* holds int64, not text"):
        read(tmp_path / "one", column="id")
    with pytest.raises(ConfigError, match=r"no column 'txet' \(did you mean 'text'\?\)"):
        read(tmp_path / "one", column="txet")


def test_text_is_read_from_every_type_that_holds_it(tmp_path: Path) -> None:
    cells = ["a", None, "b"]
    dictionary = pa.array(cells).dictionary_encode()
    for column in (pa.array(cells, pa.large_string()), dictionary, pa.array([b"a", None, b"b"])):
        pq.write_table(pa.table({"prompt": column}), tmp_path / "t.parquet")
        found = read(tmp_path / "t.parquet")
        assert stripped(found) == ["a", "b"] and reasons(found) == ["no text under 'prompt'"]


def test_invalid_utf8_in_a_table_is_refused_cell_by_cell(tmp_path: Path) -> None:
    raw = pa.array([b"good", b"caf\xe9", b"last"])
    text = pa.Array.from_buffers(pa.string(), 3, raw.buffers())
    pq.write_table(pa.table({"prompt": text}), tmp_path / "t.parquet")
    found = read(tmp_path / "t.parquet")
    assert stripped(found) == ["good", "last"]
    assert reasons(found) == ["not valid UTF-8 at byte 3"]


@pytest.mark.parametrize("suffix", [".txt", ".jsonl", ".csv", ".tar"])
def test_a_compressed_file_that_is_cut_or_none_is_an_error(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"p{suffix}.gz"
    data = b'"prompt"\n' * 50_000
    for content in (
        gzip.compress(data)[:-60],
        gzip.compress(data)[:-4],
        b"no gzip at all",
        b"\x1f",
    ):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=rf"p\{suffix}\.gz cannot be read: "):
            read(path)
    flipped = bytearray(gzip.compress(data))
    flipped[-6] ^= 1
    path.write_bytes(flipped)
    with pytest.raises(ConfigError, match="cannot be read: "):
        read(path)


def test_a_table_that_is_cut_is_an_error(tmp_path: Path) -> None:
    pq.write_table(pa.table({"prompt": ["a"] * 100}), tmp_path / "p.parquet")
    data = (tmp_path / "p.parquet").read_bytes()
    for content in (data[:-10], b"", data[: len(data) // 2]):
        (tmp_path / "p.parquet").write_bytes(content)
        with pytest.raises(ConfigError, match="is not a Parquet file"):
            read(tmp_path / "p.parquet")


def test_the_name_of_a_source_is_short() -> None:
    names = [
        describe_values(v) for v in (("a/b.txt",), ("set/",), ("-",), ("a", "b"), ("c/*.tsv",))
    ]
    assert names == ["b.txt", "set", "standard input", "2 sources", "*.tsv"]


def test_a_text_is_a_file_if_there_is_one_and_else_a_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_lines(tmp_path / "prompts.txt", "one", "two")
    (tmp_path / "apple").mkdir()
    long = "a very long prompt " * 300
    values = ["first", "prompts.txt", "apple", long, "~nobody", "what is *this?", "p*.txt", "nul\0"]
    assert stripped(read(*values, texts=True)) == [
        *("first", "one", "two", "apple", long.strip(), "~nobody", "what is *this?"),
        *("one", "two", "nul\0"),
    ]


def test_a_folder_with_a_slash_is_read_and_without_one_is_a_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_tar(tmp_path / "apple/0.tar", [("0.txt", "from a tar")])
    assert read("apple", "apple/", texts=True) == ["apple", "from a tar"]
    with pytest.raises(ConfigError, match="holds no tars"):
        (tmp_path / "pear").mkdir()
        find_prompts(["pear/"], texts=True)


@pytest.mark.parametrize("value", ["absent.txt", "absent.JSONL", "a/b.csv.gz", "x y.parquet"])
def test_a_value_that_ends_as_prompt_files_do_must_be_one(value: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="There is no prompt file") as caught:
        find_prompts(["a prompt", str(tmp_path / value)], texts=True)
    assert value in str(caught.value)


def test_a_prompt_has_no_columns() -> None:
    with pytest.raises(ConfigError, match=r"'a fox' is a prompt.*column 'caption'"):
        find_prompts(["a fox"], "caption", texts=True)
