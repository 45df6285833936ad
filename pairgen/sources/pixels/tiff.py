"""What a TIFF's tags say of its samples, which Pillow's modes do not hold."""

from typing import Any, BinaryIO

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from pairgen.sources.pixels.reasons import UnusableImageError

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _CHANNELS, _PLANAR, _SUBIFDS, _FORMAT = (
    *(254, 256, 257, 258),
    *(262, 277, 284, 330, 339),
)
_SEPARATE = 2
_IS_REDUCED = 1
_SIGNED, _FLOATING = 2, 3
_FORMATS = {1: "", _SIGNED: "signed ", _FLOATING: "floating-point ", 5: "complex ", 6: "complex "}
_PHOTOMETRICS = {
    **{0: "gray, white is zero", 1: "gray", 2: "RGB", 3: "palette", 4: "mask", 5: "CMYK"},
    **{6: "YCbCr", 8: "Lab", 9: "Lab (ICC)", 10: "Lab (ITU)", 32803: "raw", 34892: "raw"},
}
_WHITE_IS_ZERO = 0


def stored_size(image: Image.Image) -> tuple[int, int]:
    """Return width and height of an open TIFF as they are stored, before the orientation."""
    tags = _tags(image)
    return tags[_WIDTH], tags[_HEIGHT]


def has_pages(image: Image.Image) -> bool:
    """Whether an open TIFF has pages behind its first."""
    return bool(_tags(image).next)


def check_first_page(image: Image.Image) -> None:
    """Check that the first page is the picture, not a preview of another one (camera raw).

    Raises:
        UnusableImageError: It is a preview.
    """
    tags = _tags(image)
    if tags.get(_SUBFILE, 0) & _IS_REDUCED and (tags.next or _SUBIFDS in tags):
        raise UnusableImageError("the first page is a preview of another")


def check_integers(image: Image.Image) -> None:
    """Check that white has a known value: unsigned integers of at most 16 bits.

    Raises:
        UnusableImageError: The samples are others; the message says which.
    """
    tags = _tags(image)
    bits = max(tags.get(_BITS, (1,)))
    if max(tags.get(_FORMAT, (1,))) != 1 or bits > 16:
        what = _FORMATS.get(max(tags.get(_FORMAT, (1,))), "")
        raise UnusableImageError(f"{what}{bits}-bit integers: their white is unknown")


def check_planes(image: Image.Image) -> None:
    """Check that Pillow reads the planes of an open TIFF as they are stored.

    Raises:
        UnusableImageError: They have more than 8 bits: it reads each byte as a sample.
    """
    tags = _tags(image)
    bits, num = max(tags.get(_BITS, (1,))), tags.get(_CHANNELS, 1)
    if tags.get(_PLANAR, 1) == _SEPARATE and num > 1 and bits > 8:
        raise UnusableImageError(f"a TIFF of a kind that is not read: {num} planes of {bits} bits")


def check_strips(image: Image.Image) -> None:
    """Check that an open TIFF names all its strips or tiles: Pillow leaves out what is missing.

    Raises:
        UnusableImageError: It names fewer.
    """
    tags, size, tiles = _tags(image), stored_size(image), vars(image)["tile"]
    # Each of several planes ends with a strip of its own, but libtiff reads them as one.
    is_apart = tags.get(_PLANAR, 1) == _SEPARATE and not any(each[0] == "libtiff" for each in tiles)
    num_planes = tags.get(_CHANNELS, 1) if is_apart else 1
    if sum(tuple(each[1])[2:] == size for each in tiles) < num_planes:
        raise UnusableImageError("cannot be decoded: TIFF, strips or tiles are missing")


def white_of(image: Image.Image) -> int:
    """Return the largest value that a gray sample of an open TIFF of more than 8 bits has."""
    return int(2 ** max(_tags(image).get(_BITS, (16,)))) - 1


def is_inverted(image: Image.Image) -> bool:
    """Whether zero is white in a TIFF of more than 8 bits; Pillow inverts those of fewer bits."""
    return bool(_tags(image).get(_PHOTOMETRIC, 1) == _WHITE_IS_ZERO)


def described(file: BinaryIO) -> str:
    """Return what the samples of a TIFF are, such as `3 x 32-bit floating-point RGB`.

    Raises:
        Exception: Whatever Pillow raises if the tags cannot be read.
    """
    file.seek(0)
    head = file.read(8)
    # BigTIFF.
    head += file.read(8) if 43 in head[2:4] else b""
    tags = ImageFileDirectory_v2(head)
    file.seek(tags.next)
    tags.load(file)
    bits = tuple(tags.get(_BITS, (1,)))
    num = tags.get(_CHANNELS, len(bits))
    sizes = "/".join(str(each) for each in dict.fromkeys(bits))
    kind = _FORMATS.get(max(tags.get(_FORMAT, (1,))), "")
    colours = _PHOTOMETRICS.get(tags.get(_PHOTOMETRIC, 0), "unknown colors")
    return f"{num} x {sizes}-bit {kind}{colours}"


def _tags(image: Image.Image) -> Any:
    return vars(image)["tag_v2"]


def scaled(levels: np.ndarray, white: int, to: int) -> np.ndarray:
    """Return levels of 0 to `white`, at most 65,535, as levels of 0 to `to`, rounded, uint16."""
    table = np.rint(np.arange(white + 1) / (white / to)).astype(np.uint16)
    found = np.empty(levels.shape, np.uint16)
    # Row by row: the numbers on the way have eight bytes each, a gigabyte in a large image.
    for row, scaled_row in zip(levels, found, strict=True):
        scaled_row[:] = table.take(row, mode="clip")
    return found
