"""Which images can be collected, judged by their headers and labels."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from pairgen.kinds.collect.buckets import bucket_shapes, nearest_shape
from pairgen.kinds.collect.geometry import check_min_size, fitted_size
from pairgen.kinds.collect.options import CollectConfig
from pairgen.kinds.images.crops import check_aspect
from pairgen.sources.image_file import ImageFile
from pairgen.sources.images import header_size
from pairgen.sources.photographs import (
    ImageSize,
    UnusableImageError,
    needs_conversion,
    read_format,
)

# Formats whose files can be members as they are; MPO is a phone's JPEG.
KEPT = {"JPEG": "jpg", "MPO": "jpg", "PNG": "png", "WEBP": "webp"}


def check_label(label: str) -> None:
    """Check that a label is the number of a class, as `cls` stores it.

    Raises:
        UnusableImageError: It is missing or something else.
    """
    if not label:
        raise UnusableImageError("no class label")
    if not re.fullmatch(r"0|[1-9][0-9]{0,8}", label):
        raise UnusableImageError(
            f"class label {label[:40]!r} is no integer from 0 to 999999999, such as 1 (not 1.0)"
        )


def check_pair(file: ImageFile, size: ImageSize, scale: int) -> None:
    """Check that the partner of an image is `scale` times smaller.

    Raises:
        UnusableImageError: It is not, or cannot be used.
    """
    found = partner_size(file)
    if (found.width * scale, found.height * scale) != (size.width, size.height):
        times = "as large as" if scale == 1 else f"{scale} times as large as"
        raise UnusableImageError(
            f"{size.width} x {size.height} px, not {times} {_called(file)}, "
            f"{found.width} x {found.height}"
        )


def partner_size(file: ImageFile) -> ImageSize:
    """Return the size of the other image of a pair.

    Raises:
        UnusableImageError: It cannot be used.
    """
    with partner_named(file) as partner:
        return header_size(partner)


@contextmanager
def partner_named(file: ImageFile) -> Iterator[ImageFile]:
    """Yield the other image of a pair; its name stands before the reason of a failure.

    Raises:
        UnusableImageError: It cannot be used or read.
    """
    assert file.partner is not None
    try:
        yield file.partner
    except UnusableImageError as error:
        raise UnusableImageError(f"{_called(file)}: {error}") from None
    except OSError as error:
        raise UnusableImageError(f"{_called(file)}: {error.strerror or error}") from None


def _called(file: ImageFile) -> str:
    return f"its partner {file.partner.name}" if file.partner else "nothing"


def check_fits(config: CollectConfig, size: ImageSize) -> None:
    """Check that an image of this size gives a sample.

    Raises:
        UnusableImageError: It does not; the message says why.
        SkippedImageError: One of the user's thresholds excludes it.
    """
    check_min_size(size, config.min_size)
    if config.format == "keep" and (size.width, size.height) != (config.size, config.size):
        raise UnusableImageError(
            f"not {config.size} x {config.size} px, which keep needs: {size.width} x {size.height}"
        )
    shape = ImageSize(config.size, config.size)
    if config.bucket:
        shape = nearest_shape(bucket_shapes(config.size), size)
    fitted_size(size, shape, config.enlarge)
    check_aspect(size, config.max_aspect)


def kept_extension(opened: BinaryIO) -> str:
    """Return the member that the bytes of an open image can be.

    Raises:
        UnusableImageError: Its format is none of `KEPT`, or the image cannot be used.
    """
    found = read_format(opened)
    if found not in KEPT:
        raise UnusableImageError(f"{found} cannot be kept: only JPEG, PNG and WEBP")
    return KEPT[found]


@dataclass
class OneFormat:
    """The format of all kept images, that of the first.

    Attributes:
        extension: Their member; empty until there was an image.
    """

    extension: str = ""

    def check(self, file: ImageFile) -> None:
        """Check that an image has the format of the first.

        Raises:
            UnusableImageError: It has another, or cannot be used.
            OSError: The file cannot be read.
        """
        with file.open() as opened:
            found = kept_extension(opened)
        self.extension = self.extension or found
        if found != self.extension:
            raise UnusableImageError(
                f"{found}, but keep stores one format, that of the first image: {self.extension}"
            )
        with file.open() as opened:
            if reason := needs_conversion(opened):
                raise UnusableImageError(f"{reason}, which keep cannot convert")
