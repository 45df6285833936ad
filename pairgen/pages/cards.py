"""A card: what a page shows of one sample, pair or line of a grid."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pairgen.drawing.cells import Cell
from pairgen.kinds.about import image_label
from pairgen.pages.pictures import picture_data


@dataclass(frozen=True, kw_only=True)
class Card:
    """Images that belong together, and what is known of them.

    Attributes:
        key: A short name, such as the key of a sample.
        text: The prompt, or another text.
        chips: Facts that stand below the image.
        facts: All facts, which are shown with the enlarged image.
        pictures: From `picture_data`; the first one stands in the gallery.
        strip: Whether the images follow one another: all stand in the gallery.
    """

    key: str
    text: str = ""
    chips: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    pictures: tuple[Mapping[str, Any], ...] = ()
    strip: bool = False

    def data(self) -> dict[str, Any]:
        """Return what the scripts read of it."""
        return {"key": self.key, "text": self.text, "facts": dict(self.facts)}


def cell_pictures(
    cells: Sequence[Cell], members: Collection[str] = ()
) -> tuple[Mapping[str, Any], ...]:
    """Return the images of cells, each labelled in words.

    Args:
        cells: The images; the caption of a stored one is the name of its member.
        members: All members of the dataset.
    """
    return tuple(
        picture_data(each.picture, image_label(each.caption, members), member=each.caption)
        for each in cells
    )
