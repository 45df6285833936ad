"""500 files that no one should feed to a decoder: each has its reason, and the run finishes."""

import io
import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pairgen
from tests.degradations.pictures import make_picture
from tests.runs import command


def encoded(kind: str, mode: str = "RGB", size: tuple[int, int] = (80, 80), **options) -> bytes:
    picture = (make_picture(size[1], size[0]) * 255).round().astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(picture).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


# Between this process and the command: a process begins with the memory that its parent once had.
MEASURED = """\
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=sys.stderr)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def bomb(width: int, height: int) -> bytes:
    """Return a PNG whose header promises far more than it holds."""
    data = bytearray(encoded("PNG"))
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes(data[24:29])
    data[16:33] = header + zlib.crc32(b"IHDR" + header).to_bytes(4, "big")
    return bytes(data)


def previews() -> bytes:
    """Return a TIFF whose first page says that it is a preview of the second."""
    pages = [Image.new("RGB", (80, 80), (value, 0, 0)) for value in (0, 100)]
    buffer = io.BytesIO()
    options = {"save_all": True, "append_images": pages[1:], "tiffinfo": {254: 1}}
    pages[0].save(buffer, "TIFF", **options)
    return buffer.getvalue()


def hostile_files() -> dict[str, bytes]:
    generator = np.random.default_rng(0)
    files = {}
    for number in range(50):
        data = encoded(("JPEG", "PNG", "WEBP", "TIFF", "BMP")[number % 5])
        files[f"truncated{number}.jpg"] = data[: 20 + int(generator.random() * 0.9 * len(data))]
        files[f"zero{number}.png"] = b""
        files[f"text{number}.jpg"] = b"Dear decoder,\n" * (number + 1)
        files[f"noise{number}.webp"] = generator.bytes(100 * number + 1)
        files[f"bomb{number}.png"] = bomb(30_000, 30_000 + number)
        files[f"unknown{number}.tif"] = encoded("TIFF", "F" if number % 2 else "I")
        files[f"pixel{number}.bmp"] = encoded("BMP", size=(1 + number % 3, 1))
        files[f"narrow{number}.tif"] = encoded("TIFF", size=(63, 200))
        files[f"pages{number}.tiff"] = previews()
        files[f"psd{number}.png"] = b"8BPS" + generator.bytes(100 + number)
    return files


@pytest.mark.slow
def test_500_hostile_files_are_rejected_one_by_one(tmp_path: Path) -> None:
    folder, out = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    hostile = hostile_files()
    assert len(hostile) == 500
    good = {
        "cmyk.jpg": encoded("JPEG", "CMYK"),
        "gray.png": encoded("PNG", "L"),
        "palette.png": encoded("PNG", "P"),
        "wrong_extension.png": encoded("JPEG"),
        "deep.tif": encoded("TIFF", "I;16"),
    }
    for name, data in (hostile | good).items():
        (folder / name).write_bytes(data)
    os.symlink(folder / "gone", folder / "dangling.jpg")
    line = command(
        "degrade", images=folder, out=out, crop=64, executor="serial", degradation="bicubic"
    )
    log = tmp_path / "log"
    with log.open("w") as stream:
        measured = [sys.executable, "-c", MEASURED, *map(str, line)]
        process = subprocess.run(measured, stdout=subprocess.PIPE, stderr=stream, text=True)
    assert process.returncode == 3, log.read_text()
    assert "Traceback" not in log.read_text()
    rejected = [
        json.loads(row) for row in (out / "__meta__/rejected/00000.jsonl").read_text().splitlines()
    ]
    receipt = json.loads((out / "__meta__/shards/00000.json").read_text())
    by_name = {row["image"]: row["reason"] for row in rejected}
    # A file that is cut behind its header is found when it is decoded: its slot fails.
    num_failed = len(receipt["failed"])
    assert len(rejected) + num_failed == 501
    assert all(row["reason"] for row in (*rejected, *receipt["failed"]))
    assert num_failed < 50
    assert all(name in by_name for name in hostile if not name.startswith("truncated"))
    assert receipt["count"] == len(good)
    assert pairgen.verify(out).clean
    # kB on Linux; torch's libraries are most of it.
    if sys.platform == "linux":
        assert int(process.stdout.split()[-1]) < 2_000_000
