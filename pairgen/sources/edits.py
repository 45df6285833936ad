"""Edit triples: a table of source image, instruction and target image."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pairgen.errors import ConfigError
from pairgen.sources.caption_tables import read_rows
from pairgen.sources.image_files import ImageFile, image_file

COLUMNS = ("source", "instruction", "target")


def find_edits(table: str) -> Iterator[ImageFile]:
    """Yield the target images, with the instruction as caption and the source as `partner`.

    Args:
        table: A csv, tsv, jsonl or Parquet file with the columns `COLUMNS`; paths are relative to
            its folder.

    Raises:
        ConfigError: The file cannot be read, has no rows, or lacks a column.
    """
    path = Path(table).expanduser()
    is_empty = True
    for row in read_rows(path, "edit_triples"):
        if is_empty and (lacking := [name for name in COLUMNS if name not in row]):
            raise ConfigError(
                f"{path} must have the columns {', '.join(COLUMNS)}; {', '.join(lacking)} "
                f"{'is' if len(lacking) == 1 else 'are'} missing."
            )
        is_empty = False
        source, instruction, target = (str(row.get(name) or "").strip() for name in COLUMNS)
        partner = image_file(path.parent / source, path.parent, "")
        file = image_file(path.parent / target, path.parent, instruction)
        yield replace(file, partner=partner)
    if is_empty:
        raise ConfigError(f"The table {path} has no rows.")
