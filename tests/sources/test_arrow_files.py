"""Lists of strangers are mapped once all of them is sound; bombs are refused before they unpack."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairgen.errors import ConfigError
from pairgen.sources.arrow_files import UNREADABLE, map_table
from pairgen.sources.prompts import collect_prompts, open_prompts
from pairgen.sources.tables import table_batches


def test_lists_of_many_batches_are_mapped(tmp_path: Path) -> None:
    path = tmp_path / "prompts.arrow"
    texts = [f"prompt {number}" for number in range(30_000)]
    collect_prompts(iter(texts), path)
    table = map_table(path)
    assert table.column("prompt").to_pylist() == texts
    assert table.equals(pa.ipc.open_file(path).read_all())


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_what_is_compressed_is_refused_before_it_is_unpacked(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "prompts.arrow"
    table = pa.table({"prompt": pa.array(["x" * 10**8], pa.large_string())})
    options = pa.ipc.IpcWriteOptions(compression=codec)
    with (
        pa.OSFile(str(path), "wb") as sink,
        pa.ipc.new_file(sink, table.schema, options=options) as writer,
    ):
        writer.write_table(table)
    before = pa.default_memory_pool().max_memory()
    with pytest.raises(ValueError, match="pairgen never writes"):
        open_prompts(path)
    assert pa.default_memory_pool().max_memory() - before < 10**7


def test_a_list_of_dictionaries_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "prompts.arrow"
    table = pa.table({"prompt": pa.array(["a", "b"]).dictionary_encode()})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(UNREADABLE):
        open_prompts(path)


def test_any_flipped_byte_is_read_or_raises(tmp_path: Path) -> None:
    path = tmp_path / "prompts.arrow"
    collect_prompts(iter(["a red apple", "\u65e5\u672c", "x"]), path)
    whole = path.read_bytes()
    for at in range(len(whole)):
        other = tmp_path / f"{at}.arrow"
        other.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])
        try:
            open_prompts(other).to_pylist()
        except UNREADABLE:
            continue
        finally:
            other.unlink()


def test_a_cell_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "images.parquet"
    pq.write_table(pa.table({"image": [bytes(2 * 10**8)]}), path, compression="zstd")
    with pytest.raises(ConfigError, match=r"bytes of its column 'image' that unpack to 2\d\d,"):
        list(table_batches(path, "parquet", ["image"], 64))
