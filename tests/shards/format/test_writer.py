"""The writer: the same samples give the same bytes, and every tar reader opens them."""

import hashlib
import io
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
import webdataset as wds

from pairgen.shards.format.writer import BLOCK, RECORD, ShardWriter, ustar_header
from pairgen.types import Sample
from tests.small_sets import make_plan, make_sample


def some_samples() -> list[Sample]:
    return [make_sample(make_plan(), index) for index in range(5)]


def write(path: Path, samples: list[Sample]) -> ShardWriter:
    with ShardWriter(path) as writer:
        for sample in samples:
            writer.write(sample)
    return writer


def test_the_same_samples_give_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "a.tar", some_samples())
    write(tmp_path / "b.tar", some_samples())
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_the_order_of_fields_does_not_change_the_bytes(tmp_path: Path) -> None:
    samples = some_samples()
    turned = [
        Sample(index=s.index, fields=dict(reversed(s.fields.items())), facts=s.facts)
        for s in samples
    ]
    assert write(tmp_path / "a.tar", samples).sha256 == write(tmp_path / "b.tar", turned).sha256


def test_size_and_hash_are_those_of_the_file(tmp_path: Path) -> None:
    writer = write(tmp_path / "a.tar", some_samples())
    data = (tmp_path / "a.tar").read_bytes()
    assert writer.num_bytes == len(data)
    assert writer.sha256 == hashlib.sha256(data).hexdigest()
    assert writer.count == 5
    assert len(data) % RECORD == 0


def test_offsets_point_to_the_first_header_of_each_sample(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "a.tar") as writer:
        offsets = [writer.write(sample) for sample in some_samples()]
    data = (tmp_path / "a.tar").read_bytes()
    for index, offset in enumerate(offsets):
        assert data[offset : offset + 14] == b"%09d.json" % index


def test_tarfile_finds_sorted_contiguous_members_without_a_clock(tmp_path: Path) -> None:
    write(tmp_path / "a.tar", some_samples())
    with tarfile.open(tmp_path / "a.tar") as tar:
        members = tar.getmembers()
        content = tar.extractfile("000000003.txt")
        assert content is not None
        text = content.read().decode()
    assert text == some_samples()[3].fields["txt"]
    extensions = ["json", "latent.npy", "noise.npy", "txt"]
    names = [f"{index:09d}.{extension}" for index in range(5) for extension in extensions]
    assert [member.name for member in members] == names
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {
        (0, 0, 0, "", "", 0o644)
    }
    assert all(member.isreg() for member in members)


# webdataset 1.0.2 leaves its files to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_webdataset_decodes_every_member(tmp_path: Path) -> None:
    samples = some_samples()
    write(tmp_path / "a.tar", samples)
    dataset = wds.WebDataset(str(tmp_path / "a.tar"), shardshuffle=False).decode()
    found = list(dataset)
    assert [sample["__key__"] for sample in found] == [f"{index:09d}" for index in range(5)]
    for sample, decoded in zip(samples, found, strict=True):
        assert decoded["txt"] == sample.fields["txt"]
        assert decoded["json"] == dict(sample.facts)
        assert decoded["latent.npy"].dtype == np.float16
        np.testing.assert_array_equal(decoded["latent.npy"], sample.fields["latent.npy"])


def test_gnu_tar_extracts_the_same_bytes(tmp_path: Path) -> None:
    samples = some_samples()
    write(tmp_path / "a.tar", samples)
    command = ["tar", "-xf", str(tmp_path / "a.tar"), "-C", str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stderr == ""
    text = (tmp_path / "000000001.txt").read_text(encoding="utf-8")
    assert text == samples[1].fields["txt"]
    array = np.load(tmp_path / "000000001.noise.npy", allow_pickle=False)
    np.testing.assert_array_equal(array, samples[1].fields["noise.npy"])


@pytest.mark.parametrize(
    ("name", "size"),
    [("000000001.latent.npy", 32_896), ("a", 0), ("x" * 100, 1), ("é.txt", 8**11 - 1)],
)
def test_a_header_is_the_one_that_tarfile_writes(name: str, size: int) -> None:
    info = tarfile.TarInfo(name)
    info.size = size
    theirs = bytearray(info.tobuf(tarfile.USTAR_FORMAT, "utf-8"))
    # The device numbers of a regular file: GNU tar writes zeros, as we do, tarfile nothing.
    theirs[329:345] = b"0000000\0" * 2
    theirs[148:156] = b" " * 8
    theirs[148:156] = b"%06o\0 " % sum(theirs)
    assert ustar_header(name, size) == theirs


@pytest.mark.parametrize(("name", "size"), [("x" * 101, 0), ("é" * 51, 0), ("a", 8**11)])
def test_what_does_not_fit_into_a_header_is_refused(name: str, size: int) -> None:
    with pytest.raises(ValueError, match="does not fit into a ustar header"):
        ustar_header(name, size)


def test_long_text_in_any_script_survives(tmp_path: Path) -> None:
    text = '狐 in the snow, żółć, 🦊🏽, مرحبا\n\t"quoted" | \\ ' * 500
    write(tmp_path / "a.tar", [Sample(index=0, fields={"txt": text}, facts={"note": text})])
    with tarfile.open(tmp_path / "a.tar") as tar:
        content = tar.extractfile("000000000.txt")
        assert content is not None
        assert content.read().decode("utf-8") == text


def test_facts_that_json_cannot_hold_are_refused(tmp_path: Path) -> None:
    sample = Sample(index=0, fields={}, facts={"score": float("nan")})
    with pytest.raises(ValueError, match="Out of range float"), ShardWriter(tmp_path / "a") as w:
        w.write(sample)


def test_a_writer_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        ShardWriter(tmp_path / "a.tar")


def test_an_error_leaves_no_end_mark(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), ShardWriter(tmp_path / "a.tar") as writer:
        writer.write(some_samples()[0])
        raise RuntimeError
    assert not (tmp_path / "a.tar").read_bytes().endswith(bytes(2 * BLOCK))


def test_an_empty_shard_is_an_empty_tar(tmp_path: Path) -> None:
    write(tmp_path / "a.tar", [])
    with tarfile.open(fileobj=io.BytesIO((tmp_path / "a.tar").read_bytes())) as tar:
        assert tar.getnames() == []
