"""Edit triples: a table of source image, instruction and target image."""

from collections.abc import Iterator
from dataclasses import replace

from pairgen.errors import ConfigError
from pairgen.sources.image_file import ImageFile
from pairgen.sources.image_files import image_file
from pairgen.sources.paths import local_file
from pairgen.sources.texts.delimited import Note
from pairgen.sources.texts.rules import Text, text_of
from pairgen.sources.texts.tables import sound_rows

COLUMNS = ("source", "instruction", "target")


def find_edits(table: str, note: Note = lambda _: None) -> Iterator[ImageFile]:
    """Yield the target images, with the instruction as caption and the source as `partner`.

    Args:
        table: A csv, tsv, jsonl or Parquet file with the columns `COLUMNS`; paths are relative to
            its folder.
        note: Called with a sentence about what was recognised.

    Raises:
        ConfigError: The file cannot be read, has no rows, or lacks a column.
    """
    path = local_file(table, "edit_triples")
    columns, rows = sound_rows(path, "edit_triples", COLUMNS, note)
    if lacking := [name for name in COLUMNS if name not in columns]:
        raise ConfigError(
            f"{path} must have the columns {', '.join(COLUMNS)}; {', '.join(lacking)} "
            f"{'is' if len(lacking) == 1 else 'are'} missing."
        )
    for row in rows:
        source, target = (str(row.get(name) or "").strip() for name in ("source", "target"))
        text = text_of(row.get("instruction"))
        if text.several:
            text = Text(fault="holds a list")
        partner = image_file(path.parent / source, path.parent, Text())
        file = image_file(
            path.parent / target, path.parent, replace(text, caption=(text.caption or "").strip())
        )
        yield replace(file, partner=partner)
