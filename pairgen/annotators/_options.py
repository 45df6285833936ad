"""The options that several annotators share."""

from typing import Annotated

from pairgen.options import Option, Options
from pairgen.rules import Text


class PictureOptions(Options):
    """Options of annotators that look at one image of a sample."""

    image: Annotated[
        str, Text(), Option("Image to read.", default="png, jpg or webp, as the set has it")
    ] = ""
