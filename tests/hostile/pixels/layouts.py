"""How files lay their pixels out, and formats of packages that are not always there."""

import importlib
import io
from collections.abc import Iterator

import numpy as np
from PIL import Image

from tests.hostile.pixels.files import ORIENTATION, colours, saved, tiff
from tests.hostile.pixels.second_decoders import (
    Case,
    as_rgb,
    by_imagecodecs,
    by_tifffile,
    linear_to_srgb,
    turned,
)


def layouts() -> Iterator[Case]:
    """Yield TIFFs in planes, tiles, strips and with every compression that is common."""
    rgb = np.rint(colours()).astype(np.uint8)
    deep = np.rint(colours(65535)).astype(np.uint16)
    gray = deep[..., 0]
    eight = (
        ("planes", np.moveaxis(rgb, -1, 0), {"photometric": "rgb", "planarconfig": "separate"}),
        ("tiles", rgb, {"photometric": "rgb", "tile": (16, 16)}),
        ("strips", rgb, {"photometric": "rgb", "rowsperstrip": 5}),
        ("BigTIFF", rgb, {"photometric": "rgb", "bigtiff": True}),
        ("big-endian", rgb, {"photometric": "rgb", "byteorder": ">"}),
    )
    compressions = ({}, {"compression": "lzw"}, {"compression": "deflate", "predictor": True})
    compressions += ({"compression": "packbits"}, {"compression": "zstd"})
    for name, pixels, options in eight:
        for compression in compressions:
            told = f"TIFF RGB, {name}, {compression.get('compression', 'raw')}"
            data = tiff(pixels, **options, **compression)
            yield Case(told, "tifffile", data, _channels_last)
    for compression in compressions:
        told = compression.get("compression", "raw")
        data = tiff(deep, photometric="rgb", **compression)
        yield Case(f"TIFF RGB, 16 bits, {told}", "tifffile", data, lambda d: by_tifffile(d) // 256)
        data = tiff(gray, tile=(16, 16), **compression)
        shown = lambda d: as_rgb(by_tifffile(d) / 257)  # noqa: E731
        yield Case(f"TIFF gray, 16 bits, tiles, {told}", "tifffile", data, shown)


def _channels_last(data: bytes) -> np.ndarray:
    found = by_tifffile(data)
    return found if found.shape[-1] == 3 else np.moveaxis(found, 0, -1)


def plugged() -> Iterator[Case]:
    """Yield what packages of `pairgen[images]` read."""
    rgb = Image.fromarray(colours().astype(np.uint8))
    importlib.import_module("pillow_heif").register_heif_opener()
    importlib.import_module("pillow_jxl")
    data = saved(rgb, "HEIF", quality=100, chroma=444)
    # No other library at hand decodes it: what was written, less what is lost.
    yield Case("HEIC RGB", "what was written", data, lambda _: np.floor(colours()), 6)
    yield Case("AVIF RGB", "imagecodecs", saved(rgb, "AVIF", quality=95), by_imagecodecs("avif"), 6)
    data = saved(rgb, "JXL", lossless=True)
    yield Case("JPEG XL RGB", "imagecodecs", data, by_imagecodecs("jpegxl"), 1)
    data = saved(rgb, "JPEG", quality=90)
    packed = saved(Image.open(io.BytesIO(data)), "JXL", lossless_jpeg=True)
    yield Case("JPEG XL of a JPEG", "imagecodecs", packed, by_imagecodecs("jpegxl"), 4)
    # The plug-in writes 16 bits as linear values, and says so in the profile.
    deep = np.rint(colours(65535)[..., 0]).astype(np.uint16)
    data = saved(Image.fromarray(deep), "JXL", lossless=True)
    shown = lambda d: linear_to_srgb(by_imagecodecs("jpegxl")(d) / 257)  # noqa: E731
    yield Case("JPEG XL gray, 16 bits, linear", "imagecodecs", data, shown, 4)
    written = np.floor(colours())
    for kind, options in (("HEIF", {"quality": 100, "chroma": 444}), ("AVIF", {"quality": 100})):
        for orientation in (2, 3, 6, 8):
            image = rgb.copy()
            image.getexif()[ORIENTATION] = orientation
            # pillow-heif turns by the image's own tag, Pillow's AVIF by what is given.
            exif = {"exif": image.getexif()} if kind == "AVIF" else {}
            data = saved(image, kind, **exif, **options)
            shown = lambda _, o=orientation: turned(written, o)  # noqa: E731
            name = f"{kind} orientation {orientation}"
            # AVIF keeps colours at half the resolution.
            yield Case(name, "what was written", data, shown, 12)
