"""What a picture's file holds beside its pixels, and what of it stays true of the result."""

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from PIL import ExifTags, Image

# The pixels are turned, so the tag goes; the others describe how the file stores its pixels (TIFF
# keeps all in one list), or its old size.
STORAGE_TAGS = (
    *(254, 255, 256, 257, 258, 259, 262, 263, 266, 273, 274, 277, 278, 279, 280, 281, 284),
    *(317, 318, 319, 320, 322, 323, 324, 325, 330, 332, 334, 338, 339, 340, 341, 347),
    *(512, 513, 514, 519, 520, 521, 529, 530, 531, 532, 700, 33723, 34377, 34675),
)
SIZE_TAGS = (ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight)
# A marker of a JPEG is at most this long.
MAX_IN_JPEG = 65_000
XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:=[\"']|>))\d")
# Texts of a PNG that are XMP and Exif.
KEPT_APART = ("XML:com.adobe.xmp", "Raw profile type")
COLOR_SPACES = {1: b"GRAY", 2: b"GRAY", 3: b"RGB ", 4: b"RGB "}


@dataclass(frozen=True)
class Metadata:
    """What a file holds beside its pixels.

    Attributes:
        icc_profile: Colour profile; empty for none.
        exif: Exif data without what describes the old pixels; empty for none.
        xmp: XMP data, with the orientation reset; empty for none.
        dpi: Resolution, horizontal and vertical; None for none.
        texts: Texts of a PNG, by keyword.
    """

    icc_profile: bytes = b""
    exif: bytes = b""
    xmp: bytes = b""
    dpi: tuple[float, float] | None = None
    texts: Mapping[str, str] = field(default_factory=dict)

    def profile_for(self, num_channels: int) -> bytes | None:
        """Return the colour profile if it is one of such pixels; else None."""
        fits = self.icc_profile[16:20] == COLOR_SPACES[num_channels]
        return self.icc_profile if fits else None


def read_metadata(image: Image.Image) -> Metadata:
    """Return what an open image holds beside its pixels; nothing of what cannot be read."""
    texts = getattr(image, "text", {})
    xmp = image.info.get("xmp", b"")
    xmp = xmp.encode() if isinstance(xmp, str) else xmp
    return Metadata(
        icc_profile=image.info.get("icc_profile") or b"",
        exif=_exif(image),
        xmp=XMP_ORIENTATION.sub(rb"\g<1>1", xmp),
        dpi=_dpi(image),
        texts={
            str(name): str(text) for name, text in texts.items() if not name.startswith(KEPT_APART)
        },
    )


def _exif(image: Image.Image) -> bytes:
    try:
        exif = image.getexif()
        for tag in STORAGE_TAGS:
            exif.pop(tag, None)
        if ExifTags.IFD.Exif in exif:
            for tag in SIZE_TAGS:
                exif.get_ifd(ExifTags.IFD.Exif).pop(tag, None)
        return exif.tobytes() if exif else b""
    # Pillow does not document what broken data raises; the picture is fine without it.
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, struct.error):
        return b""


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    try:
        horizontal, vertical = (float(value) for value in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return (horizontal, vertical) if min(horizontal, vertical) > 0 else None
