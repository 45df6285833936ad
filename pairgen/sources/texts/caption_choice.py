"""Which of several captions of an image is taken: the first, one drawn for each sample, or all."""

from collections.abc import Sequence
from dataclasses import replace

from pairgen.sources.image_file import ImageFile

REFUSE, FIRST, RANDOM, ALL = CAPTION_CHOICES = ("refuse", "first", "random", "all")
# What is done with several captions of an image, in words.
TAKEN = {
    FIRST: "the first of each is taken",
    RANDOM: "one is drawn for each sample",
    ALL: "each is a sample of its own",
}
# Columns of the list of images that tell which caption of an image is taken; `random` keeps all.
_NUMBERS = ("caption_number", "num_captions")
CAPTION_COLUMNS = {
    REFUSE: (),
    FIRST: _NUMBERS,
    RANDOM: (*_NUMBERS, "captions"),
    ALL: _NUMBERS,
}


def entries_of(file: ImageFile, choice: str) -> Sequence[ImageFile]:
    """Return the entries that an accepted image has in the list of images.

    Args:
        file: The image.
        choice: One of `CAPTION_CHOICES`.

    Returns:
        With `all` one entry for each caption; else one. With `random` it keeps several captions.
    """
    if choice == REFUSE:
        return (file,)
    if not file.captions:
        return (replace(file, num_captions=int(bool(file.caption))),)
    num = len(file.captions)
    if choice == RANDOM:
        return (replace(file, num_captions=num),)
    taken = file.captions if choice == ALL else file.captions[:1]
    return tuple(
        replace(file, caption=text, captions=(), caption_number=number, num_captions=num)
        for number, text in enumerate(taken)
    )
