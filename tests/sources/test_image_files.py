"""Images are found in every kind of place, in the order of their names, with their captions."""

import io
import json
import os
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pairgen.errors import ConfigError
from pairgen.sources.image_files import find_images
from pairgen.sources.images import header_size
from pairgen.sources.photographs import UnusableImageError


def picture(number: int, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), number, np.uint8)).save(buffer, kind)
    return buffer.getvalue()


def write(path: Path, data: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def write_tar(path: Path, members: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def found(*values: object) -> dict[str, tuple[bytes, str]]:
    """Return name to (bytes, caption), in the order found."""
    return {each.name: (each.read(), each.caption) for each in find_images([*map(str, values)])}


def test_a_folder_is_searched_in_the_order_of_names_without_hidden_ones(tmp_path):
    for number, name in enumerate(("b.png", "a/z.JPG", "a/y.webp", "c.tiff", "a/x.bmp")):
        write(tmp_path / name, picture(number))
    for name in (".hidden.png", ".git/x.png", "__meta__/x.png", "notes.txt", "film.mp4"):
        write(tmp_path / name, b"?")
    names = list(found(tmp_path))
    assert names == ["b.png", "c.tiff", "a/x.bmp", "a/y.webp", "a/z.JPG"]
    assert found(tmp_path)["b.png"][0] == picture(0)


def test_captions_lie_beside_or_in_the_folders_metadata(tmp_path):
    write(tmp_path / "one.png", picture(1))
    write(tmp_path / "one.txt", "\ufeffa red apple\r\n")
    write(tmp_path / "two.png", picture(2))
    write(tmp_path / "sub/three.png", picture(3))
    write(tmp_path / "sub/four.png", picture(4))
    write(tmp_path / "sub/metadata.csv", 'file_name,text\nthree.png,"a, b"\n')
    write(tmp_path / "json/five.png", picture(5))
    write(tmp_path / "json/metadata.jsonl", '{"file_name": "five.png", "caption": "é"}\n\n')
    captions = {name: caption for name, (_, caption) in found(tmp_path).items()}
    assert captions == {
        "one.png": "a red apple",
        "two.png": "",
        "sub/three.png": "a, b",
        "sub/four.png": "",
        "json/five.png": "é",
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metadata.csv", "filename,text\na.png,x\n"),
        ("metadata.jsonl", '{"file_name": "a.png", "colour": "x"}'),
        ("metadata.jsonl", "{no json"),
    ],
)
def test_metadata_that_cannot_be_used_is_named(tmp_path, name, text):
    write(tmp_path / "a.png", picture(0))
    write(tmp_path / name, text)
    with pytest.raises(ConfigError, match=name):
        found(tmp_path)


def test_globs_lists_and_files(tmp_path):
    for number in range(3):
        write(tmp_path / f"set/{number}.png", picture(number))
    write(tmp_path / "set/deep/3.png", picture(3))
    assert list(found(tmp_path / "set/[01].png")) == ["0.png", "1.png"]
    assert list(found(tmp_path / "set/**/*.png")) == ["0.png", "1.png", "2.png", "3.png"]
    assert list(found(tmp_path / "set/**")) == ["0.png", "1.png", "2.png", "deep/3.png"]
    assert list(found(tmp_path / "set/2.png", tmp_path / "set/0.png")) == ["2.png", "0.png"]
    elsewhere = write(tmp_path / "other/far.png", picture(9))
    listed = write(tmp_path / "list.txt", f"set/2.png\n\nset/deep/3.png\r\n{elsewhere}\n")
    assert [data for data, _ in found(listed).values()] == [picture(2), picture(3), picture(9)]
    assert list(found(listed))[:2] == ["set/2.png", "set/deep/3.png"]


def test_a_list_that_names_nothing_says_so_when_opened(tmp_path):
    listed = write(tmp_path / "list.txt", "gone.png\n")
    (entry,) = find_images([str(listed)])
    with pytest.raises(FileNotFoundError):
        entry.read()


def test_a_name_that_no_file_can_have_costs_that_line_of_a_list_alone(tmp_path):
    write(tmp_path / "a.png", picture(1))
    listed = write(tmp_path / "list.txt", f"a\0.png\na.png\n{'x' * 300}.png\n")
    broken, good, long = find_images([str(listed)])
    assert good.read() == picture(1)
    with pytest.raises(OSError, match="File name too long"):
        header_size(long)
    with pytest.raises(UnusableImageError, match="cannot be read: embedded null byte"):
        header_size(broken)


def test_tars_give_one_image_a_key_with_its_text(tmp_path):
    members = {
        "000000001.png": picture(1),
        "000000001.lr4.png": picture(41),
        "000000001.txt": b"one",
        "sub/two.jpg": picture(2, "JPEG"),
        "sub/two.json": json.dumps({"a": 1}).encode(),
        "three.npy": b"no image",
    }
    write_tar(tmp_path / "set/train/00000.tar", members)
    expected = {
        "train/00000.tar/000000001.png": (picture(1), "one"),
        "train/00000.tar/sub/two.jpg": (picture(2, "JPEG"), ""),
    }
    assert found(tmp_path / "set") == expected
    assert list(found(tmp_path / "set/train/*.tar")) == [
        name.removeprefix("train/") for name in expected
    ]


def test_parquet_with_bytes_or_as_the_hub_wraps_them(tmp_path):
    plain = pa.table({"image": [picture(i) for i in range(5)], "caption": list("abcde")})
    pq.write_table(plain, tmp_path / "plain.parquet", row_group_size=2)
    wrapped = [{"bytes": picture(i), "path": f"{i}.png"} for i in range(3)]
    pq.write_table(pa.table({"image": wrapped, "label": [0, 1, 2]}), tmp_path / "hub.parquet")
    images = found(tmp_path)
    assert list(images) == [
        *(f"hub.parquet/{i}" for i in range(3)),
        *(f"plain.parquet/{i}" for i in range(5)),
    ]
    assert images["plain.parquet/4"] == (picture(4), "e")
    assert images["hub.parquet/2"] == (picture(2), "")


def test_what_names_nothing_or_is_broken_is_one_sentence(tmp_path):
    write(tmp_path / "broken.tar", b"no tar" * 200)
    write(tmp_path / "broken.parquet", b"no parquet")
    pq.write_table(pa.table({"price": [1]}), tmp_path / "other.parquet")
    write(tmp_path / "film.mp4", b"?")
    for name, words in (
        ("broken.tar", "cannot be read"),
        ("broken.parquet", "not a Parquet file"),
        ("other.parquet", "none of the columns"),
        ("film.mp4", "Images must be"),
        ("gone", "There are no images"),
        ("*.gone", "No images match"),
    ):
        with pytest.raises(ConfigError, match=words) as caught:
            found(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_a_link_to_nowhere_is_found_and_has_its_reason_later(tmp_path):
    os.symlink(tmp_path / "gone.png", tmp_path / "link.png")
    (entry,) = find_images([str(tmp_path)])
    with pytest.raises(OSError, match="No such file"):
        entry.read()


def labels(*values: object, label: str) -> dict[str, tuple[str, str]]:
    """Return name to (caption, class label), in the order found."""
    files = find_images([*map(str, values)], label=label)
    return {each.name: (each.caption, each.label) for each in files}


def test_class_labels_come_with_the_images(tmp_path):
    folder = tmp_path / "folder"
    for name in ("a.png", "b.png", "c.png"):
        write(folder / name, picture(1))
    write(folder / "a.txt", "beside")
    write(folder / "metadata.csv", "file_name,class\na.png,3\nb.png, x \n")
    assert labels(folder, label="class") == {
        # No column of captions: they may lie beside.
        "a.png": ("beside", "3"),
        "b.png": ("", "x"),
        "c.png": ("", ""),
    }
    members = {"0.png": picture(1), "0.cls": b"12\n", "0.txt": b"hi", "1.png": picture(2)}
    tar = write_tar(tmp_path / "a.tar", members)
    assert list(labels(tar, label="cls").values()) == [("hi", "12"), ("", "")]
    rows = [{"image": picture(n), "label": n - 1, "text": f"{n}"} for n in range(2)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    found = labels(tmp_path / "a.parquet", label="label")
    assert list(found.values()) == [("0", "-1"), ("1", "0")]
    for source in (folder, tmp_path / "a.parquet"):
        with pytest.raises(ConfigError, match="has no column 'clas'"):
            labels(source, label="clas")
