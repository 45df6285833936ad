"""Odd image files, and what becomes of each: taken with these pixels, or refused with this reason.

All lie in one folder when they are read. Names end in a suffix that folders are searched for;
what a file is, its content says.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from tests.hostile.pixels.files import (
    HEIGHT,
    ORIENTATION,
    WIDTH,
    chunk,
    colours,
    png,
    saved,
    tiff,
)

RGB = np.rint(colours()).astype(np.uint8)
GRAY = RGB[..., 0]
NO_UTF8 = "no UTF-8"
TEXT = b"Comment\0"


@dataclass(frozen=True)
class Odd:
    """A file and what becomes of it.

    Attributes:
        name: Its name, as the file system has it.
        data: Its content.
        pixels: What it shows, [H, W, 3]; None if it is refused.
        refused: Pattern of the reason, when headers are read.
        failed: Pattern of the reason, when pixels are read: the slot stays empty.
        allowed: Largest difference of a pixel, in levels.
        is_first: Whether it is the first frame or page of several.
    """

    name: bytes
    data: bytes
    pixels: np.ndarray | None = None
    refused: str = ""
    failed: str = ""
    allowed: int = 0
    is_first: bool = False


def table() -> list[Odd]:
    """Return all files."""
    return [*_texts(), *_turned(), *_unknown_white(), *_broken(), *_frames(), *_named(), *_large()]


def _texts() -> Iterator[Odd]:
    """Yield PNGs whose pixels are sound and whose texts are not."""
    sound = png(RGB, 8, 2)
    end = len(sound) - 12
    packed = zlib.compress(b"a" * 2_000_000)
    texts = {
        "ztxt-2mb": chunk(b"zTXt", TEXT + b"\0" + packed),
        "itxt-2mb": chunk(b"iTXt", TEXT + b"\1\0en\0\0" + packed),
        "text-2mb": chunk(b"tEXt", TEXT + b"a" * 2_000_000),
        "text-70mb": chunk(b"zTXt", TEXT + b"\0" + zlib.compress(b"b" * 900_000)) * 80,
        "text-crc": _with_wrong_crc(chunk(b"tEXt", TEXT + b"hello")),
        "itxt-crc": _with_wrong_crc(chunk(b"iTXt", TEXT + b"\0\0en\0\0hello")),
        "gama-crc": _with_wrong_crc(chunk(b"gAMA", struct.pack(">I", 45455))),
        "ztxt-no-zlib": chunk(b"zTXt", TEXT + b"\0not packed"),
        "text-no-key": chunk(b"tEXt", b""),
    }
    for name, text in texts.items():
        yield Odd(f"{name}.png".encode(), png(RGB, 8, 2, text), RGB)
        yield Odd(f"{name}-behind.png".encode(), sound[:end] + text + sound[end:], RGB)
    # Transparency is not a text: it is seen.
    data = png(RGB, 8, 2, _with_wrong_crc(chunk(b"tRNS", bytes(6))))
    yield Odd(b"trns-crc.png", data, refused="^cannot be decoded: PNG, broken PNG file")


def _with_wrong_crc(found: bytes) -> bytes:
    return found[:-1] + bytes([found[-1] ^ 1])


def _turned() -> Iterator[Odd]:
    """Yield orientations where they are seldom looked for."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    turned = np.rot90(RGB, -1)
    sound = png(RGB, 8, 2)
    end = len(sound) - 12
    behind = chunk(b"eXIf", exif.tobytes()[6:])
    yield Odd(b"exif-behind.png", sound[:end] + behind + sound[end:], turned)
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r tiff:Orientation="6"/></x:xmpmeta>'
    text = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)
    yield Odd(b"xmp.png", png(RGB, 8, 2, text), turned)
    yield Odd(b"xmp.tif", tiff(RGB, photometric="rgb", extratags=[(700, 1, len(xmp), xmp)]), turned)
    image = Image.fromarray(RGB)
    for name, wrong in (("garbage", b"Exif\0\0garbage"), ("cut", exif.tobytes()[:20])):
        data = saved(image, "JPEG", quality=100, subsampling=0, exif=wrong)
        yield Odd(f"exif-{name}.jpg".encode(), data, RGB, allowed=3)
    for wrong in (0, 9, 300):
        exif[ORIENTATION] = wrong
        yield Odd(f"exif-{wrong}.tif".encode(), saved(image, "TIFF", exif=exif), RGB)


def _unknown_white() -> Iterator[Odd]:
    """Yield TIFFs whose white is unknown, or which Pillow does not read."""
    share = colours(1)[..., 0]
    for name, levels, reason in (
        ("i32", (share * (2**31 - 1)).astype(np.int32), "^signed 32-bit integers: their white"),
        ("i32-small", (share * 255).astype(np.int32), "^signed 32-bit integers: their white"),
        ("u32", (share * (2**32 - 1)).astype(np.uint32), "^32-bit integers: their white"),
        ("i16", (share * 65535 - 32768).astype(np.int16), "^signed 16-bit integers: their white"),
        ("i8", (share * 255 - 128).astype(np.int8), "^signed 8-bit integers: their white"),
        ("f32", share.astype(np.float32), "^floating point: its white is unknown"),
        ("f16", share.astype(np.float16), "not read: 1 x 16-bit floating-point gray$"),
        ("f64", share.astype(np.float64), "not read: 1 x 64-bit floating-point gray$"),
        ("u64", (share * 2.0**60).astype(np.uint64), "not read: 1 x 64-bit gray$"),
        ("complex", share.astype(np.complex64), "not read: 1 x 64-bit complex gray$"),
    ):
        yield Odd(f"{name}.tif".encode(), tiff(levels, photometric="minisblack"), refused=reason)
    rgb = {"photometric": "rgb"}
    deep = np.rint(colours(65535)).astype(np.uint16)
    planes = tiff(np.moveaxis(deep, -1, 0), planarconfig="separate", **rgb)
    yield Odd(b"planes-16.tif", planes, refused="not read: 3 planes of 16 bits$")
    data = tiff(colours(1).astype(np.float32), **rgb)
    yield Odd(b"rgb-f32.tif", data, refused="not read: 3 x 32-bit floating-point RGB$")
    data = tiff(deep[..., :2], photometric="minisblack", extrasamples=["unassalpha"])
    yield Odd(b"gray-alpha-16.tif", data, refused="not read: 2 x 16-bit gray$")


def _broken() -> Iterator[Odd]:
    """Yield files that are cut, empty, of other kinds, or damaged."""
    noise = np.random.default_rng(0).integers(256, size=(HEIGHT, WIDTH, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    # Pillow reads the pixels of a PNG when it looks for EXIF behind them.
    for kind, suffix in (("JPEG", "jpg"), ("WEBP", "webp"), ("TIFF", "tif"), ("BMP", "bmp")):
        data = saved(image, kind, **({"lossless": True} if kind == "WEBP" else {}))
        name = f"cut.{suffix}".encode()
        if kind == "WEBP":
            yield Odd(name, data[: len(data) // 2], refused="^cannot be decoded")
        else:
            yield Odd(name, data[: len(data) // 2], failed="^cannot be decoded")
    data = bytearray(saved(image, "PNG"))
    yield Odd(b"cut.png", bytes(data[: len(data) // 2]), refused="^cannot be decoded")
    data[60:90] = bytes(30)
    yield Odd(b"zlib.png", bytes(data), refused="^cannot be decoded")
    for name, levels, options in (
        ("rows", GRAY, {"rowsperstrip": HEIGHT}),
        ("strips", RGB, {"rowsperstrip": 5, "photometric": "rgb"}),
        ("deep", np.rint(colours(65535)[..., 0]).astype(np.uint16), {"rowsperstrip": HEIGHT}),
        ("packed", RGB, {"rowsperstrip": 5, "photometric": "rgb", "compression": "lzw"}),
    ):
        yield _taller(f"taller-{name}.tif", tiff(levels, **options))
    for name, options in (("baseline", {}), ("progressive", {"progressive": True})):
        tall = bytearray(saved(Image.fromarray(RGB), "JPEG", **options))
        place = tall.index(b"\xff\xc2" if options else b"\xff\xc0")
        tall[place + 5 : place + 7] = struct.pack(">H", 60_000)
        few = rf"^cannot be decoded: JPEG, [\d,]+ bytes are too few for {WIDTH} x 60000 px$"
        yield Odd(f"taller-{name}.jpg".encode(), bytes(tall), refused=few)
    yield Odd(b"empty.png", b"", refused="^empty file$")
    yield Odd(b"text.jpg", b"This is no picture.\n" * 20, refused="^no JPEG, PNG, ")
    for name, head, kind in (
        ("psd", b"8BPS\0\1", "Photoshop"),
        ("jp2", b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        ("svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        ("exr", b"v/1\x01", "OpenEXR"),
        ("pdf", b"%PDF-1.7", "PDF"),
    ):
        data = head.ljust(200, b"\0")
        yield Odd(f"{name}.png".encode(), data, refused=f"^a file of the kind {kind}, which is not")
    for name, head in (
        ("jpg", b"\xff\xd8\xff"),
        ("gif", b"GIF89a"),
        ("tif", b"II*\0"),
        ("bmp", b"BM"),
    ):
        data = head.ljust(200, b"\xfe")
        yield Odd(f"header-{name}.png".encode(), data, refused="^cannot be decoded: ")


def _taller(name: str, data: bytes) -> Odd:
    """Return a TIFF that says it has more rows than its strips hold."""
    tall = bytearray(data)
    start = struct.unpack("<I", tall[4:8])[0]
    (num,) = struct.unpack("<H", tall[start : start + 2])
    for place in range(start + 2, start + 2 + 12 * num, 12):
        if struct.unpack("<H", tall[place : place + 2])[0] == 257:
            tall[place + 8 : place + 12] = struct.pack("<I", 3 * HEIGHT)
    missing = "^cannot be decoded: TIFF, strips or tiles are missing$"
    is_packed = "packed" in name
    return Odd(
        name.encode(),
        bytes(tall),
        refused="" if is_packed else missing,
        failed="^cannot be decoded" if is_packed else "",
    )


def _frames() -> Iterator[Odd]:
    """Yield files of several frames or pages, under names of other formats."""
    pages = [Image.fromarray(RGB), Image.fromarray(255 - RGB)]
    options = {"save_all": True, "append_images": pages[1:]}
    yield Odd(b"apng.jpg", saved(pages[0], "PNG", **options), RGB, is_first=True)
    data = saved(pages[0], "WEBP", lossless=True, **options)
    yield Odd(b"animated-webp.jpg", data, RGB, is_first=True)
    yield Odd(b"pages.png", saved(pages[0], "TIFF", **options), RGB, is_first=True)
    palette = pages[0].quantize(256, dither=Image.Dither.NONE)
    shown = np.asarray(palette.convert("RGB"))
    data = saved(palette, "GIF", save_all=True, append_images=[palette.rotate(180)])
    yield Odd(b"animated-gif.png", data, shown, is_first=True)
    yield Odd(b"gif.png", saved(palette, "GIF"), shown)
    yield Odd(b"cut-gif.png", data[: len(data) // 3], failed="^cannot be decoded")
    # The second directory is none: the first page is sound.
    data = bytearray(saved(pages[0], "TIFF"))
    start = struct.unpack("<I", data[4:8])[0]
    num = struct.unpack("<H", data[start : start + 2])[0]
    data[start + 2 + 12 * num : start + 6 + 12 * num] = struct.pack("<I", len(data))
    yield Odd(b"no-second-page.tif", bytes(data) + struct.pack("<HI", 0, 0), RGB, is_first=True)
    preview = saved(pages[0], "TIFF", tiffinfo={254: 1}, **options)
    yield Odd(b"preview.tif", preview, refused="^the first page is a preview of another$")


def _named() -> Iterator[Odd]:
    """Yield sound files under odd names."""
    data = png(RGB, 8, 2)
    for name in (b"caf\xe9.png", b"\xff\xfe.png", b"folder \xe9/a.png"):
        yield Odd(name, data, refused=NO_UTF8)
    for name in ("猫.png", "a b'\"#%.png", "-x.png"):
        yield Odd(name.encode(), data, RGB)
    yield Odd(b"png.tiff", data, RGB)
    yield Odd(b"bmp.WEBP", saved(Image.fromarray(RGB), "BMP"), RGB)


def _large() -> Iterator[Odd]:
    """Yield headers of images that are too large."""
    for width, height in ((30_000, 20_000), (12_000, 12_000), (2**31 - 1, 2**31 - 1)):
        header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
        reason = f"^too large: {width} x {height} px$"
        yield Odd(f"large-{width}.png".encode(), b"\x89PNG\r\n\x1a\n" + body, refused=reason)
    data = bytearray(saved(Image.fromarray(GRAY), "GIF"))
    data[6:10] = struct.pack("<HH", 60_000, 50_000)
    yield Odd(b"large-gif.png", bytes(data), refused="^too large: 60000 x 50000 px$")
    data = bytearray(saved(Image.fromarray(GRAY), "BMP"))
    data[18:26] = struct.pack("<ii", 40_000, 40_000)
    yield Odd(b"large.bmp", bytes(data), refused="^too large: 40000 x 40000 px$")
