"""The images of the demo's page."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from pairgen.pages.cards import Card


def cards(pictures: "np.ndarray", captions: Sequence[str]) -> list["Card"]:
    """Return a card for each image [N, H, W, 3] uint8."""
    from pairgen.pages.cards import Card
    from pairgen.pages.pictures import picture_data

    return [
        Card(key=caption, pictures=(picture_data(picture, "end point"),))
        for picture, caption in zip(pictures, captions, strict=True)
    ]


def lines(pictures: "np.ndarray", labels: Sequence[str], captions: Sequence[str]) -> list["Card"]:
    """Return a card for each line of images, [N, H, W, 3] uint8, whose labels begin again."""
    from pairgen.pages.judged import side_by_side

    num = len(dict.fromkeys(labels))
    lines = [range(first, first + num) for first in range(0, len(pictures), num)]
    return [
        side_by_side(
            captions[line[0]] if captions else f"photograph {number}",
            "",
            [(labels[place], pictures[place], "") for place in line],
        )
        for number, line in enumerate(lines, start=1)
    ]
