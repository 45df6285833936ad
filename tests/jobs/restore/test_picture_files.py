"""Files in, files out: orientation, channels, bits, profile and metadata."""

import io

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, ImageOps, PngImagePlugin

from pairgen.jobs.restore.decode import decode_picture
from pairgen.jobs.restore.encode import check_size, encode_picture
from pairgen.jobs.restore.metadata import Metadata
from pairgen.sources.photographs import UnusableImageError

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta tiff:Orientation="6" dc:title="caf\xc3\xa9"/>'


def saved(image: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noise(*shape: int, dtype=np.uint8) -> np.ndarray:
    highest = np.iinfo(dtype).max
    return np.random.default_rng(0).integers(0, highest, shape, dtype, endpoint=True)


def exif_of(**tags) -> Image.Exif:
    exif = Image.Exif()
    exif.update({ExifTags.Base[name]: value for name, value in tags.items()})
    return exif


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_orientation_is_applied_once_and_the_tag_removed(orientation, kind):
    image = Image.fromarray(noise(8, 16, 3))
    exif = exif_of(Orientation=orientation, Artist="me")
    data = saved(image, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    with Image.open(io.BytesIO(data)) as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened))
    picture = decode_picture(data)
    assert np.array_equal(picture.pixels, expected)
    again = encode_picture(picture.pixels, picture.metadata, "png")
    with Image.open(io.BytesIO(again)) as opened:
        kept = dict(opened.getexif())
    assert kept == {ExifTags.Base.Artist: "me"}


@pytest.mark.parametrize("kind", ["png", "jpg", "webp"])
@pytest.mark.parametrize("deep", [False, True])
def test_profile_and_metadata_are_kept(kind, deep):
    exif = exif_of(Artist="me")
    exif.get_ifd(ExifTags.IFD.Exif).update(
        {ExifTags.Base.LensModel: "a lens", ExifTags.Base.ExifImageWidth: 8}
    )
    data = saved(
        Image.fromarray(noise(8, 8, 3)),
        "JPEG",
        exif=exif,
        icc_profile=SRGB,
        xmp=XMP,
        dpi=(300, 300),
    )
    picture = decode_picture(data)
    pixels = picture.pixels.astype(np.uint16) * 257 if deep else picture.pixels
    with Image.open(io.BytesIO(encode_picture(pixels, picture.metadata, kind))) as made:
        assert made.info["icc_profile"] == SRGB
        assert made.getexif()[ExifTags.Base.Artist] == "me"
        assert made.getexif().get_ifd(ExifTags.IFD.Exif) == {ExifTags.Base.LensModel: "a lens"}
        found = made.info["xmp"]
        assert found == XMP.replace(b'"6"', b'"1"')
        if kind != "webp" and not deep:
            assert made.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        if kind != "jpg":
            assert np.array_equal(np.asarray(made), picture.pixels)


def test_texts_of_a_png_are_kept():
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "a red apple")
    info.add_itxt("Author", "naïve 猫")
    data = saved(Image.fromarray(noise(4, 4, 3)), "PNG", pnginfo=info)
    picture = decode_picture(data)
    for pixels in (picture.pixels, picture.pixels.astype(np.uint16)):
        with Image.open(io.BytesIO(encode_picture(pixels, picture.metadata, "png"))) as made:
            assert made.text == {"Title": "a red apple", "Author": "naïve 猫"}


def test_a_profile_of_other_channels_is_dropped():
    metadata = Metadata(icc_profile=SRGB)
    with Image.open(io.BytesIO(encode_picture(noise(4, 4, 1), metadata, "png"))) as made:
        assert made.mode == "L" and "icc_profile" not in made.info


@pytest.mark.parametrize(
    ("mode", "channels"),
    [("1", 1), ("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4), ("P", 3), ("CMYK", 3)],
)
def test_modes_of_eight_bits(mode, channels):
    image = Image.fromarray(noise(9, 5, 3)).convert(mode)
    picture = decode_picture(saved(image, "TIFF" if mode == "CMYK" else "PNG"))
    assert picture.pixels.shape == (9, 5, channels) and picture.pixels.dtype == np.uint8
    if mode != "CMYK":
        plain = {"1": "L", "P": "RGB"}.get(mode, mode)
        expected = np.asarray(image.convert(plain)).reshape(9, 5, channels)
        assert np.array_equal(picture.pixels, expected)


def test_palettes_and_transparent_colours():
    gray = Image.fromarray(noise(6, 6)).convert("P")
    assert decode_picture(saved(gray, "PNG")).pixels.shape == (6, 6, 1)
    colors = Image.fromarray(noise(6, 6, 3)).convert("P")
    seen = decode_picture(saved(colors, "PNG", transparency=3)).pixels
    assert seen.shape == (6, 6, 4) and set(np.unique(seen[..., 3])) <= {0, 255}
    rgb = Image.fromarray(np.zeros((6, 6, 3), np.uint8))
    assert (decode_picture(saved(rgb, "PNG", transparency=(0, 0, 0))).pixels[..., 3] == 0).all()


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("extension", [".png", ".tiff"])
def test_sixteen_bits_are_read(channels, extension):
    pixels = noise(7, 5, channels, dtype=np.uint16)
    order = [2, 1, 0, 3][:channels] if channels > 1 else [0]
    data = cv2.imencode(extension, pixels[..., order])[1].tobytes()
    assert np.array_equal(decode_picture(data).pixels, pixels)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bits_are_written(channels):
    pixels = noise(300, 5, channels, dtype=np.uint16)
    data = encode_picture(pixels, Metadata(), "png")
    assert np.array_equal(decode_picture(data).pixels, pixels)
    # And by another reader.
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert found.dtype == np.uint16 and found.shape[:2] == (300, 5)
    with Image.open(io.BytesIO(data)) as opened:
        opened.verify()
    if channels != 2:
        shallow = decode_picture(encode_picture(pixels, Metadata(), "webp")).pixels
        expected = np.round(pixels / 257).astype(np.uint8)
        assert np.array_equal(shallow, expected if channels > 1 else expected[..., [0, 0, 0]])


def test_what_a_format_cannot_hold_is_told():
    for channels in (2, 4):
        with pytest.raises(UnusableImageError, match="transparent, which jpg does not hold"):
            encode_picture(noise(4, 4, channels), Metadata(), "jpg")
    check_size(16_383, 4, "webp")
    with pytest.raises(UnusableImageError, match=r"too large for webp: .* 4 x 16384 px"):
        check_size(4, 16_384, "webp")
    with pytest.raises(UnusableImageError, match="too large for jpg"):
        check_size(70_000, 1, "jpg")
    with pytest.raises(UnusableImageError, match="too large: the result has 65536 x 65536 px"):
        check_size(65_536, 65_536, "png")


def test_broken_metadata_leaves_a_picture_usable():
    data = saved(Image.fromarray(noise(8, 8, 3)), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert decode_picture(data).pixels.shape == (8, 8, 3)
    for wrong in (b"", b"no picture", data[:200]):
        with pytest.raises(UnusableImageError):
            decode_picture(wrong)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_tiff_is_turned_once(orientation):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    image = Image.fromarray(noise(12, 20, 3))
    expected = np.asarray(
        ImageOps.exif_transpose(Image.open(io.BytesIO(saved(image, "PNG", exif=exif))))
    )
    for options in ({}, {"compression": "tiff_lzw"}):
        found = decode_picture(saved(image, "TIFF", exif=exif, **options)).pixels
        np.testing.assert_array_equal(found, expected)


def test_the_range_and_sense_of_a_tiff_are_kept_and_a_transparent_level_is_alpha():
    levels = np.linspace(0, 65535, 240).round().astype(np.uint16).reshape(12, 20)
    tags = {ExifTags.Base.PhotometricInterpretation: 0}
    data = bytearray(saved(Image.fromarray(levels), "TIFF", tiffinfo=tags))
    with Image.open(io.BytesIO(data)) as image:
        inverted = image.tag_v2[ExifTags.Base.PhotometricInterpretation] == 0
    expected = 65535 - levels if inverted else levels
    np.testing.assert_array_equal(decode_picture(bytes(data)).pixels[..., 0], expected)
    key = int(levels[3, 3])
    found = decode_picture(saved(Image.fromarray(levels), "PNG", transparency=key)).pixels
    assert found.shape == (12, 20, 2) and found.dtype == np.uint16
    np.testing.assert_array_equal(found[..., 1], np.where(levels == key, 0, 65535))
    with pytest.raises(UnusableImageError, match="signed 32-bit integers"):
        decode_picture(saved(Image.fromarray(levels.astype(np.int32)), "TIFF"))
