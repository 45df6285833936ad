"""A table of captions finds its images by every name they have; what it does not fit is counted."""

import csv
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pairgen
from pairgen.errors import ConfigError
from pairgen.jobs.degrade.run import run_degrade
from pairgen.sources.image_files import find_images
from pairgen.sources.texts.captions import Captions
from tests.runs import samples
from tests.sources.test_image_files import picture, write, write_tar

ROWS = [
    {"file_name": "a.png", "caption": "é, first", "label": "1"},
    {"file_name": "sub/b.png", "caption": "", "label": "2"},
    {"file_name": "gone.png", "caption": "nothing", "label": "3"},
    {"file_name": "a.png", "caption": "again", "label": "4"},
]


def write_table(path: Path, rows: list[dict[str, str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        buffer = io.StringIO()
        delimiter = "\t" if path.suffix == ".tsv" else ","
        writer = csv.DictWriter(buffer, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
        path.write_text(buffer.getvalue(), encoding="utf-8-sig")
    return path


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "photos"
    for number, name in enumerate(("a.png", "c.png", "sub/b.png")):
        write(root / name, picture(number))
    write(root / "c.txt", "beside")
    return root


def captions_of(captions: Captions, *values: object) -> dict[str, str]:
    files = captions.apply(find_images([*map(str, values)]))
    return {each.name: each.caption for each in files}


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_every_kind_of_table_says_the_same(suffix, folder, tmp_path):
    captions = Captions(write_table(tmp_path / f"table{suffix}", ROWS), "")
    expected = {"a.png": "é, first", "c.png": "", "sub/b.png": ""}
    assert captions_of(captions, folder) == expected
    assert (captions.num_unmatched, captions.num_repeated) == (1, 1)
    labels = Captions(tmp_path / f"table{suffix}", "label")
    assert captions_of(labels, folder) == {"a.png": "1", "c.png": "", "sub/b.png": "2"}


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("image", "sub/b.png"),
        ("image", "./sub/b.png"),
        ("key", "sub/b"),
        ("path", "photos/sub/b.png"),
        ("path", "{folder}/sub/b.png"),
    ],
)
def test_a_row_names_an_image_by_name_key_or_path(column, name, folder, tmp_path):
    rows = [{column: name.format(folder=folder), "text": "b"}]
    captions = Captions(write_table(tmp_path / "table.jsonl", rows), "")
    assert captions_of(captions, folder) == {"a.png": "", "c.png": "", "sub/b.png": "b"}
    assert captions.num_unmatched == 0


def test_a_tars_images_are_named_by_their_keys(tmp_path):
    write_tar(tmp_path / "set/0.tar", {"01.png": picture(1), "02.png": picture(2), "02.txt": b"2"})
    rows = [{"key": "01", "caption": "one"}, {"key": "02.png", "caption": "two"}]
    captions = Captions(write_table(tmp_path / "table.csv", rows), "")
    assert captions_of(captions, tmp_path / "set") == {"0.tar/01.png": "one", "0.tar/02.png": "two"}


def test_a_column_of_metadata_and_of_parquet_can_be_chosen(tmp_path):
    write(tmp_path / "files/a.png", picture(0))
    write_table(tmp_path / "files/metadata.csv", [{"file_name": "a.png", "text": "x", "fr": "y"}])
    table = pa.table({"image": [picture(1)], "caption": ["x"], "fr": ["z"]})
    pq.write_table(table, tmp_path / "t.parquet")
    values = [str(tmp_path / "files"), str(tmp_path / "t.parquet")]
    assert [each.caption for each in find_images(values)] == ["x", "x"]
    assert [each.caption for each in find_images(values, "fr")] == ["y", "z"]
    for value in values:
        with pytest.raises(ConfigError, match=r"has no column 'de'.*; it has .*, fr\.$"):
            list(find_images([value], "de"))


@pytest.mark.parametrize(
    ("name", "text", "column", "message"),
    [
        (
            "t.csv",
            "file_name,caption\na.png,x\n",
            "txet",
            r"no column 'txet'; it has file_name",
        ),
        (
            "t.csv",
            "file_name,colour\na.png,x\n",
            "",
            r"must have one of .* it has .*colour",
        ),
        ("t.csv", "name,caption\na.png,x\n", "", r"must have one of the columns file_name, image"),
        ("t.csv", "file_name,caption\n", "", "has no rows"),
        ("t.jsonl", "{no json", "", "t.jsonl has 1 row, .*line 1: not valid JSON"),
        ("t.parquet", "no parquet", "", "is not a Parquet file"),
        ("t.json", "[]", "", r"Captions must be a .csv, .tsv, .jsonl, .parquet"),
        ("gone.csv", None, "", "cannot be read: No such file"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_sentence(name, text, column, message, tmp_path):
    if text is not None:
        write(tmp_path / name, text)
    with pytest.raises(ConfigError, match=message) as caught:
        Captions(tmp_path / name, column)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://host/a.csv?key=S", "s3://K:S@bucket/a.parquet"])
@pytest.mark.parametrize("name", ["captions", "edit_triples"])
def test_a_url_is_no_table(name: str, url: str, tmp_path: Path) -> None:
    images = {"images": "package:photographs"} if name == "captions" else {}
    with pytest.raises(ConfigError, match="must be a file of this machine, got the URL") as caught:
        pairgen.collect(**{name: url}, **images, size=32, out=tmp_path / "out")
    assert "***" in str(caught.value) and "S@" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_degrade_takes_captions_and_says_what_they_do_not_fit(tmp_path):
    folder = Path(pairgen.__file__).parent / "assets/photographs"
    (first, *_) = sorted(path.name for path in folder.glob("*.jpg"))
    rows = [{"file_name": first, "fr": "un"}, {"file_name": "gone.png", "fr": "rien"}]
    table = write_table(tmp_path / "table.csv", rows)
    options = {"crop": 64, "degradation": "bicubic", "executor": "serial", "column": "fr"}
    said: list[str] = []
    run_degrade({**options, "captions": str(table), "out": str(tmp_path / "out")}, said.append)
    line = f"1 image has a caption from {table}; names without an image: 1 (gone.png);"
    assert line in said[-1]
    texts = [sample["txt"].decode() for sample in samples(tmp_path / "out")]
    assert texts == ["un", "", "", ""]
    assert pairgen.verify(tmp_path / "out").clean
    with pytest.raises(ConfigError, match="The column 'fr' has no caption for any image"):
        run_degrade({**options, "images": str(folder / first), "out": str(tmp_path / "other")})
    with pytest.raises(ConfigError, match="the captions of from_ode are its prompts"):
        run_degrade({**options, "from_ode": str(tmp_path), "out": str(tmp_path / "other")})
    assert not (tmp_path / "other").exists()
