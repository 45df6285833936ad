"""Annotators of pictures: canny as OpenCV computes it, sketches, masks, sharpness."""

import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import pairgen
from pairgen.annotators.mask import MaskOptions, draw_mask
from pairgen.annotators.sharpness import sharpness
from pairgen.annotators.sketch import sketch
from pairgen.errors import ConfigError
from pairgen.seeding import Stream, generator_for
from tests.annotated_sets import SIDE, write_pictures
from tests.runs import samples


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "set")


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def added(parent: Path, name: str, **options: object) -> list[dict[str, bytes]]:
    (manifest,) = pairgen.annotate(parent, add=name, **options)
    assert manifest.complete and not manifest.num_failed
    return samples(Path(f"{parent}.annotations") / name)


@pytest.mark.parametrize("options", [{}, {"low": 20, "high": 60, "l2": True}, {"image": "lr2.png"}])
def test_canny_is_what_opencv_computes_of_the_stored_image(parent: Path, options) -> None:
    found = added(parent, "canny", **options)
    originals = samples(parent)
    assert len(found) == len(originals) == 10
    low, high = options.get("low", 100), options.get("high", 200)
    for mine, original in zip(found, originals, strict=True):
        picture = pixels(original[options.get("image", "png")])
        expected = cv2.Canny(picture, low, high, L2gradient=options.get("l2", False))
        edges = pixels(mine["canny.png"])
        assert edges.dtype == np.uint8 and np.array_equal(edges, expected)
        assert set(mine) == {"canny.png", "json"}
    assert any(pixels(mine["canny.png"]).any() for mine in found)


def test_wrong_options_and_sets_are_refused(parent: Path) -> None:
    for options, message in (
        ({"low": 300}, "low must be at most high, 200, got 300"),
        ({"lo": 3}, "Unknown key 'lo'.*did you mean 'low'"),
        ({"image": "lr8.png"}, "no image 'lr8.png'.*its images are lr2.png, lr4.png, png"),
    ):
        with pytest.raises(ConfigError, match=message):
            pairgen.annotate(parent, add="canny", **options)
    assert not Path(f"{parent}.annotations").exists()


def test_pairs_are_annotated_as_the_message_says(tmp_path: Path) -> None:
    pairs, images = str(tmp_path / "pairs"), str(tmp_path / "images")
    pairgen.ode(model="tiny", steps=1, num_samples=2, out=pairs, executor="serial")
    with pytest.raises(ConfigError, match=r"no images to annotate: .*--from-ode"):
        pairgen.annotate(pairs, add="canny", executor="serial")
    pairgen.collect(from_ode=pairs, size=64, out=images, executor="serial")
    pairgen.annotate(images, add="canny", executor="serial")
    assert len(samples(Path(f"{images}.annotations/canny"))) == 2


def test_a_sketch_is_white_where_nothing_is_darker_than_around_it() -> None:
    flat = np.full((16, 16, 3), 90, np.uint8)
    assert (sketch(flat, 2.0) == 255).all()
    assert (sketch(np.zeros_like(flat), 2.0) == 255).all()
    line = flat.copy()
    line[:, 8] = 20
    found = sketch(line, 2.0)[..., 0]
    assert (found[:, 8] < 100).all() and (found[:, :2] == 255).all()
    # Gray over blurred gray, as the definition says.
    gray = cv2.cvtColor(line, cv2.COLOR_RGB2GRAY).astype(float)
    blurred = cv2.GaussianBlur(line[..., 0], (0, 0), 2.0).astype(float)
    assert np.abs(np.clip(255 * gray / blurred, 0, 255) - found).max() <= 1


def test_a_sketch_of_each_sample_is_stored(parent: Path) -> None:
    for mine, original in zip(added(parent, "sketch"), samples(parent), strict=True):
        expected = sketch(pixels(original["png"]), 4.0)
        assert np.array_equal(pixels(mine["sketch.png"]), expected[..., 0])


def test_masks_are_drawn_of_the_seed_and_the_slot(parent: Path) -> None:
    found = added(parent, "mask")
    masks = [pixels(mine["mask.png"]) for mine in found]
    seed = json.loads(found[0]["json"])["seed"]
    for index, (mine, mask) in enumerate(zip(found, masks, strict=True)):
        generator = generator_for(seed, index, Stream.MASK)
        assert np.array_equal(draw_mask(generator, SIDE, SIDE, MaskOptions())[..., 0], mask)
        assert json.loads(mine["json"])["mask_share"] == np.mean(mask == 255)
        assert set(np.unique(mask).tolist()) <= {0, 255} and mask.any()
    assert len({mask.tobytes() for mask in masks}) == len(masks)


@pytest.mark.parametrize("boxes", [0.0, 1.0])
@pytest.mark.parametrize("size", [(5, 64), (64, 64), (1, 1)])
def test_masks_of_any_size_can_be_drawn(boxes: float, size: tuple[int, int]) -> None:
    options = MaskOptions(boxes=boxes, largest=1.0, max_shapes=3)
    for index in range(50):
        mask = draw_mask(generator_for(0, index, Stream.MASK), *size, options)
        assert mask.shape == (*size, 1) and mask.any()


def test_sharpness_is_a_column_that_conditions_take(parent: Path) -> None:
    found = [json.loads(mine["json"])["sharpness"] for mine in added(parent, "sharpness")]
    expected = [sharpness(pixels(original["png"])) for original in samples(parent)]
    assert found == expected
    middle = sorted(found)[5]
    loader = pairgen.Loader(
        parent, fields=["png"], batch_size=1, where=f"sharpness > {middle}", facts=["sharpness"]
    )
    taken = {int(batch.indices): float(batch.facts["sharpness"]) for batch in loader}
    assert taken == {i: value for i, value in enumerate(expected) if value > middle}
    assert pairgen.verify(f"{parent}.annotations/sharpness").clean


def test_sharpness_is_the_number_that_degrade_records(tmp_path: Path) -> None:
    out = tmp_path / "sr"
    pairgen.degrade(out=out, crop=64, scales=4, executor="serial")
    with pytest.raises(ConfigError, match="has a column 'sharpness' already"):
        pairgen.annotate(out, add="sharpness")
    for sample in samples(out):
        assert json.loads(sample["json"])["sharpness"] == sharpness(pixels(sample["png"]))
