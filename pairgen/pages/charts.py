"""Charts as plain data, which a page draws: counts of a column, and lines over time or steps."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

MAX_BINS, MAX_WORDS, MAX_POINTS = 24, 12, 400
# A choice among no operations.
NOTHING = "nothing"


def column_chart(
    name: str, column: pa.ChunkedArray, title: str = "", values: Sequence[str] = ()
) -> dict[str, Any] | None:
    """Return the counts of a column's values: a histogram of numbers, or bars of few ones or words.

    None if the column holds neither, no value at all, the same value everywhere, or too many
    different words for bars.

    Args:
        name: The column.
        column: Its values.
        title: The column in words; its name if it is left out.
        values: What the numbers 0, 1, ... of the column mean.
    """
    found = [each for each in column.to_pylist() if each is not None]
    about = f"{len(found):,} of {len(column):,} have one" if len(found) < len(column) else ""
    common = {"title": title or name, "about": about, "y": "samples"}
    if title:
        common["column"] = name
    if values:
        return _bars(common, [_meaning(each, values) for each in found], (NOTHING, *values))
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        finite = [each for each in found if math.isfinite(each)]
        if counts := _few(finite):
            bars = [{"name": f"{each:g}", "count": num} for each, num in sorted(counts.items())]
            return {"kind": "values", **common, "bars": bars}
        bins = _bins([float(each) for each in finite])
        whole = all(each == round(each) for each in finite)
        return {"kind": "histogram", **common, "whole": whole, "bins": bins} if bins else None
    if pa.types.is_boolean(column.type) or pa.types.is_string(column.type):
        words = [str(each).lower() if isinstance(each, bool) else each for each in found]
        return _bars(common, words, sorted(set(words)))
    return None


def _bars(
    common: Mapping[str, Any], words: Sequence[str], order: Sequence[str]
) -> dict[str, Any] | None:
    """Return a bar for each word that occurs, in an order."""
    counts = Counter(words)
    if not 1 < len(counts) <= MAX_WORDS:
        return None
    bars = [{"name": word, "count": counts[word]} for word in dict.fromkeys(order) if counts[word]]
    return {"kind": "bars", **common, "bars": bars}


def _meaning(number: int, values: Sequence[str]) -> str:
    """Return what a number means; a number below 0 means that nothing was chosen."""
    return NOTHING if number < 0 else values[number] if number < len(values) else str(number)


def _few(values: Sequence[float]) -> Counter[float]:
    """Return the counts of numbers that repeat, of which there are few; empty otherwise."""
    counts = Counter(values)
    return counts if 1 < len(counts) <= MAX_WORDS and 2 * len(counts) <= len(values) else Counter()


def spread_chart(
    title: str, values: Mapping[str, Sequence[float] | NDArray[np.float64]], x: str, y: str
) -> dict[str, Any]:
    """Return a histogram for each of several names, one below the other, with equal bins.

    Args:
        title: Title of the chart.
        values: Numbers by name.
        x: What they are.
        y: What is counted.
    """
    numbers = {name: [float(x) for x in each if math.isfinite(x)] for name, each in values.items()}
    every = [x for each in numbers.values() for x in each]
    edges = np.histogram_bin_edges(every, MAX_BINS) if every else np.zeros(2)
    bins = [
        {"name": name, **each} for name, found in numbers.items() for each in _counted(found, edges)
    ]
    return {"kind": "spread", "title": title, "about": "", "x": x, "y": y, "bins": bins}


def line_chart(
    title: str, points: Sequence[tuple[float, float]], x: str, name: str = ""
) -> dict[str, Any]:
    """Return a line of finite points, evenly thinned to `MAX_POINTS`; the last one stays.

    Args:
        title: What the line is of.
        points: Pairs of a place and a value.
        x: What the places are.
        name: The name of the values in a file, in small print.
    """
    kept = [points[at] for at in evenly_spread(len(points), MAX_POINTS)]
    thinned = len(kept) < len(points)
    return {
        "kind": "line",
        "title": title,
        "about": f"{len(kept):,} of {len(points):,} points shown" if thinned else "",
        "column": name,
        "x": x,
        "points": [[float(x), float(y)] for x, y in kept],
    }


def rate_chart(intervals: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Return samples per second over the hours or minutes since the first shard was begun.

    Args:
        intervals: `rate_over_time` of `pairgen.execution.history`: start, stop (seconds), rate.
    """
    begin, end = intervals[0]["start"], intervals[-1]["stop"]
    unit, length = next(
        (name, size)
        for name, size in (("hours", 3600), ("minutes", 60), ("seconds", 1))
        if end - begin > 2 * size or size == 1
    )
    bins = [
        {
            "x1": (each["start"] - begin) / length,
            "x2": (each["stop"] - begin) / length,
            "y": each["rate"],
        }
        for each in intervals
    ]
    return {
        "kind": "histogram",
        "title": "Samples per second",
        "about": "",
        "y": "samples/s",
        "x": f"{unit} since the first shard was begun",
        "bins": bins,
    }


def _bins(values: Sequence[float]) -> list[dict[str, float]]:
    """Return bins of equal width; of whole numbers, an edge never parts one."""
    if not values or min(values) == max(values):
        return []
    low, high = min(values), max(values)
    if all(value == round(value) for value in values) and high - low < 2**53:
        step = max(1, -(-int(high - low + 1) // MAX_BINS))
        edges = np.arange(low - 0.5, high + step, step)
    else:
        edges = np.linspace(low, high, min(MAX_BINS, max(6, math.isqrt(len(values)))) + 1)
    return _counted(values, edges)


def _counted(values: Sequence[float], edges: np.ndarray) -> list[dict[str, float]]:
    counts, _ = np.histogram(values, edges)
    return [
        {"x1": float(low), "x2": float(high), "y": int(num)}
        for low, high, num in zip(edges[:-1], edges[1:], counts, strict=True)
    ]


def evenly_spread(num: int, num_kept: int) -> list[int]:
    """Return at most `num_kept` of `num` places, the first and the last among them."""
    places = np.linspace(0, num - 1, min(num, num_kept)).round().astype(int)
    return np.unique(places).tolist() if num else []
