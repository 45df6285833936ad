"""Images that other systems made of the same pairs, found by their names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from pairgen.errors import ConfigError
from pairgen.option_names import option_text
from pairgen.sources.image_file import ImageFile
from pairgen.sources.image_files import find_images
from pairgen.sources.photographs import UnusableImageError, decode_rgb
from pairgen.wording import counted

NUM_NAMED = 5
# Names of rows that an evaluation has anyway.
TAKEN = ("target", "given", "given, enlarged", "student", "model given")


@dataclass(frozen=True, kw_only=True)
class Other:
    """The images of another system.

    Attributes:
        name: Name of its row.
        path: Where they are, as given.
        files: Its images by the keys of their pairs.
        lacking: Keys of the pairs that it has no image of.
        unmatched: Names of the images that belong to none of the pairs.
    """

    name: str
    path: str
    files: Mapping[str, ImageFile]
    lacking: tuple[str, ...]
    unmatched: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        """Return what was found, for eval.json."""
        return {
            "name": self.name,
            "path": self.path,
            "num_images": len(self.files),
            "num_lacking": len(self.lacking),
            "lacking": list(self.lacking[:NUM_NAMED]),
            "num_unmatched": len(self.unmatched),
            "unmatched": list(self.unmatched[:NUM_NAMED]),
        }

    def notes(self) -> list[str]:
        """Return what it lacks and what of it was left aside, a sentence each."""
        found = []
        if self.lacking:
            num = len(self.lacking) + len(self.files)
            found.append(
                f"{self.name} ({self.path}) lacks {len(self.lacking):,} of {num:,} images: "
                f"{_some(self.lacking)}."
            )
        if self.unmatched:
            num = len(self.unmatched)
            what = f"{counted(num, 'image')} of none of the pairs"
            names = _some(self.unmatched)
            found.append(f"{self.name} ({self.path}) has {what}, left aside: {names}.")
        return found


def find_other(
    name: str, path: str, keys: Sequence[str], sources: Sequence[Sequence[str]]
) -> Other:
    """Match a folder's images to pairs: by key, as in `000012.png`, or by name of the source image.

    Args:
        name: Name of the row.
        path: The folder.
        keys: Keys of the pairs, N.
        sources: Names of the images that each pair was made of, N.

    Raises:
        ConfigError: The name is taken, the folder cannot be read or has no image of a pair, or a
            name means several pairs or images.
    """
    if name in TAKEN:
        raise ConfigError(
            f"{option_text('beside')} cannot call a row {name!r}: there is one, take another name."
        )
    by_source: dict[str, list[str]] = {}
    for key, names in zip(keys, sources, strict=True):
        for stem in dict.fromkeys(map(_stem, names)):
            by_source.setdefault(stem, []).append(key)
    by_key = {key: [key] for key in keys}
    files: dict[str, ImageFile] = {}
    unmatched = []
    for file in find_images([path]):
        # Up to the first dot: the name of a sample's member, such as 000012.lr4.png.
        stems = (_stem(file.name), PurePosixPath(file.name).name.partition(".")[0])
        meant = next((each[s] for each in (by_key, by_source) for s in stems if s in each), [])
        if len(meant) > 1:
            raise ConfigError(
                f"{file.name} of {path} could be any of {len(meant):,} pairs, such as {meant[0]} "
                f"and {meant[1]}: name the images by key, such as {meant[0]}.png."
            )
        if not meant:
            unmatched.append(file.name)
        elif meant[0] in files:
            raise ConfigError(
                f"{path} has two images of pair {meant[0]}: {files[meant[0]].name}, {file.name}."
            )
        else:
            files[meant[0]] = file
    if not files:
        raise ConfigError(
            f"{path} has no image of the {len(keys):,} pairs, such as {unmatched[0]}: name "
            f"them by key, such as {keys[0]}.png, or by the name of the source image."
        )
    lacking = tuple(key for key in keys if key not in files)
    return Other(name=name, path=path, files=files, lacking=lacking, unmatched=tuple(unmatched))


def read_other(other: Other, keys: Sequence[str], size: tuple[int, int]) -> np.ndarray:
    """Read a system's images of some pairs, [N, H, W, 3] uint8.

    Args:
        other: The system's images.
        keys: Keys of the pairs, N; it has an image of each.
        size: Height and width of the targets.

    Raises:
        ConfigError: An image cannot be read, or has another size.
    """
    pictures = np.empty((len(keys), *size, 3), np.uint8)
    for place, key in enumerate(keys):
        file = other.files[key]
        try:
            picture = decode_rgb(file.read())
        except (UnusableImageError, OSError) as error:
            raise ConfigError(f"{file.name} of {other.path} cannot be read: {error}.") from None
        if picture.shape[:2] != size:
            raise ConfigError(
                f"{file.name} of {other.path} is {picture.shape[1]} x {picture.shape[0]} px, the "
                f"target of pair {key} is {size[1]} x {size[0]}."
            )
        pictures[place] = picture
    return pictures


def _stem(name: str) -> str:
    return PurePosixPath(name).stem


def _some(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = len(names) - NUM_NAMED
    return ", ".join(names[:NUM_NAMED]) + (f" and {more:,} more" if more > 0 else "")
