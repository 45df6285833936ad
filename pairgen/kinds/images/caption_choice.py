"""What a plan says if one of several captions of an image may be taken."""

from typing import Any

from pairgen.kinds.images.options import ImageOptions
from pairgen.shards.format.slots import CAPTION_CHOICE, CAPTION_FACTS
from pairgen.sources.texts.caption_choice import REFUSE


def choice_recipe(options: ImageOptions) -> dict[str, Any]:
    """Return the entry of a plan's `recipe`; nothing if images with several are refused."""
    choice = options.caption_choice
    return {} if choice == REFUSE else {CAPTION_CHOICE: choice}


def choice_keys(options: ImageOptions) -> tuple[str, ...]:
    """Return the further facts of a sample; nothing if images with several are refused."""
    return () if options.caption_choice == REFUSE else CAPTION_FACTS
