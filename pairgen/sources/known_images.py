"""Tell the images of a list that a set has already from those that are new to it."""

import hashlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pairgen.sources.image_list import ImageSummary, ListWriter, PlannedImages


@dataclass(frozen=True)
class KnownImages:
    """Which rows of a new list are images of the lists of a set.

    Attributes:
        rows: For each list of the set, the row of each of its images in the new list.
        new: The rows of all other images, in their order.
        missing: Names of images of the set that the new list lacks.
    """

    rows: tuple[Sequence[int], ...]
    new: Sequence[int]
    missing: Sequence[str]


def find_known(found: PlannedImages, known: Sequence[PlannedImages | int]) -> KnownImages:
    """Find the images of the lists of a set in a new list, wherever they lie now.

    Images are told apart by name, bytes, size and texts. Memory: about 100 bytes an image.

    Args:
        found: The new list.
        known: The lists of the set; for one that is lost, its number of images. They are taken to
            be the first that no other list has.
    """
    waiting: dict[bytes, deque[int]] = {}
    for row, identity in enumerate(found.identities()):
        waiting.setdefault(_short(identity), deque()).append(row)
    rows: list[list[int]] = []
    missing = []
    for images in known:
        chosen: list[int] = []
        rows.append(chosen)
        if isinstance(images, int):
            continue
        for place, identity in enumerate(images.identities()):
            if at := waiting.get(_short(identity)):
                chosen.append(at.popleft())
            else:
                missing.append(images[place].file.name)
    new = sorted(row for each in waiting.values() for row in each)
    for chosen, images in zip(rows, known, strict=True):
        if isinstance(images, int):
            chosen += new[:images]
            del new[:images]
    return KnownImages(tuple(rows), new, missing)


def write_rows(
    target: Path, found: PlannedImages, rows: Sequence[int], samples_per_image: int
) -> ImageSummary:
    """Write a list of some rows of another.

    Args:
        target: Path of the Arrow IPC file to write.
        found: The other list.
        rows: Its rows.
        samples_per_image: Number of samples of each; 0 for that of the other list.
    """
    with ListWriter(target, found.further) as written:
        for row in found.rows(rows):
            more = {"num_slots": samples_per_image} if samples_per_image else {}
            written.add({**row, **more})
    return written.summary


def _short(identity: bytes) -> bytes:
    return hashlib.blake2b(identity, digest_size=16).digest()
