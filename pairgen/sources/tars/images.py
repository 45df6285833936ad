"""Images in WebDataset tars: one for each sample, with its caption and class label."""

import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import BinaryIO

from pairgen.errors import ConfigError, StoreError
from pairgen.sources.image_suffixes import SUFFIXES, is_image_member
from pairgen.sources.passed_over import PassedOver
from pairgen.sources.paths import AnyPath, open_path
from pairgen.sources.tars.index import Place, TarIndex, TarSample, read_index, read_member
from pairgen.sources.tars.sample_text import TEXT_MEMBERS, sample_text
from pairgen.sources.tars.unpacked import plain_tar
from pairgen.sources.texts.rules import MARK, Text, text_of
from pairgen.sources.texts.tables import as_text

MAX_SHOWN = 12
# Names of members that are images.
_IMAGES = tuple(suffix[1:] for suffix in SUFFIXES)


@dataclass(frozen=True)
class TarImage:
    """An image of a tar.

    Attributes:
        name: Its key and member: `a/b.png`.
        place: Where its bytes are; in the unpacked tar, if it is packed.
        text: What the sample says about it.
    """

    name: str
    place: Place
    text: Text


def tar_images(
    path: AnyPath, column: str, label: str, passed_over: PassedOver
) -> Iterator[TarImage]:
    """Yield the image of every sample of a tar, sorted by key.

    Args:
        path: The tar, which may be packed with gzip.
        column: Name of the member with the image, or of the member or key of json with the caption;
            empty for the usual ones.
        label: Name of the member with the class label; empty for none.
        passed_over: Counts what is not taken.

    Raises:
        ConfigError: The tar cannot be read, or has no such member.
    """
    image_name = column.lower() if is_image_member(column) else ""
    texts = (column,) if column and not image_name else TEXT_MEMBERS
    try:
        with open_path(plain_tar(path)) as file:
            index = read_index(file, column)
            _check_members(path, index, image_name)
            index.count(passed_over)
            for sample in sorted(index, key=lambda each: each.key):
                image = image_name or _image_of(sample)
                _count_others(sample, image, passed_over)
                if not image or image not in sample.members:
                    continue
                text = _text(file, sample, texts)
                if label:
                    text = replace(text, label=as_text(_member(file, sample, label) or b""))
                yield TarImage(f"{sample.key}.{image}", sample.members[image], text)
    except StoreError:
        raise
    except (tarfile.TarError, OSError) as error:
        raise ConfigError(f"The tar {path} cannot be read: {error}.") from None


def _check_members(path: AnyPath, index: TarIndex, image_name: str) -> None:
    """Refuse a tar whose images have names that the user must choose from."""
    names = index.names()
    has_images = any(f".{name}" in SUFFIXES for name in names)
    if image_name and image_name not in names:
        raise ConfigError(f"{path} has no member {image_name!r}; it holds {_shown(names)}.")
    first = next(filter(is_image_member, names), "")
    if first and not image_name and not has_images:
        raise ConfigError(
            f"{path} names its images in several parts; it holds {_shown(names)}: name the image, "
            f"such as --column {first}."
        )


def _shown(names: Counter[str]) -> str:
    found = [f"{name} ({number:,})" for name, number in names.most_common(MAX_SHOWN)]
    more = len(names) - len(found)
    return ", ".join(found) + (f" and {more:,} more" if more else "")


def _image_of(sample: TarSample) -> str:
    """Return the name of the member to take; empty if the sample has no image."""
    return next((name for name in _IMAGES if name in sample.members), "")


def _count_others(sample: TarSample, image: str, passed_over: PassedOver) -> None:
    """Count the images of a sample that are not taken, and a sample without one."""
    for name in sample.members:
        if name != image and is_image_member(name):
            passed_over.add(f"member in tars named {name}")
    if not image or image not in sample.members:
        held = " and ".join(name or "a file without a suffix" for name in sorted(sample.members))
        passed_over.add(f"sample of {held} in tars")


def _member(file: BinaryIO, sample: TarSample, name: str) -> bytes | None:
    place = sample.members.get(name)
    return None if place is None else read_member(file, place)


def _text(file: BinaryIO, sample: TarSample, names: Sequence[str]) -> Text:
    found = sample_text(partial(_member, file, sample), names)
    return text_of(found.removeprefix(MARK).strip() if isinstance(found, str) else found)
