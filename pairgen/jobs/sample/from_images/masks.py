"""Masks of pictures, found by their names: white where a picture is to be painted."""

from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np

from pairgen.errors import ConfigError, StoreError
from pairgen.kinds.image_pairs import HALF
from pairgen.option_names import option_text
from pairgen.sources.image_file import ImageFile
from pairgen.sources.image_files import find_images, without_repeats
from pairgen.sources.photographs import UnusableImageError, decode_as_stored, has_transparent_pixels


class Masks:
    """The masks that were given, and which of them belong to a picture.

    A mask has the name of its picture, whatever the suffix: `birds/owl.png` is that of
    `birds/owl.jpg`.

    Args:
        values: Folders, globs, files, lists and archives; none if the model paints nothing.

    Raises:
        ConfigError: A value matches nothing, or two masks have one name.
    """

    def __init__(self, values: Sequence[str]) -> None:
        self._files: dict[str, ImageFile] = {}
        self._used: set[str] = set()
        for file in without_repeats(find_images(values)):
            name = _stem(file)
            if name in self._files:
                raise ConfigError(
                    f"{option_text('masks')} holds two of the name {name}: rename one."
                )
            self._files[name] = file

    def of(self, picture: ImageFile, size: tuple[int, int]) -> np.ndarray:
        """Return the mask of a picture, [h, w, 1] uint8.

        Args:
            picture: The picture.
            size: Its height and width.

        Raises:
            ConfigError: It has none, or its mask cannot be read, has transparent pixels or another
                size, or is brighter than black somewhere, but nowhere bright enough to mark a
                pixel.
        """
        name = _stem(picture)
        file = self._files.get(name)
        if file is None:
            raise ConfigError(
                f"{picture.name} has no mask: give one of the same name, such as {name}.png, with "
                "--masks."
            )
        self._used.add(name)
        try:
            data = file.read()
            mask = decode_as_stored(data)
            transparent = has_transparent_pixels(data)
        except StoreError:
            raise
        except (UnusableImageError, OSError) as error:
            raise ConfigError(f"The mask {file.name} cannot be read: {error}.") from None
        if transparent:
            # Image editors differ in whether they erase what is marked, or what is not.
            raise ConfigError(
                f"The mask {file.name} has transparent pixels: save it as black and white without "
                "transparency, white where its picture is to be painted."
            )
        if mask.shape[:2] != size:
            raise ConfigError(
                f"The mask {file.name} has {mask.shape[1]} x {mask.shape[0]} px, its picture "
                f"{picture.name} {size[1]} x {size[0]}."
            )
        levels = mask.mean(axis=2, keepdims=True)
        levels = levels / 257 if mask.dtype == np.uint16 else levels
        # A mask of 0 and 1, or of dark colours, would paint nothing without a word.
        if 0 < (highest := levels.max()) <= HALF:
            raise ConfigError(
                f"The mask {file.name} marks nothing: what is brighter than {HALF} of 255 is "
                f"painted, and its brightest pixel has {highest:.3g}."
            )
        return levels.astype(np.uint8)

    def left(self) -> list[str]:
        """Return the names of masks that no picture had, in order."""
        return [file.name for name, file in self._files.items() if name not in self._used]


def _stem(file: ImageFile) -> str:
    return PurePosixPath(file.name).with_suffix("").as_posix()
