"""Read the pixels of planned images, each as it was when the plan was made."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pairgen.errors import PairgenError, StoreError
from pairgen.receipts import FailedSlot
from pairgen.sources.image_file import ImageFile
from pairgen.sources.photographs import (
    ImageSize,
    SkippedImageError,
    UnusableImageError,
    decode_rgb,
)
from pairgen.sources.pixels.reasons import error_text

Made = TypeVar("Made")


def read_planned(file: ImageFile) -> bytes:
    """Return an image's bytes.

    Raises:
        UnusableImageError: It has another size in bytes than planned, or its table is damaged.
        OSError: It cannot be read.
    """
    try:
        data = file.read()
    except (OSError, PairgenError):
        raise
    # A table that is damaged raises what Arrow raises.
    except Exception as error:
        raise UnusableImageError(f"cannot be read: {error_text(error)}") from None
    if len(data) != file.num_bytes:
        raise UnusableImageError(
            f"{len(data):,} bytes, planned with {file.num_bytes:,}: other content"
        )
    return data


def decode_planned(
    data: bytes, size: ImageSize, decode: Callable[[bytes], NDArray[np.uint8]] = decode_rgb
) -> NDArray[np.uint8]:
    """Return the pixels of an image, [H, W, 3].

    Raises:
        UnusableImageError: It cannot be decoded, or has another size in pixels than planned.
    """
    image = decode(data)
    height, width = image.shape[:2]
    if ImageSize(width, height) != size:
        raise UnusableImageError(
            f"{width} x {height} px, planned with {size.width} x {size.height}"
        )
    return image


def or_failed(
    make: Callable[[int], Made], index: int, name_of: Callable[[int], str]
) -> Made | FailedSlot:
    """Make a sample, or return a failed slot with the reason why its image cannot be used.

    Args:
        make: Makes the sample of a slot; raises UnusableImageError or OSError.
        index: The slot.
        name_of: Returns the name of a slot's image; empty if it has none.
    """
    try:
        return make(index)
    except UnusableImageError as error:
        skipped, reason = isinstance(error, SkippedImageError), str(error)
    except StoreError:
        # It tells nothing about the image, and may pass.
        raise
    except OSError as error:
        skipped, reason = False, error.strerror or str(error)
    return FailedSlot(index=index, reason=reason, skipped=skipped, image=name_of(index))
