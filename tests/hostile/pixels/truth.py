"""Files of every format, depth, orientation, profile and kind of alpha, and what they show.

What they show is decoded by another library, or computed. The rules that are pairgen's own (white
under what is transparent, 16 bits to 8) are applied to it here, in NumPy.
"""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from tests.hostile.pixels.files import (
    ORIENTATION,
    alpha,
    colours,
    gray_profile,
    linear_rgb_profile,
    png,
    saved,
    tiff,
    trns,
    twelve_bits,
)
from tests.hostile.pixels.layouts import layouts, plugged
from tests.hostile.pixels.second_decoders import (
    Case,
    as_rgb,
    by_opencv,
    by_tifffile,
    laid_on_white,
    linear_to_srgb,
    turned,
)


def _plain() -> Iterator[Case]:
    """Yield 8 bits of every format."""
    rgb = Image.fromarray(colours().astype(np.uint8))
    for kind, options in (
        ("PNG", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"quality": 80}),
        ("JPEG", {"quality": 90}),
        ("JPEG", {"quality": 90, "progressive": True, "subsampling": 0}),
    ):
        told = " ".join(str(each) for each in options.values())
        # Two decoders of lossy formats round otherwise.
        allowed = 2 if "quality" in options else 0.5
        yield Case(f"{kind} {told} RGB", "OpenCV", saved(rgb, kind, **options), by_opencv, allowed)
        if kind in ("PNG", "TIFF", "JPEG"):
            data = saved(rgb.convert("L"), kind, **options)
            yield Case(
                f"{kind} {told} gray", "OpenCV", data, lambda d: as_rgb(by_opencv(d)), allowed
            )
    animated = saved(rgb, "GIF", save_all=True, append_images=[rgb.rotate(180)])
    yield Case("GIF, two frames", "OpenCV", animated, by_opencv)
    palette = saved(rgb.quantize(100), "PNG")
    yield Case("PNG palette", "OpenCV", palette, by_opencv)


def _deep() -> Iterator[Case]:
    """Yield other depths, signs and senses."""
    for depth in (1, 2, 4, 16):
        top = 2**depth - 1
        levels = np.rint(colours(top)[..., :1]).astype(int)
        scale = 255 / top
        for what, extra, key in (("", b"", None), (", tRNS", trns(levels), levels[0, 3, 0])):
            yield Case(
                f"PNG gray, {depth} bits{what}",
                "NumPy",
                png(levels, depth, 0, extra),
                lambda _, v=levels, s=scale, k=key: as_rgb(np.where(v == k, 255, v * s)),
            )
    deep = np.rint(colours(65535)).astype(int)
    # Neighbours of the transparent colour that differ in the lower byte only.
    deep[:2, :4] = deep[0, 3]
    deep[0, 1, 0] ^= 1
    for what, extra, key in (("", b"", None), (", tRNS", trns(deep), deep[0, 3])):
        yield Case(
            f"PNG RGB, 16 bits{what}",
            "NumPy",
            png(deep, 16, 2, extra),
            lambda _, k=key: np.where((deep == k).all(-1, keepdims=True), 255, deep // 256),
        )
    gray = np.rint(colours(65535)[..., 0]).astype(np.uint16)
    for order in "<>":
        name = f"TIFF gray, 16 bits, {order}"
        yield Case(
            name, "tifffile", tiff(gray, byteorder=order), lambda d: as_rgb(by_tifffile(d) / 257)
        )
        data = tiff(deep.astype(np.uint16), photometric="rgb", byteorder=order)
        shown = lambda d: by_tifffile(d) // 256  # noqa: E731
        yield Case(f"TIFF RGB, 16 bits, {order}", "tifffile", data, shown)
    for compression in ("lzw", "deflate"):
        data = tiff(gray, compression=compression, predictor=True)
        name = f"TIFF gray, 16 bits, {compression}, predictor"
        yield Case(name, "tifffile", data, lambda d: as_rgb(by_tifffile(d) / 257))
    white_is_zero = tiff(gray, photometric="miniswhite")
    yield Case(
        "TIFF gray, 16 bits, white is zero",
        "tifffile",
        white_is_zero,
        lambda d: as_rgb(255 - by_tifffile(d) / 257),
    )
    yield Case(
        "TIFF gray, 8 bits, white is zero",
        "tifffile",
        tiff((gray >> 8).astype(np.uint8), photometric="miniswhite"),
        lambda d: as_rgb(255 - by_tifffile(d)),
    )
    yield Case(
        "TIFF gray, 12 bits",
        "tifffile",
        twelve_bits(gray >> 4),
        lambda d: as_rgb(by_tifffile(d) * 255 / 4095),
    )


def _alpha() -> Iterator[Case]:
    """Yield what is transparent."""
    rgba = np.rint(np.dstack((colours(), alpha()))).astype(np.uint8)
    image = Image.fromarray(rgba)
    # Pillow rounds when it mixes. OpenCV gives a TIFF's colours multiplied by alpha.
    for kind, options, decoder, decode in (
        ("PNG", {}, "OpenCV", by_opencv),
        ("WEBP", {"lossless": True, "exact": True}, "OpenCV", by_opencv),
        ("TIFF", {}, "tifffile", by_tifffile),
    ):
        data = saved(image, kind, **options)
        shown = lambda d, decode=decode: laid_on_white(decode(d), 255)  # noqa: E731
        yield Case(f"{kind} RGBA", decoder, data, shown, 1)
    levels = np.dstack((rgba[..., 0], rgba[..., 3]))
    data = png(levels, 8, 4)
    yield Case("PNG gray with alpha", "NumPy", data, lambda _: laid_on_white(levels, 255), 1)
    deep = np.rint(np.dstack((colours(65535), alpha(65535)))).astype(np.uint16)
    # The upper bytes of colour and alpha each.
    data = png(deep, 16, 6)
    yield Case("PNG RGBA, 16 bits", "NumPy", data, lambda _: laid_on_white(deep, 65535), 2)
    data = tiff(deep, photometric="rgb", extrasamples=["unassalpha"])
    shown = lambda d: laid_on_white(by_tifffile(d), 65535)  # noqa: E731
    yield Case("TIFF RGBA, 16 bits", "tifffile", data, shown, 2)
    premultiplied = np.rint(rgba * np.dstack([rgba[..., 3:] / 255] * 3 + [np.ones_like(alpha())]))
    data = tiff(premultiplied.astype(np.uint8), photometric="rgb", extrasamples=["assocalpha"])
    yield Case("TIFF RGBA, alpha associated", "tifffile", data, _associated, 2)
    gray = premultiplied[..., [0, 3]].astype(np.uint8)
    data = tiff(gray, photometric="minisblack", extrasamples=["assocalpha"])
    yield Case("TIFF gray, alpha associated", "tifffile", data, _associated, 2)
    data = tiff(rgba, photometric="rgb", extrasamples=["unspecified"])
    yield Case("TIFF RGB, unspecified fourth", "tifffile", data, lambda d: by_tifffile(d)[..., :3])


def _associated(data: bytes) -> np.ndarray:
    found = by_tifffile(data)
    return as_rgb(found[..., :-1] + 255 - found[..., -1:])


def _orientations() -> Iterator[Case]:
    """Yield every orientation of the formats that have one."""
    rgb = Image.fromarray(colours().astype(np.uint8))
    for kind, options, decoder, decode in (
        ("JPEG", {"quality": 95}, "OpenCV", by_opencv),
        ("PNG", {}, "OpenCV", by_opencv),
        ("WEBP", {"lossless": True}, "OpenCV", by_opencv),
        ("TIFF", {}, "tifffile", by_tifffile),
        ("TIFF", {"compression": "tiff_lzw"}, "tifffile", by_tifffile),
    ):
        for orientation in range(1, 9):
            exif = Image.Exif()
            exif[ORIENTATION] = orientation
            data = saved(rgb, kind, exif=exif, **options)
            yield Case(
                f"{kind} {options.get('compression', '')} orientation {orientation}",
                decoder,
                data,
                lambda d, o=orientation, decode=decode: turned(decode(d), o),
                2 if kind == "JPEG" else 0.5,
            )


def _profiles() -> Iterator[Case]:
    """Yield profiles of gray in every mode that changes its bands on the way."""
    profile = gray_profile(1.0)
    gray = Image.fromarray(np.rint(colours()[..., 0]).astype(np.uint8))
    opaque = Image.merge("LA", (gray, Image.new("L", gray.size, 255)))
    deep = Image.fromarray(np.rint(colours(65535)[..., 0]).astype(np.uint16))
    for name, image, kind, options in (
        ("PNG gray", gray, "PNG", {}),
        ("PNG gray, tRNS", gray, "PNG", {"transparency": 255}),
        ("PNG gray with alpha", opaque, "PNG", {}),
        ("PNG gray, 16 bits", deep, "PNG", {}),
        ("TIFF gray with alpha", opaque, "TIFF", {}),
        ("JPEG gray", gray, "JPEG", {"quality": 100}),
    ):
        data = saved(image, kind, icc_profile=profile, **options)
        # littleCMS computes with 8 bits, in which the darkest levels are coarse.
        shown = lambda _: linear_to_srgb(np.rint(colours()[..., :1]))  # noqa: E731
        yield Case(f"{name}, linear profile", "formula", data, shown, 4)
    linear = linear_rgb_profile()
    rgb = Image.fromarray(colours().astype(np.uint8))
    for name, image in (
        ("PNG RGB", rgb),
        ("PNG palette", rgb.quantize(256)),
        ("TIFF YCbCr", rgb.convert("YCbCr")),
        ("PNG RGBA, opaque", rgb.convert("RGBA")),
    ):
        data = saved(image, name.split()[0], icc_profile=linear)
        stored = np.asarray(image.convert("RGB"), float)
        shown = lambda _, stored=stored: linear_to_srgb(stored)  # noqa: E731
        yield Case(f"{name}, linear profile", "formula", data, shown, 4)


GROUPS = (_plain, _deep, layouts, _alpha, _orientations, _profiles, plugged)


def cases() -> Iterator[Case | str]:
    """Yield all cases; where a package is missing, a sentence instead of the rest of its group."""
    for group in GROUPS:
        try:
            yield from group()
        except ImportError as error:
            yield f"{group.__name__.strip('_')}: {error}"
