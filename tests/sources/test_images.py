"""Headers become numbered slots; the refused have a reason; moving files changes nothing."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pairgen.errors import ConfigError
from pairgen.sources.image_files import find_images
from pairgen.sources.image_list import PlannedImages
from pairgen.sources.images import collect_images
from pairgen.sources.photographs import ImageSize, UnusableImageError


def write(path: Path, width: int, height: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(path)


def count_tiles(size: ImageSize) -> int:
    if min(size.width, size.height) < 16:
        raise UnusableImageError(f"smaller than 16 px: {size.width} x {size.height}")
    return (size.width // 16) * (size.height // 16)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "photos"
    write(root / "a.png", 32, 16)
    write(root / "b.png", 10, 40)
    write(root / "c.jpg", 48, 32)
    (root / "d.png").write_bytes(b"")
    (root / "e.png").symlink_to(root / "gone.png")
    write(root / "f.png", 16, 16)
    return root


def collect(folder: Path, target: Path, count=count_tiles):
    return collect_images(find_images([str(folder)]), target, count)


def test_slots_are_numbered_by_header_alone(folder, tmp_path):
    summary = collect(folder, tmp_path / "images.arrow")
    images = PlannedImages(tmp_path / "images.arrow")
    assert [images[i].file.name for i in range(len(images))] == ["a.png", "c.jpg", "f.png"]
    assert [images[i].first_slot for i in range(3)] == [0, 2, 8]
    assert summary.num_slots == 9
    assert summary.num_accepted == len(images) == 3
    assert [images.row_of(slot) for slot in range(9)] == [0] * 2 + [1] * 6 + [2]
    assert images[1].size == ImageSize(48, 32)
    assert Image.open(io.BytesIO(images[1].file.read())).size == (48, 32)


def test_what_is_refused_has_its_reason(folder, tmp_path):
    rejected = collect(folder, tmp_path / "images.arrow").rejected
    assert {row["image"]: row["reason"] for row in rejected} == {
        "b.png": "smaller than 16 px: 10 x 40",
        "d.png": "empty file",
        "e.png": "No such file or directory",
    }


def test_the_hash_is_of_what_the_images_are_not_of_where(folder, tmp_path):
    before = collect(folder, tmp_path / "1").sha256
    moved = tmp_path / "elsewhere"
    shutil.copytree(folder, moved, symlinks=True)
    assert collect(moved, tmp_path / "2").sha256 == before
    write(moved / "a.png", 32, 17)
    assert collect(moved, tmp_path / "3").sha256 != before


def test_no_usable_image_is_one_sentence(folder, tmp_path):
    def refuse(size: ImageSize) -> int:
        raise UnusableImageError("too plain")

    with pytest.raises(ConfigError, match=r"No image can be used: 6 rejected.*too plain"):
        collect(folder, tmp_path / "images.arrow", refuse)
