"""The reader: what the writer wrote comes back, and damage is an error, never a hang."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from pairgen.errors import CorruptShardError
from pairgen.shards.format.reader import (
    DuplicateKeyError,
    TruncatedShardError,
    map_file,
    read_members,
    read_samples,
)
from pairgen.shards.format.writer import BLOCK, ShardWriter, ustar_header
from pairgen.types import Sample
from tests.small_sets import make_plan, make_sample


def shard_bytes(folder: Path, samples: list[Sample]) -> bytes:
    with ShardWriter(folder / "shard.tar") as writer:
        for sample in samples:
            writer.write(sample)
    return (folder / "shard.tar").read_bytes()


@pytest.fixture
def data(tmp_path: Path) -> bytes:
    return shard_bytes(tmp_path, [make_sample(make_plan(), index) for index in range(3)])


def read_all(data: bytes) -> list[str]:
    return [sample.key for sample in read_samples(memoryview(data))]


def content_end(data: bytes) -> int:
    """Return where the last member's last block ends."""
    end = 0
    for _, offset, content in read_members(memoryview(data)):
        end = offset + BLOCK + len(content) + -len(content) % BLOCK
    return end


def test_samples_come_back_as_they_were_written(tmp_path: Path) -> None:
    samples = [make_sample(make_plan(), index) for index in range(3)]
    shard_bytes(tmp_path, samples)
    with map_file(tmp_path / "shard.tar") as view:
        found = [(s.key, {ext: s.decode(ext) for ext in s.members}) for s in read_samples(view)]
    for sample, (key, decoded) in zip(samples, found, strict=True):
        assert key == sample.key
        assert decoded["txt"] == sample.fields["txt"]
        assert decoded["json"] == dict(sample.facts)
        np.testing.assert_array_equal(decoded["noise.npy"], sample.fields["noise.npy"])


def test_offsets_are_those_of_the_writer(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "a.tar") as writer:
        offsets = [writer.write(make_sample(make_plan(), index)) for index in range(3)]
    with map_file(tmp_path / "a.tar") as view:
        assert [sample.offset for sample in read_samples(view)] == offsets


def test_decoded_arrays_outlive_the_file(tmp_path: Path, data: bytes) -> None:
    with map_file(tmp_path / "shard.tar") as view:
        array = next(read_samples(view)).decode("latent.npy")
    (tmp_path / "shard.tar").write_bytes(b"")
    array += 1
    assert np.isfinite(array).all()


def test_a_shard_cut_anywhere_is_an_error(data: bytes) -> None:
    end = content_end(data)
    # All places of the first member and the end mark, and every 97th in between.
    cuts = {*range(1100), *range(0, end, 97), *range(end - 20, end + 2 * BLOCK)}
    for cut in sorted(cuts):
        with pytest.raises(CorruptShardError):
            read_all(data[:cut])


def test_samples_before_the_cut_are_still_read(data: bytes) -> None:
    offsets = [sample.offset for sample in read_samples(memoryview(data))]
    found = []
    # Behind the third sample's json: one block of header and one of content.
    cut = offsets[2] + 3 * BLOCK + 1
    with pytest.raises(TruncatedShardError, match="ends inside the member at byte"):
        for sample in read_samples(memoryview(data[:cut])):
            found.append(sample.key)
    assert found == ["000000000", "000000001"]


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty.tar").write_bytes(b"")
    with map_file(tmp_path / "empty.tar") as view, pytest.raises(TruncatedShardError):
        list(read_samples(view))


def test_a_flipped_byte_anywhere_in_a_header_is_an_error(data: bytes) -> None:
    # Bytes 154 and 155 end the checksum itself; nothing reads them, only the SHA-256 sees them.
    for offset in [*range(154), *range(156, BLOCK)]:
        damaged = bytearray(data)
        damaged[offset] ^= 0xFF
        with pytest.raises(CorruptShardError, match="the tar header at byte 0 is damaged"):
            read_all(bytes(damaged))


def test_a_negative_size_does_not_go_in_circles() -> None:
    header = bytearray(ustar_header("000000000.txt", 0))
    header[124:135] = b"-0000001000"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    with pytest.raises(CorruptShardError, match="damaged"):
        read_all(bytes(header) + bytes(4 * BLOCK))


def test_something_behind_the_end_mark_is_an_error(data: bytes) -> None:
    with pytest.raises(CorruptShardError, match="something follows"):
        read_all(data + data)


def test_a_key_that_comes_again_is_an_error(tmp_path: Path) -> None:
    first, second = (make_sample(make_plan(), index) for index in range(2))
    with pytest.raises(DuplicateKeyError, match="000000000 occurs twice"):
        read_all(shard_bytes(tmp_path, [first, second, first]))


def test_a_key_that_comes_twice_in_a_row_is_an_error(tmp_path: Path) -> None:
    first = make_sample(make_plan(), 0)
    with pytest.raises(DuplicateKeyError, match="000000000 occurs twice"):
        read_all(shard_bytes(tmp_path, [first, first]))


def test_a_tar_of_tarfile_is_read_too() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in (("000000000.txt", b"hello"), ("000000001.txt", b"")):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    samples = list(read_samples(memoryview(buffer.getvalue())))
    assert [(s.key, s.decode("txt")) for s in samples] == [
        ("000000000", "hello"),
        ("000000001", ""),
    ]
