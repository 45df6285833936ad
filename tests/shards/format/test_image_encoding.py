"""Images that are stored come back with every pixel, channel and bit."""

import numpy as np
import pytest

from pairgen.shards.format.image_encoding import ENCODINGS, encode_image
from pairgen.shards.format.image_member import decode_image, is_image, is_image_spec
from tests.image_sets import one_channel, pixels, rgb


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        (rgb(20, 30), "png"),
        (rgb(20, 30), "webp-lossless"),
        (one_channel(20, 30), "png"),
        (one_channel(20, 30, "uint16"), "png"),
    ],
)
def test_what_is_stored_without_loss_comes_back(spec: dict, kind: str) -> None:
    image = pixels(spec, 7)
    found = decode_image(encode_image(image, kind), spec)
    assert found.dtype == image.dtype
    np.testing.assert_array_equal(found, image)


def test_jpg_keeps_one_channel() -> None:
    image = np.full((16, 16, 1), 200, np.uint8)
    np.testing.assert_allclose(decode_image(encode_image(image, "jpg"), one_channel(16, 16)), image)


@pytest.mark.parametrize("kind", ENCODINGS)
@pytest.mark.parametrize("spec", [rgb(8, 8), one_channel(8, 8), one_channel(8, 8, "uint16")])
def test_a_format_that_would_lose_channels_or_bits_is_refused(spec: dict, kind: str) -> None:
    image = pixels(spec, 1)
    try:
        data = encode_image(image, kind)
    except ValueError as error:
        assert str(error) == f"{kind} cannot hold an image of {spec['dtype']} {spec['shape']}."
    else:
        found = decode_image(data, spec)
        assert (found.dtype, found.shape) == (image.dtype, image.shape)


@pytest.mark.parametrize("image", [np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3), np.uint16)])
def test_other_pixels_are_refused(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="png cannot hold an image of"):
        encode_image(image, "png")


def test_images_are_known_by_name_and_spec() -> None:
    assert [
        name for name in ("png", "lr4.png", "a.jpg", "b.webp", "x.npy", "txt") if is_image(name)
    ] == ["png", "lr4.png", "a.jpg", "b.webp"]
    good = [rgb(8, 8), one_channel(8, 8), one_channel(8, 8, "uint16")]
    bad = [{}, {**rgb(8, 8), "dtype": "uint16"}, {"dtype": "uint8", "shape": [8, 8]}]
    assert [is_image_spec(spec) for spec in (*good, *bad)] == [True] * 3 + [False] * 3
