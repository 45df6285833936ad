"""The prompts of pictures: one for all, a table's, the picture's own, or the model's."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from pairgen.errors import ConfigError
from pairgen.filesystems import is_url
from pairgen.image_recipe import ImageRecipe
from pairgen.option_names import option_text
from pairgen.redaction import url_without_secrets
from pairgen.sources.image_file import ImageFile
from pairgen.sources.texts.captions import Captions
from pairgen.sources.texts.tables import TABLES


class Prompts:
    """Where the prompts of pictures come from.

    Args:
        values: A text for all; or a table, as `captions` of `pairgen restore` takes it; or none.
        column: Column of the table; empty for a usual one.
        recipe: What the model does; it may have been trained with a prompt for each picture.

    Attributes:
        text: The prompt of all; None if each may have its own.
        usual: The prompt of a picture without its own.
        has_own: Whether a picture may have its own.

    Raises:
        ConfigError: There are several values, a file that is no table, or a column without one.
    """

    def __init__(self, values: Sequence[str], column: str, recipe: ImageRecipe) -> None:
        if len(values) > 1:
            raise ConfigError(
                f"{option_text('prompts')} must be one text for all conditions, or a table, got "
                f"{len(values)} values."
            )
        (value,) = values or ("",)
        if is_url(value):
            raise ConfigError(
                f"{option_text('prompts')} must be one text for all conditions, or a table of "
                f"this machine, got {url_without_secrets(value)!r}, which is a URL."
            )
        is_table = Path(value).suffix.lower() in TABLES
        if column and not is_table:
            raise ConfigError(
                f"{option_text('column')} is for a table of prompts, got {column!r} without one."
            )
        # Unlike `Path`, it says no to what can be no name of a file.
        if value and not is_table and os.path.exists(os.path.expanduser(value)):
            raise ConfigError(
                f"{option_text('prompts')} must be one text for all conditions, or a table "
                f"({', '.join(TABLES)}) with a row for each, got {value!r}, which is a file or "
                "folder."
            )
        self.text = value if values and not is_table else None
        self.usual = recipe.prompt if self.text is None else self.text
        self.table = Captions(Path(value), column) if is_table else None
        self.has_own = self.table is not None or (bool(recipe.prompts) and self.text is None)

    def apply(self, files: Iterator[ImageFile]) -> Iterator[ImageFile]:
        """Yield files with their captions by the table, if there is one."""
        return files if self.table is None else self.table.apply(files)

    def of(self, file: ImageFile) -> str:
        """Return the prompt of a file."""
        return (file.caption if self.has_own else "") or self.usual
