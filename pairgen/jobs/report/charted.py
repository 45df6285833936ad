"""What was drawn: a chart for each column of the index with more than one value, in groups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pairgen.kinds.degrade.drawn_words import DrawnColumn, drawn_columns
from pairgen.pages.charts import column_chart
from pairgen.types import Plan
from pairgen.wording import counted, label_text

# Columns that tell where a sample lies or what it hashes to: nothing to draw a chart of.
NOT_CHARTED = ("key", "shard_index", "offset", "index", "seed", "pair_index", "group")
NUMBERS_OF_FILES = ("_crc32", "_seed", "_row")
# Columns in words that say more than their names.
WORDS = {
    "crop_number": "number of the crop of its image",
    "left": "left edge of the crop (px)",
    "top": "top edge of the crop (px)",
    "source_width": "width of the source (px)",
    "source_height": "height of the source (px)",
    "resized_width": "width as resized (px)",
    "resized_height": "height as resized (px)",
    "shift_x": "shift to the right (px)",
    "shift_y": "shift down (px)",
    "flip": "mirrored",
    "prompt_truncated": "prompt cut to the length of the model",
    "float32_retry": "made again in float32",
    "caption_number": "number of the caption",
    "num_captions": "captions of the image",
}
# Up to here all charts stand open, one after the other.
MAX_OPEN = 12


@dataclass(frozen=True, kw_only=True)
class ChartGroup:
    """Charts that stand together.

    Attributes:
        title: What they have in common; empty for what belongs to no operation.
        charts: The charts.
    """

    title: str
    charts: tuple[Mapping[str, Any], ...]

    @property
    def summary(self) -> str:
        """The title, and how many charts there are."""
        return f"{self.title} ({counted(len(self.charts), 'chart')})"


def chart_groups(table: pa.Table, plans: Sequence[Plan]) -> list[ChartGroup]:
    """Return the charts of columns, those of the draw by the operation that drew them.

    Args:
        table: The columns of a dataset and its annotations.
        plans: Their plans, whose recipes name the operations.
    """
    names = [name for name in table.column_names if _is_charted(name, table.column_names)]
    drawn: dict[str, DrawnColumn] = {}
    for plan in plans:
        drawn |= drawn_columns(plan.recipe.get("operations") or {}, names)
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for name in names:
        about = drawn.get(name)
        words = about.words if about else WORDS.get(name, label_text(name))
        title = words[:1].upper() + words[1:]
        values = about.values if about else ()
        if chart := column_chart(name, table.column(name), title, values):
            groups.setdefault(about.group if about else "", []).append(chart)
    # What no operation drew comes first, also where a column of an annotation is the last.
    titles = sorted(groups, key=bool)
    if sum(map(len, groups.values())) <= MAX_OPEN:
        every = tuple(chart for title in titles for chart in groups[title])
        return [ChartGroup(title="", charts=every)] if every else []
    return [
        ChartGroup(title=title[:1].upper() + title[1:], charts=tuple(groups[title]))
        for title in titles
    ]


def charted_text(table: pa.Table, num_samples: int, num: int) -> str:
    """Return what the charts are of.

    Args:
        table: The columns that were read.
        num_samples: Number of samples of the dataset.
        num: Number of charts.
    """
    of = f"all {counted(num_samples, 'sample')}"
    if table.num_rows < num_samples:
        of = f"{table.num_rows:,} of {num_samples:,} samples"
    return (
        f"{counted(num, 'column')} of the index with more than one value, over {of}. The name in "
        "small print is the one that the filter and --where take."
    )


def _is_charted(name: str, others: Sequence[str]) -> bool:
    if name == "prompt_index" and "prompt" in others:
        return False
    return name not in NOT_CHARTED and not name.endswith(NUMBERS_OF_FILES)
