"""The options that several annotators share."""

from pathlib import Path
from typing import Annotated, Any

from pairgen import config
from pairgen.options import Option, Options
from pairgen.rules import Text


class FilePath(Text):
    """A file, as a path that holds in every worker's folder; empty for none."""

    metavar = "FILE"
    accepts = "str | Path"

    def read(self, name: str, value: Any) -> str:
        """Return the absolute path as text."""
        text = config.text(name, value)
        return str(Path(text).expanduser().absolute()) if text else ""


class PictureOptions(Options):
    """Options of annotators that look at one image of a sample."""

    image: Annotated[
        str,
        Text(),
        Option(
            "Member that holds the image to read.",
            default="png, jpg or webp, whichever the dataset has",
        ),
    ] = ""
