"""The kind of an image file, by its first bytes; its name says nothing.

HEIF, AVIF and JPEG XL need packages that are imported only when such a file comes.
"""

import importlib
import re
from typing import Any

from PIL import Image, features

from pairgen.sources.pixels.reasons import UnusableImageError

# Pillow's names.
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
PLUGGED_FORMATS = ("HEIF", "AVIF", "JXL")
# Bytes to read to tell the kind.
HEAD = 64
INSTALL = "pip install 'pairgen[images]'"
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
_AVIF = (b"avif", b"avis")
_READ = re.compile(
    rb"(?P<JPEG>\xff\xd8\xff)"
    rb"|(?P<PNG>\x89PNG\r\n\x1a\n)"
    rb"|(?P<WEBP>RIFF.{4}WEBP)"
    rb"|(?P<TIFF>II\*\0|MM\0\*|MM\*\0|II\0\*|MM\0\+|II\+\0)"
    rb"|(?P<BMP>BM)"
    rb"|(?P<GIF>GIF8[79]a)"
    rb"|(?P<JXL>\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n)",
    re.DOTALL,
)
# Images that are not read, by the names that people know.
_UNREAD = (
    ("JPEG 2000", rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51"),
    ("Photoshop", rb"8BPS"),
    ("OpenEXR", rb"v/1\x01"),
    ("Radiance HDR", rb"#\?R(ADIANCE|GBE)"),
    ("DDS", rb"DDS "),
    ("QOI", rb"qoif"),
    ("ICO", rb"\0\0[\x01\x02]\0[\x01-\x20]\0"),
    ("Netpbm", rb"P[1-7][\s]"),
    ("PDF", rb"%PDF"),
    ("SVG", rb"\s*<svg|\s*<\?xml.{0,50}<svg"),
)


def kind_of(head: bytes) -> str:
    """Return Pillow's name of the format that a file's first bytes tell.

    Raises:
        UnusableImageError: It is no image, or of a kind that is not read; the message says which.
    """
    if (found := _READ.match(head)) and found.lastgroup:
        return found.lastgroup
    if head[4:8] == b"ftyp":
        # The own brand, then those that it is compatible with.
        brands = [head[8:12], *(head[i : i + 4] for i in range(16, len(head), 4))]
        for brand in brands:
            if brand in _AVIF:
                return "AVIF"
            if brand in _HEIF:
                return "HEIF"
    known = ", ".join((*FORMATS, *PLUGGED_FORMATS))
    for name, pattern in _UNREAD:
        if re.match(pattern, head, re.DOTALL):
            raise UnusableImageError(f"a file of the kind {name}, which is not read: only {known}")
    raise UnusableImageError(f"no {known} image")


def load_decoder(kind: str) -> None:
    """Import the decoder of a kind that Pillow may not have by itself.

    Raises:
        UnusableImageError: It is not installed; the message says how to.
    """
    # Without this, Pillow would not know a plug-in's formats until it met an unknown file.
    Image.preinit()
    if kind == "HEIF":
        _package("pillow_heif", "HEIC images need pillow-heif").register_heif_opener()
    elif kind == "JXL":
        _package("pillow_jxl", "JPEG XL images need pillow-jxl-plugin")
    elif kind == "AVIF" and features.check("avif"):
        importlib.import_module("PIL.AvifImagePlugin")
    elif kind == "AVIF":
        package = _package("pillow_heif", "AVIF images need a Pillow that reads them")
        # Later versions leave AVIF to Pillow.
        if not hasattr(package, "register_avif_opener"):
            raise UnusableImageError(f"AVIF images need Pillow 11.3 or newer: {INSTALL}")
        package.register_avif_opener()


def _package(module: str, need: str) -> Any:
    """Import an optional package."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise UnusableImageError(f"{need}: {INSTALL}") from None
