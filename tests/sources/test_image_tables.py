"""Datasets that the hub's library saved to disk are read without it, as it wrote them."""

import io
import json

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from pairgen.errors import ConfigError
from pairgen.sources.image_files import find_images
from tests.sources.test_image_files import found, picture, write


def save(folder, num: int, num_shards: int) -> None:
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    pictures = [Image.fromarray(np.full((8, 8, 3), i, np.uint8)) for i in range(num)]
    data = {"label": list(range(num)), "image": pictures, "text": [f"no {i}" for i in range(num)]}
    dataset = datasets.Dataset.from_dict(data).cast_column("image", datasets.Image())
    datasets.DatasetDict({"train": dataset}).save_to_disk(folder, num_shards={"train": num_shards})


def test_a_saved_dataset_is_read_as_its_library_wrote_it(tmp_path):
    save(tmp_path / "set", 5, 2)
    images = found(tmp_path / "set")
    assert list(images) == [
        *(f"train/data-00000-of-00002.arrow/{i}" for i in range(3)),
        *(f"train/data-00001-of-00002.arrow/{i}" for i in range(2)),
    ]
    for number, (data, caption) in enumerate(images.values()):
        assert np.asarray(Image.open(io.BytesIO(data))).tolist() == [[[number] * 3] * 8] * 8
        assert caption == f"no {number}"
    sizes = [each.num_bytes for each in find_images([str(tmp_path / "set")])]
    assert sizes == [len(data) for data, _ in images.values()]
    assert list(found(tmp_path / "set/train/data-00001-of-00002.arrow")) == [
        f"data-00001-of-00002.arrow/{i}" for i in range(2)
    ]


def test_caches_and_what_an_earlier_saving_left_are_not_read(tmp_path):
    save(tmp_path, 4, 2)
    kept = (tmp_path / "train/data-00000-of-00002.arrow").read_bytes()
    write(tmp_path / "train/cache-12ab.arrow", kept)
    write(tmp_path / "train/data-00000-of-00001.arrow", kept)
    write(tmp_path / "elsewhere/data.arrow", kept)
    assert len(found(tmp_path)) == 4


def write_stream(path, table: pa.Table) -> None:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)


def test_a_cell_without_bytes_says_what_it_holds(tmp_path):
    cells = [{"bytes": picture(1), "path": None}, {"bytes": None, "path": "gone.png"}, None]
    write_stream(tmp_path / "t.arrow", pa.table({"image": cells, "label": [0, 1, 2]}))
    first, path, nothing = find_images([str(tmp_path / "t.arrow")])
    assert first.read() == picture(1)
    with pytest.raises(OSError, match=r"the cell holds a path, no bytes: 'gone\.png'"):
        path.read()
    with pytest.raises(OSError, match="the cell is null"):
        nothing.read()
    write_stream(tmp_path / "u.arrow", pa.table({"image": [3, 4]}))
    with pytest.raises(ConfigError, match=r"The column 'image' of .* holds int64, not images\."):
        found(tmp_path / "u.arrow")


def test_what_cannot_be_read_is_one_sentence(tmp_path):
    write(tmp_path / "broken.arrow", b"no arrow" * 20)
    write_stream(tmp_path / "other.arrow", pa.table({"price": [1]}))
    write(tmp_path / "set/state.json", json.dumps({"_indices_data_files": [{"filename": "i"}]}))
    for name, words in (
        ("broken.arrow", "is not an Arrow stream"),
        ("other.arrow", "none of the columns"),
        ("set", "flatten_indices"),
    ):
        with pytest.raises(ConfigError, match=words) as caught:
            found(tmp_path / name)
        assert "\n" not in str(caught.value)
