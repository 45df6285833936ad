"""Tags of a table: by key or image, of any format; another table is another overlay."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pairgen
from pairgen.errors import ConfigError
from pairgen.jobs.replay.run import run_replay
from tests.annotated_sets import failed, write_pictures
from tests.runs import samples

KEYED = [{"key": i, "tags": ["a", f"tag {i}"]} for i in range(10)]


def as_jsonl(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def tags(folder: Path) -> dict[int, str]:
    return {json.loads(each["json"])["index"]: each["tag.txt"].decode() for each in samples(folder)}


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "set")


def test_rows_name_samples_by_key_in_any_format(parent: Path, tmp_path: Path) -> None:
    expected = {i: f"a, tag {i}" for i in range(10)}
    jsonl = as_jsonl(tmp_path / "tags.jsonl", KEYED)
    parquet = tmp_path / "tags.parquet"
    pq.write_table(
        pa.table({"key": [f"{i:09d}" for i in range(10)], "mine": [*expected.values()]}), parquet
    )
    csv = tmp_path / "tags.csv"
    csv.write_text("key,tag\n" + "".join(f'{i},"a, tag {i}"\n' for i in range(10)))
    for table, column in ((jsonl, ""), (parquet, "mine"), (csv, "")):
        out = tmp_path / table.suffix[1:]
        pairgen.annotate(parent, add="tags", table=table, column=column, out=out, executor="serial")
        assert tags(out) == expected
        assert pairgen.verify(out).clean and not run_replay(out, "7").differences


def test_rows_name_images_of_degraded_sets(tmp_path: Path) -> None:
    out = tmp_path / "sr"
    pairgen.degrade(out=out, crop=32, scales=4, samples_per_image=2, executor="serial")
    images = [json.loads(each["json"])["image"] for each in samples(out)]
    first, *others = dict.fromkeys(images)
    rows = [{"file_name": first, "tags": "with extension"}]
    rows += [{"file_name": name.rpartition(".")[0], "tags": f"of {name}"} for name in others[:-1]]
    table = as_jsonl(tmp_path / "tags.jsonl", rows)
    pairgen.annotate(out, add="tags", table=table, executor="serial")
    overlay = Path(f"{out}.annotations/tags")
    expected = {name: f"of {name}" for name in others[:-1]} | {first: "with extension"}
    assert tags(overlay) == {i: expected[name] for i, name in enumerate(images) if name in expected}
    lacking = [i for i, name in enumerate(images) if name == others[-1]]
    assert failed(overlay) == dict.fromkeys(lacking, "no tags in tags.jsonl")
    loader = pairgen.Loader(out, fields=["png", "tag.txt"], batch_size=1)
    assert len(loader) == len(images) - len(lacking)


def test_the_table_may_move_but_not_change(parent: Path, tmp_path: Path) -> None:
    table = as_jsonl(tmp_path / "tags.jsonl", KEYED)
    pairgen.annotate(parent, add="tags", table=table, executor="serial")
    moved = table.rename(tmp_path / "moved.jsonl")
    with pytest.raises(ConfigError, match=r"tags\.jsonl cannot be read"):
        pairgen.annotate(parent, add="tags")
    (manifest,) = pairgen.annotate(parent, add="tags", table=moved)
    assert manifest.complete
    assert not run_replay(f"{parent}.annotations/tags", "2").differences
    as_jsonl(moved, KEYED[:5])
    with pytest.raises(ConfigError, match="table_sha256"):
        pairgen.annotate(parent, add="tags")


def test_wrong_tables_are_named(parent: Path, tmp_path: Path) -> None:
    for rows, options, message in (
        ([], {}, "has no rows"),
        ([{"name": 1, "tags": "a"}], {}, "must have one of the columns key, file_name, image"),
        ([{"key": 1, "words": "a"}], {}, r"one of tags, tag \(or --set column"),
        ([{"key": 1, "tags": "a"}], {"column": "tag"}, "has no column 'tag'.*did you mean 'tags'"),
        ([{"key": "x", "tags": "a"}], {}, "key in .* must be an integer >= 0, got 'x'"),
        ([{"image": "x", "tags": "a"}], {}, "the samples of the set do not record theirs"),
    ):
        table = as_jsonl(tmp_path / "tags.jsonl", rows)
        with pytest.raises(ConfigError, match=message):
            pairgen.annotate(parent, add="tags", table=table, **options)
    with pytest.raises(ConfigError, match=r"tags must have one source: table=FILE.*got none"):
        pairgen.annotate(parent, add="tags")
