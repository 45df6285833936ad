"""A sample made again: equal in every byte, or the fact that differs is named."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pairgen
from pairgen.errors import ConfigError
from pairgen.jobs.replay.run import run_replay, run_replays
from tests.degradations.pictures import make_picture
from tests.runs import run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder of photographs and a set of 200 samples of them."""
    root = tmp_path_factory.mktemp("replay")
    (root / "photos").mkdir()
    for number in range(5):
        picture = (make_picture(90, 100, seed=number) * 255).round().astype(np.uint8)
        Image.fromarray(picture).save(root / f"photos/{number}.png")
    pairgen.degrade(
        images=str(root / "photos"),
        out=str(root / "out"),
        crop=32,
        scales="4,8",
        samples_per_image=40,
        samples_per_shard=64,
        executor="serial",
    )
    return root / "photos", root / "out"


def tamper(out: Path, key: str, change) -> None:
    """Rewrite the json of one sample in its tar."""
    path = out / f"train/{int(key) // 64:05d}.tar"
    with tarfile.open(path) as tar:
        members = [(member, tar.extractfile(member).read()) for member in tar]
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for member, data in members:
            if member.name == f"{key}.json":
                facts = json.loads(data)
                change(facts)
                data = json.dumps(facts).encode()
                member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def test_200_samples_are_equal_in_every_byte(made):
    _, out = made
    results = list(run_replays(out, [str(index) for index in range(200)]))
    assert [int(result.key) for result in results] == list(range(200))
    for result in results:
        assert result.differences == (), result
        assert result.software == ()
    assert run_replay(out, "123").differences == ()


def test_a_tampered_draw_is_named(made, tmp_path):
    _, out = made
    facts = {}

    def change(found):
        facts.update(found)
        draw = json.loads(found["draw"])
        draw["levels"]["operations"][1]["resize"]["factor"] = 0.123
        found["draw"] = json.dumps(draw)
        found["top"] += 1

    key = "000000070"
    original = (out / "train/00001.tar").read_bytes()
    tamper(out, key, change)
    try:
        result = run_replay(out, key)
        assert len(result.differences) == 2
        assert result.differences[0].startswith(
            "draw.levels.operations[1].resize.factor: recorded 0.123, made again "
        )
        assert result.differences[1] == (
            f"top: recorded {facts['top'] + 1}, made again {facts['top']}"
        )
        shown = run("replay", str(out), key)
        assert shown.returncode == 1
        assert "resize.factor: recorded 0.123" in shown.stdout
    finally:
        (out / "train/00001.tar").write_bytes(original)


def test_a_changed_source_is_named(made, tmp_path):
    photos, out = made
    path = photos / "0.png"
    original = path.read_bytes()
    try:
        picture = np.asarray(Image.open(path)).copy()
        picture[20:60] = 0
        Image.fromarray(picture).save(path)
        smaller = path.read_bytes()
        (found,) = run_replay(out, "3").differences
        assert f"{len(smaller):,} bytes, planned with {len(original):,}" in found
        # Of the same size, the checksum tells it.
        path.write_bytes(smaller.ljust(len(original), b"\0"))
        found = run_replay(out, "3").differences
        assert any(line.startswith("image_crc32: recorded") for line in found)
        assert "png has different bytes" in found
        path.unlink()
        assert run_replay(out, "3").differences == (
            "the source can no longer be used: No such file or directory",
        )
    finally:
        path.write_bytes(original)


@pytest.mark.parametrize("key", ["200", "-1", "x", "1.5", ""])
def test_a_key_that_is_not_there_is_one_sentence(made, key):
    with pytest.raises(ConfigError, match="A key must be the number of a sample, 0 to 199"):
        run_replay(made[1], key)
