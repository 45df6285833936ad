"""Read the header of each image of a dataset once, and list the usable ones."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pairgen.errors import ConfigError, PairgenError, StoreError
from pairgen.sources.image_file import ImageFile
from pairgen.sources.image_list import OBJECT, ImageSummary, ListWriter
from pairgen.sources.image_suffixes import SUFFIXES
from pairgen.sources.photographs import (
    ImageSize,
    SkippedImageError,
    UnusableImageError,
    read_size,
)
from pairgen.sources.pixels.reasons import as_utf8, error_text
from pairgen.sources.urls.heads import read_ahead


def header_size(file: ImageFile) -> ImageSize:
    """Read the size of an image from its header.

    Raises:
        UnusableImageError: The image cannot be used.
        OSError: The file cannot be read.
    """
    try:
        with file.open() as opened:
            return read_size(opened)
    except (OSError, PairgenError, UnusableImageError):
        raise
    # A table that is damaged raises what Arrow raises.
    except Exception as error:
        raise UnusableImageError(f"cannot be read: {error_text(error)}") from None


def check_texts(file: ImageFile) -> None:
    """Check that all texts of an image, such as its name, can be written down.

    Raises:
        UnusableImageError: One is no UTF-8; the message says which.
    """
    texts = {
        "name": file.name,
        "path": file.container,
        "caption": file.caption,
        "class label": file.label,
        "tag": file.tag,
    }
    for what, text in texts.items():
        if not text.isascii() and as_utf8(text) != text:
            raise UnusableImageError(f"its {what} is no UTF-8")
    if file.partner is not None:
        try:
            check_texts(file.partner)
        except UnusableImageError as error:
            raise UnusableImageError(f"its partner {as_utf8(file.partner.name)}: {error}") from None


def _columns(entry: ImageFile, size: ImageSize, num_slots: int) -> dict[str, Any]:
    """Return the columns of an entry; for millions of them `asdict` copies too much."""
    partner = None if entry.partner is None else vars(entry.partner)
    return {**vars(entry), **vars(size), "num_slots": num_slots, "partner": partner}


def collect_images(
    files: Iterator[ImageFile],
    target: Path,
    count_slots: Callable[[ImageSize], int],
    on_image: Callable[[], None] = lambda: None,
    size_of: Callable[[ImageFile], ImageSize] = header_size,
    further: Sequence[str] = (),
    entries_of: Callable[[ImageFile], Sequence[ImageFile]] = lambda file: (file,),
) -> ImageSummary:
    """Read every header and write the accepted images to the Arrow file `target`.

    Args:
        files: The images, such as those from `find_images`.
        target: Path of the Arrow IPC file to write.
        count_slots: Returns the number of samples for an image size, at least 1; raises
            UnusableImageError with the reason if there are none.
        on_image: Called after each image.
        size_of: Returns the size of an image; raises like `header_size`.
        further: Names of columns of `FURTHER` to write too; with `label`, `size_of` must raise for
            an image whose label is not a class.
        entries_of: Returns the entries of an accepted image in the list; each has all its slots.

    Raises:
        ConfigError: No image was accepted.
    """
    with ListWriter(target, further) as accepted:
        summary = accepted.summary
        if set(OBJECT).intersection(further):
            # To ask one after the other takes a network's delay for each.
            files = read_ahead(files, ImageFile.head)
        for file in files:
            on_image()
            try:
                check_texts(file)
                size = size_of(file)
                num_slots = count_slots(size)
            except UnusableImageError as error:
                summary.num_skipped += isinstance(error, SkippedImageError)
                summary.reject(file, str(error))
                continue
            except StoreError:
                # It tells nothing about the image.
                raise
            except OSError as error:
                summary.reject(file, error.strerror or str(error))
                continue
            summary.num_first_of_many += size.is_first_of_many
            if len(file.captions) > 1:
                summary.num_several += 1
                summary.num_of_several += len(file.captions)
            for entry in entries_of(file):
                accepted.add(_columns(entry, size, num_slots))
    if summary.num_accepted == 0:
        if not summary.rejected:
            raise ConfigError(f"No images found: give {', '.join(SUFFIXES)} files, tars or tables.")
        first = summary.rejected[0]
        raise ConfigError(
            f"No image can be used: {len(summary.rejected)} rejected; the first was "
            f"{first['image']}: {first['reason']}."
        )
    return summary
