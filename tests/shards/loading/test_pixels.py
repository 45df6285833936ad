"""Images in a batch: one channel and 16 bits as stored, exact values for networks."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import pairgen
from pairgen.errors import ConfigError, CorruptShardError
from pairgen.sampling.signed import to_signed
from pairgen.shards.format.image_encoding import encode_image
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from tests.image_sets import HEIGHT, WIDTH, image_plan, pixels, write_images

FIELDS = ("png", "mask.png", "depth.png")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A set of 12 samples in 3 shards. Do not change it."""
    return write_images(tmp_path_factory.mktemp("images") / "set", image_plan())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_value_is_exact(dtype: type) -> None:
    highest = np.iinfo(dtype).max
    values = np.arange(highest + 1).astype(dtype)
    found = to_signed(torch.from_numpy(values.reshape(1, 16, -1, 1)))
    assert found.dtype == torch.float32
    assert found.shape == (1, 1, 16, (highest + 1) // 16)
    assert found.is_contiguous()
    exact = (2 * np.arange(highest + 1, dtype=np.float64) - highest) / highest
    np.testing.assert_array_equal(found.flatten().numpy(), exact.astype(np.float32))
    assert (found.min().item(), found.max().item()) == (-1, 1)
    assert torch.equal(found.flatten(), -found.flatten().flip(0))


def test_a_batch_gives_images_for_networks(folder: str) -> None:
    plan = read_plan(open_store(folder))
    for batch in pairgen.Loader(folder, fields=FIELDS, batch_size=4):
        assert batch["depth.png"].dtype == torch.uint16
        assert batch.image("png").shape == (4, 3, HEIGHT, WIDTH)
        for field in FIELDS:
            spec = plan.members[field]
            image = batch.image(field)
            assert image.shape == (4, spec["shape"][2], HEIGHT, WIDTH)
            assert image.is_contiguous()
            for i, index in enumerate(batch.indices.tolist()):
                stored = pixels(spec, index)
                np.testing.assert_array_equal(batch[field][i].numpy(), stored)
                expected = stored / np.float64(np.iinfo(stored.dtype).max) * 2 - 1
                np.testing.assert_allclose(image[i], expected.transpose(2, 0, 1), atol=1e-7)
        part = batch.rows(1, 3).to(torch.device("cpu"))
        assert torch.equal(part.image("depth.png"), batch.image("depth.png")[1:3])


def test_what_is_no_image_is_named(tmp_path: Path) -> None:
    plan = image_plan(members={"cond.npy": {"dtype": "uint8", "shape": [8, 8, 3]}})
    url = write_images(tmp_path / "set", plan)
    batch = next(iter(pairgen.Loader(url, fields=("cond.npy", *FIELDS), batch_size=4)))
    for field in ("cond.npy", "lr4.png"):
        with pytest.raises(ConfigError, match=rf"no images '{field}': its images are png, mask.p"):
            batch.image(field)
    batch = next(iter(pairgen.Loader(url, fields=["cond.npy"], batch_size=4)))
    with pytest.raises(ConfigError, match="no images 'png': its images are none"):
        batch.image("png")


def as_pillow(kind: str) -> bytes:
    buffer = io.BytesIO()
    gray = Image.fromarray(np.zeros((HEIGHT, WIDTH), np.uint8))
    gray.convert(kind).save(buffer, "PNG")
    return buffer.getvalue()


def zeros(channels: int, dtype: str, height: int = HEIGHT) -> bytes:
    return encode_image(np.zeros((height, WIDTH, channels), dtype), "png")


@pytest.mark.parametrize(
    ("field", "stored", "named"),
    [
        ("mask.png", zeros(3, "uint8"), r"uint8 \[48, 64, 3\], the plan says uint8 \[48, 64, 1\]"),
        ("mask.png", zeros(1, "uint16"), r"uint16 \[48, 64, 1\], the plan says uint8 \[48, 64, 1"),
        ("depth.png", zeros(1, "uint8"), r"uint8 \[48, 64, 1\], the plan says uint16 \[48, 64, 1"),
        ("depth.png", zeros(1, "uint16", 8), r"uint16 \[8, 64, 1\], the plan says uint16 \[48, 6"),
        ("mask.png", as_pillow("P"), r"uint8 \[48, 64, 3\], the plan says uint8 \[48, 64, 1\]"),
        ("mask.png", as_pillow("LA"), r"uint8 \[48, 64, 3\], the plan says uint8 \[48, 64, 1\]"),
        ("mask.png", b"no image", r"is not an image, the plan says uint8 \[48, 64, 1\]"),
        ("png", zeros(3, "uint8", 8), r"uint8 \[8, 64, 3\], the plan says uint8 \[48, 64, 3\]"),
    ],
)
def test_an_image_that_is_not_the_planned_one_stops_with_the_sample(
    tmp_path: Path, field: str, stored: bytes, named: str
) -> None:
    def pixels_of(name: str, spec: Any, index: int) -> np.ndarray | bytes:
        return stored if (name, index) == (field, 5) else pixels(spec, index)

    url = write_images(tmp_path / "set", image_plan(), pixels_of)
    with pytest.raises(CorruptShardError, match=f"{field} of sample 000000005 in train.* {named}"):
        list(pairgen.Loader(url, fields=FIELDS, batch_size=4))


def test_a_gray_photograph_of_an_rgb_set_has_three_equal_channels(tmp_path: Path) -> None:
    def pixels_of(name: str, spec: Any, index: int) -> np.ndarray | bytes:
        return pixels({**spec, "shape": [*spec["shape"][:2], 1]}, index)

    url = write_images(tmp_path / "set", image_plan(), pixels_of)
    images = next(iter(pairgen.Loader(url, fields=["png"], batch_size=4))).image("png")
    assert torch.equal(images, images[:, :1].expand(-1, 3, -1, -1))
    assert images.std() > 0
