"""Tags from a table that another program made.

The table is csv, tsv, jsonl or Parquet. A row names its sample by `key`, its number, or the
image by `file_name` or `image`, as `json` records it; all samples of an image get its tags. The
first row of a name counts.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pairgen import config
from pairgen.annotators._tags import MEMBER
from pairgen.annotators.base import Added, Annotator, ParentSample, Refused, Setup
from pairgen.errors import ConfigError
from pairgen.sources.texts.tables import choose_column, sound_rows

KEY, NAMES, COLUMNS = "key", ("file_name", "image"), ("tags", "tag")
# The fact that names the image of a sample.
IMAGE = "image"


@dataclass(frozen=True)
class Table:
    """The tags of a table.

    Attributes:
        by_key: Whether its names are keys of samples; else of images.
        tags: Name to tags; images may be named without their extension.
    """

    by_key: bool
    tags: Mapping[str, str]

    def of(self, sample: ParentSample) -> str:
        """Return the tags of a sample; empty for none."""
        name = str(sample.index) if self.by_key else str(sample.fields["json"][IMAGE])
        return self.tags.get(name) or self.tags.get(name.rpartition(".")[0], "")


def table_tags(setup: Setup, path: Path, column: str) -> Annotator:
    """Return the annotator that looks tags up in a table.

    Args:
        setup: What it works on.
        path: The table.
        column: Column of the tags; empty for a usual one.

    Raises:
        ConfigError: The table cannot be read, or names nothing that the samples record.
    """
    table = read_table(path, column)
    if not table.by_key and IMAGE not in setup.members["json"]["keys"]:
        raise ConfigError(
            f"{path} names images, but the samples of the set do not record theirs: give a table "
            f"with {KEY}."
        )
    return Annotator(
        reads=() if table.by_key else ("json",),
        adds={MEMBER: {}},
        open=lambda _: partial(_annotate, table, path.name),
        identity={"table_sha256": hashlib.sha256(path.read_bytes()).hexdigest()},
    )


def _annotate(table: Table, name: str, samples: Sequence[ParentSample]) -> list[Added | Refused]:
    found = map(table.of, samples)
    return [Added({MEMBER: tags}) if tags else Refused(f"no tags in {name}") for tags in found]


def read_table(path: Path, column: str) -> Table:
    """Read a table of tags.

    Raises:
        ConfigError: It cannot be read, has no rows, or lacks a column.
    """
    wanted = (KEY, *NAMES, *COLUMNS, *([column] if column else []))
    columns, rows = sound_rows(path, "Tags", wanted, lambda _: None)
    column = choose_column(columns, column, path, COLUMNS)
    names = next((name for name in (KEY, *NAMES) if name in columns), "")
    if not names or not column:
        raise ConfigError(
            f"{path} must have one of the columns {', '.join((KEY, *NAMES))} and one of "
            f"{', '.join(COLUMNS)} (or --set column=...); it has {', '.join(columns)}."
        )
    tags = dict[str, str]()
    for row in rows:
        name, value = str(row.get(names)), row.get(column) or ""
        if names == KEY:
            name = str(config.integer(f"{KEY} in {path}", name, 0))
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        tags.setdefault(name, text.strip())
    return Table(names == KEY, tags)
