"""Every kind of file by its rule, and every kind of broken file by its reason."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from pairgen.sources import photographs
from pairgen.sources.photographs import (
    ImageSize,
    UnusableImageError,
    decode_as_stored,
    decode_rgb,
    has_transparent_pixels,
)


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def read_size(data: bytes) -> ImageSize:
    return photographs.read_size(io.BytesIO(data))


def gradient(height: int = 20, width: int = 30) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack((x * 8, y * 12, 255 - x * 8), axis=-1).astype(np.uint8)


@pytest.mark.parametrize(
    ("kind", "options", "tolerance"),
    [
        ("PNG", {}, 0),
        ("BMP", {}, 0),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("JPEG", {"quality": 100, "subsampling": 0}, 3),
    ],
)
def test_every_format_is_read(kind, options, tolerance):
    data = encoded(Image.fromarray(gradient()), kind, **options)
    found = decode_rgb(data)
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - gradient()).max() <= tolerance
    assert read_size(data) == ImageSize(30, 20)


def test_gray_images_keep_their_channel_and_their_bits():
    gray = gradient()[..., 0]
    deep = gray.astype(np.uint16) * 270 + 3
    for kind in ("PNG", "TIFF"):
        np.testing.assert_array_equal(
            decode_as_stored(encoded(Image.fromarray(gray), kind)), gray[..., None]
        )
        found = decode_as_stored(encoded(Image.fromarray(deep), kind))
        assert found.dtype == np.uint16
        np.testing.assert_array_equal(found, deep[..., None])
    bits = decode_as_stored(encoded(Image.fromarray(gray > 99).convert("1"), "PNG"))
    np.testing.assert_array_equal(bits[..., 0], 255 * (gray > 99))
    assert bits.dtype == np.uint8
    for colour in ("RGB", "RGBA", "P", "LA"):
        data = encoded(Image.fromarray(gray).convert(colour), "PNG")
        np.testing.assert_array_equal(decode_as_stored(data), decode_rgb(data))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = decode_as_stored(encoded(Image.fromarray(gray), "PNG", exif=exif))
    np.testing.assert_array_equal(turned[..., 0], np.rot90(gray, -1))
    with pytest.raises(UnusableImageError, match="cannot be decoded"):
        decode_as_stored(encoded(Image.fromarray(deep), "PNG")[:60])


def test_gray_of_32_bits_is_read_where_16_hold_it():
    levels = np.array([[0, 300, 65535]], np.int32)
    found = decode_as_stored(encoded(Image.fromarray(levels), "TIFF"))
    assert found.dtype == np.uint16 and np.array_equal(found[..., 0], levels)
    for wrong, told in ((levels + 1, "1 to 65536"), (levels - 5, "-5 to 65530")):
        with pytest.raises(UnusableImageError, match=f"^gray values of {told}, beyond 0 to 65535$"):
            decode_as_stored(encoded(Image.fromarray(wrong), "TIFF"))


def test_transparent_pixels_are_found_in_every_mode():
    gray = np.full((4, 4), 255, np.uint8)
    gray[0, 0] = 0
    for mode, absent in (("1", None), ("L", 7), ("RGB", (7, 7, 7)), ("P", 7)):
        image = Image.fromarray(gray).convert(mode)
        present = image.getpixel((0, 0))
        assert has_transparent_pixels(encoded(image, "PNG", transparency=present)), mode
        if absent is not None:
            assert not has_transparent_pixels(encoded(image, "PNG", transparency=absent)), mode
    deep = Image.fromarray(gray.astype(np.uint16) * 257)
    assert has_transparent_pixels(encoded(deep, "PNG", transparency=65535))
    assert not has_transparent_pixels(encoded(deep, "PNG", transparency=300))
    for alpha in (0, 254, 255):
        image = Image.merge("LA", [Image.fromarray(gray), Image.new("L", (4, 4), alpha)])
        assert has_transparent_pixels(encoded(image, "PNG")) == (alpha < 255)
    assert not has_transparent_pixels(encoded(Image.fromarray(gray), "PNG"))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_to_picture_and_size(orientation):
    upright = gradient()
    stored = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }[orientation](upright)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(np.ascontiguousarray(stored)), "PNG", exif=exif)
    np.testing.assert_array_equal(decode_rgb(data), upright)
    assert read_size(data) == ImageSize(30, 20)


def test_gray_and_one_bit_repeat_their_value():
    gray = Image.fromarray(gradient()[..., 0])
    found = decode_rgb(encoded(gray, "PNG"))
    np.testing.assert_array_equal(found, np.repeat(gradient()[..., :1], 3, axis=2))
    bits = decode_rgb(encoded(gray.point(lambda v: 255 * (v > 99)).convert("1"), "PNG"))
    np.testing.assert_array_equal(bits[..., 0], np.where(gradient()[..., 0] > 99, 255, 0))


def test_16_bits_of_gray_are_divided_by_257():
    deep = np.linspace(0, 65535, 600).reshape(20, 30).astype(np.uint16)
    for kind in ("PNG", "TIFF"):
        found = decode_rgb(encoded(Image.fromarray(deep), kind))
        np.testing.assert_array_equal(found[..., 0], np.rint(deep / 257))


def test_16_bits_of_colour_keep_the_upper_8():
    deep = (gradient().astype(np.uint16) * 256 + 77).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in deep)

    def chunk(name: bytes, body: bytes) -> bytes:
        check = zlib.crc32(name + body)
        return len(body).to_bytes(4, "big") + name + body + check.to_bytes(4, "big")

    header = (30).to_bytes(4, "big") + (20).to_bytes(4, "big") + bytes([16, 2, 0, 0, 0])
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows))
    np.testing.assert_array_equal(decode_rgb(data + chunk(b"IEND", b"")), gradient())


def test_a_palette_gives_its_colours_and_transparency_is_laid_on_white():
    palette = Image.fromarray(gradient()).quantize(256)
    expected = np.asarray(palette.convert("RGB"))
    np.testing.assert_array_equal(decode_rgb(encoded(palette, "PNG")), expected)
    alpha = np.full((20, 30, 1), 51, np.uint8)
    glass = Image.fromarray(np.concatenate((gradient(), alpha), axis=2))
    found = decode_rgb(encoded(glass, "PNG")).astype(float)
    np.testing.assert_allclose(found, 255 * 0.8 + gradient() * 0.2, atol=1)


def test_cmyk_becomes_rgb():
    inks = Image.fromarray(gradient()).convert("CMYK")
    found = decode_rgb(encoded(inks, "TIFF"))
    np.testing.assert_array_equal(found, np.asarray(inks.convert("RGB")))


def test_a_profile_is_converted_to_srgb_and_a_broken_one_ignored():
    picture = Image.fromarray(gradient())
    same = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    found = decode_rgb(encoded(picture, "PNG", icc_profile=same))
    assert np.abs(found.astype(int) - gradient()).max() <= 1
    found = decode_rgb(encoded(picture, "PNG", icc_profile=b"no profile at all" * 20))
    np.testing.assert_array_equal(found, gradient())
    # A Lab profile does not fit an RGB picture.
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    np.testing.assert_array_equal(decode_rgb(encoded(picture, "PNG", icc_profile=lab)), gradient())


def frames(kind: str) -> bytes:
    pages = [Image.fromarray(gradient() // (i + 1)) for i in range(3)]
    return encoded(pages[0], kind, save_all=True, append_images=pages[1:], lossless=True)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "GIF"])
def test_the_first_of_several_frames_is_taken_and_told(kind):
    data = frames(kind)
    found = read_size(data)
    assert found == ImageSize(30, 20) and found.is_first_of_many
    # A GIF has a palette of 256 colours.
    tolerance = 60 if kind == "GIF" else 0
    assert np.abs(decode_rgb(data).astype(int) - gradient()).max() <= tolerance
    assert photographs.needs_conversion(io.BytesIO(data)) == "several frames"
    assert not read_size(encoded(Image.fromarray(gradient()), kind)).is_first_of_many


BROKEN = {
    "empty": (b"", "empty file"),
    "text": (b"This is a text that somebody renamed.\n" * 30, "no JPEG"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "kind SVG, which is not read: only JPEG"),
    "psd": (b"8BPS" + bytes(100), "kind Photoshop, which is not read"),
    "float": (encoded(Image.fromarray(gradient()[..., 0].astype(np.float32)), "TIFF"), "floating"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_cannot_be_used_has_a_reason(name):
    data, reason = BROKEN[name]
    for read in (read_size, decode_rgb):
        with pytest.raises(UnusableImageError, match=reason):
            read(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_cut_file_has_a_reason(kind, share):
    picture = np.random.default_rng(0).integers(256, size=(64, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(picture), kind)
    with pytest.raises(UnusableImageError):
        decode_rgb(data[: int(share * len(data))])


def test_a_bomb_is_refused_by_its_header():
    data = bytearray(encoded(Image.new("L", (10, 10)), "PNG"))
    header = (30_000).to_bytes(4, "big") * 2 + bytes(data[24:29])
    data[16:33] = header + zlib.crc32(b"IHDR" + header).to_bytes(4, "big")
    for read in (read_size, decode_rgb):
        with pytest.raises(UnusableImageError, match="too large"):
            read(bytes(data))


def test_altered_bytes_never_raise_anything_else():
    generator = np.random.default_rng(1)
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "BMP"):
        data = encoded(Image.fromarray(gradient()), kind)
        for _ in range(150):
            broken = bytearray(data)
            for place in generator.integers(len(data), size=4):
                broken[place] = generator.integers(256)
            try:
                assert decode_rgb(bytes(broken)).shape[2] == 3
            except UnusableImageError as error:
                assert str(error)
