"""Open an image file with the decoder of its kind; every failure becomes one reason."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from pairgen.sources.pixels import tiff
from pairgen.sources.pixels.kinds import FORMATS, HEAD, kind_of, load_decoder
from pairgen.sources.pixels.png_chunks import readable_png
from pairgen.sources.pixels.reasons import UnusableImageError, error_text, reasons

# More pixels than any camera takes; decoding this many takes up to 1.3 GB, and 2 where a
# transparent colour of 16 bits is looked for.
MAX_PIXELS = 2**27
# Pixels of a JPEG for each of its bytes: every block of 8 x 8 has at least one bit.
MAX_JPEG_PIXELS = 8 * 64


@contextmanager
def opened(file: BinaryIO) -> Iterator[Image.Image]:
    """Open an image; turn every failure, here or in the block, into one reason.

    Raises:
        UnusableImageError: The image cannot be used.
    """
    head = file.read(HEAD)
    if not head:
        raise UnusableImageError("empty file")
    kind = kind_of(head)
    file.seek(0)
    if kind == "PNG":
        file = readable_png(file)
    # Pillow warns about odd tags and large images; here an image is used or has a reason.
    with (
        warnings.catch_warnings(action="ignore"),
        reasons(),
        _open(file, kind) as image,
    ):
        _check_size(*image.size)
        if kind == "JPEG":
            _check_data(file, *image.size)
        if image.format == "TIFF":
            tiff.check_first_page(image)
            tiff.check_planes(image)
            tiff.check_strips(image)
        yield image


def is_first_of_many(image: Image.Image) -> bool:
    """Whether an open image has further frames or pages, which are not read.

    What a phone's JPEG (MPO) holds besides its picture is not counted.
    """
    if image.format == "TIFF":
        return tiff.has_pages(image)
    # Only formats with frames have the attribute.
    return image.format != "MPO" and bool(getattr(image, "is_animated", False))


def _open(file: BinaryIO, kind: str) -> Image.Image:
    """Open a file whose kind is known."""
    if kind not in FORMATS:
        load_decoder(kind)
    try:
        return Image.open(file, formats=(kind,))
    except Image.DecompressionBombError:
        with _reopened(file, kind) as image:
            _check_size(*image.size)
        raise
    except UnidentifiedImageError:
        raise UnusableImageError(_why_unopened(file, kind)) from None


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise UnusableImageError(f"too large: {width} x {height} px")


def _check_data(file: BinaryIO, width: int, height: int) -> None:
    """Check that a JPEG can hold its pixels: its decoder fills with gray what is missing."""
    place = file.tell()
    num_bytes = file.seek(0, io.SEEK_END)
    file.seek(place)
    if width * height > MAX_JPEG_PIXELS * num_bytes:
        raise UnusableImageError(
            f"cannot be decoded: JPEG, {num_bytes:,} bytes are too few for {width} x {height} px"
        )


def _reopened(file: BinaryIO, kind: str) -> Image.Image:
    """Open a file as `Image.open` does, without its limits, and with the decoder's own error."""
    file.seek(0)
    factory, _ = Image.OPEN[kind]
    return factory(file, "")


def _why_unopened(file: BinaryIO, kind: str) -> str:
    """Return why Pillow does not open an image of a kind that it reads."""
    found = "damaged header"
    try:
        _reopened(file, kind).close()
    # Whatever it raises is what is asked for.
    except Exception as error:
        found = error_text(error)
    if kind == "TIFF" and found.startswith("unknown"):
        with suppress(Exception):
            return f"a TIFF of a kind that is not read: {tiff.described(file)}"
    return f"cannot be decoded: {kind}, {found}"
