"""The page of a training run: its metrics, its grids image by image, and how it was made."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pairgen.drawing.value_text import value_text
from pairgen.execution.progress import format_seconds
from pairgen.pages.cards import Card
from pairgen.pages.charts import evenly_spread, line_chart
from pairgen.pages.command import train_command
from pairgen.pages.document import render
from pairgen.pages.metric_words import metric_of
from pairgen.pages.pictures import picture_data
from pairgen.regular_file import read_regular
from pairgen.sources.photographs import UnusableImageError, decode_rgb
from pairgen.training.loop.metrics import all_figures
from pairgen.training.runs.record import TrainRecord, read_record
from pairgen.training.runs.run_config import read_run_config
from pairgen.training.students.grid_file import MARGIN
from pairgen.training.students.shown_file import VALIDATION_FILE, load_shown_file
from pairgen.wording import counted

PAGE_FILE = "report.html"
# Grids of a run that are shown beside the teacher or the target, the last among them.
MAX_STEPS = 8
ABOUT_COMMAND = "Rebuilt from config.yaml, with the options that are not the default."
# Options that count things, beside those whose names say so; from where digits are in groups.
COUNTS, GROUPED = ("steps", "batch_size", "accumulate", "window"), 10_000


def run_page(folder: Path) -> str:
    """Return the page of a run, finished or not.

    Raises:
        ConfigError: Its config or its record cannot be read.
    """
    config, record = read_run_config(folder), read_record(folder)
    lines = all_figures(folder)
    charts, single = _charts(lines)
    cards, shown = _cards(folder)
    method = str(config.get("method", "a method"))
    out, about_paths = _out(config, folder.absolute())
    return render(
        "run.html.j2",
        folder.absolute().name,
        {"charts": charts, "cards": [card.data() for card in cards]},
        kind="training run",
        subtitle=f"A student trained by {method}.",
        numbers=_numbers(config, record, lines),
        problem="" if record else "Not finished: the run has no record.json yet.",
        shown=shown,
        cards=cards,
        num_charts=len(charts),
        single=single,
        made=_made(config, record),
        command=train_command(config, out),
        about_command=f"{ABOUT_COMMAND} {about_paths}".strip(),
        sets=[] if record is None else _sets(record),
    )


def _out(config: Mapping[str, Any], folder: Path) -> tuple[str, str]:
    """Return the folder of a run beside the paths of its data, and from where both are seen.

    Data are recorded as they were given: where relative, from a folder that holds the run.
    """
    data = config.get("data")
    paths = [str(each) for each in data] if isinstance(data, list) else []
    if not paths or not all(_is_relative(each) for each in paths):
        return str(folder), ""
    for base in folder.parents:
        if all((base / each).exists() for each in paths):
            return str(folder.relative_to(base)), f"Its paths are relative to {base}."
    return str(folder), "The paths of its data are as they were given."


def _is_relative(path: str) -> bool:
    return "://" not in path and not Path(path).expanduser().is_absolute()


def _charts(
    lines: Sequence[Mapping[str, float]],
) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """Return a line for each metric; those written once as names and values."""
    names = dict.fromkeys(name for line in lines for name in line if name != "step")
    points = {
        name: [(line["step"], line[name]) for line in lines if name in line and "step" in line]
        for name in names
    }
    charts, single = [], []
    for name, found in points.items():
        metric = metric_of(name)
        scaled = [(step, metric.factor * value) for step, value in found]
        unit = f" {metric.unit}" if metric.unit else ""
        if len(scaled) > 1:
            title = metric.words + (f" ({metric.unit})" if metric.unit else "")
            charts.append(line_chart(title, scaled, "step", name))
        for step, value in scaled if len(scaled) == 1 else ():
            single.append((metric.words, f"{value:.6g}{unit} after step {step:,.0f}"))
    return charts, single


def _cards(folder: Path) -> tuple[list[Card], str]:
    """Return a card for each validation prompt or image, and a sentence on what is shown."""
    paths = sorted((folder / "grids").glob("*.png"))
    if not paths:
        return [], "The run has drawn no grid."
    chosen = [paths[at] for at in evenly_spread(len(paths), MAX_STEPS)]
    read = {path.stem.lstrip("0") or "0": _grid(path) for path in chosen}
    grids = {step: grid for step, grid in read.items() if grid is not None}
    of = f"{len(grids)} of {len(paths)} grids" if len(grids) < len(paths) else "every grid"
    cells = {step: _cells(folder, grid) for step, grid in grids.items()}
    if not grids or any(each is None for each in cells.values()):
        # Without what the grids show, no image can be told from its neighbours.
        whole = tuple(picture_data(grid, f"step {step}") for step, grid in grids.items())
        card = Card(key="grids", pictures=whole, strip=True)
        return [card] if whole else [], f"Grids as they were drawn: {of}."
    prompts, first, last = _labels(folder)
    cards = []
    for place, prompt in enumerate(prompts):
        rows = [(step, found[place]) for step, found in cells.items() if found is not None]
        # The student's image is the second of a column or of a row.
        strip = [picture_data(rows[0][1][0], first)]
        strip += [picture_data(images[1], "student", f"step {step}") for step, images in rows]
        strip += [picture_data(rows[-1][1][-1], last)] if last else []
        key = f"validation {place + 1}"
        cards.append(Card(key=key, text=prompt, pictures=tuple(strip), strip=True))
    return cards, f"A line for each validation sample; {of}, with the last one."


def _labels(folder: Path) -> tuple[tuple[str, ...], str, str]:
    """Return the prompts, and what stands first and last in a line; last is empty for nothing."""
    if found := load_shown_file(folder / VALIDATION_FILE, ("targets",)):
        return found[0], "given", "target"
    found = load_shown_file(folder / VALIDATION_FILE, ("pictures",))
    return (found[0] if found else ()), "teacher", ""


def _cells(folder: Path, grid: np.ndarray) -> list[list[np.ndarray]] | None:
    """Return the images of each validation sample in a grid; None if its shape is another.

    A grid of a student from text has a row of the teacher's images and one of the student's; that
    of an image-to-image student has a row for each sample: given, student, target.
    """
    prompts, _, last = _labels(folder)
    num_rows, num_columns = (len(prompts), 3) if last else (2, len(prompts))
    height, width, _ = grid.shape
    if not prompts or height % num_rows or width % num_columns:
        return None
    high, wide = height // num_rows, width // num_columns

    def image(row: int, column: int) -> np.ndarray:
        part = grid[row * high : (row + 1) * high, column * wide : (column + 1) * wide]
        return part[MARGIN : high - MARGIN, MARGIN : wide - MARGIN]

    if last:
        return [[image(place, column) for column in range(3)] for place in range(num_rows)]
    return [[image(row, place) for row in range(2)] for place in range(num_columns)]


def _grid(path: Path) -> np.ndarray | None:
    """Return a grid, [H, W, 3] uint8; None if it cannot be read."""
    try:
        return decode_rgb(bytes(read_regular(path)))
    except (OSError, UnusableImageError):
        return None


def _numbers(
    config: Mapping[str, Any], record: TrainRecord | None, lines: Sequence[Mapping[str, float]]
) -> list[tuple[str, str]]:
    step = record.steps if record else int(lines[-1].get("step", 0)) if lines else 0
    rows = [(f"of {_option_text('steps', config.get('steps', '?'))} steps", f"{step:,}")]
    if batch_size := config.get("batch_size"):
        rows.append(("samples a step", _option_text("batch_size", batch_size)))
    if record:
        rows += [
            ("of training", format_seconds(record.seconds)),
            ("weights trained", f"{record.num_trained:,}"),
            (
                f"{'process' if record.num_processes == 1 else 'processes'} on {record.device}",
                f"{record.num_processes:,}",
            ),
        ]
    return rows


def _made(config: Mapping[str, Any], record: TrainRecord | None) -> list[tuple[str, str]]:
    given = config.get("options")
    every = {**config, **(given if isinstance(given, Mapping) else {})}
    rows = [
        (name, _option_text(name, value))
        for name, value in every.items()
        if value not in ("", [], {}) and name != "options"
    ]
    if record:
        rows += [(f"SHA-256 of {name}", value) for name, value in record.files.items()]
        rows += [("after the run", each.name) for each in record.before]
    return rows


def _option_text(name: str, value: Any) -> str:
    """Return an option's value; a large number has its digits in groups if it counts things."""
    if value is None:
        return "not set"
    counts = name.startswith("num_") or name in COUNTS or name.endswith(("_steps", "_every"))
    if counts and type(value) is int and value >= GROUPED:
        return f"{value:,}"
    return value_text(value)


def _sets(record: TrainRecord) -> list[tuple[str, str]]:
    return [
        (
            each.url,
            f"{counted(each.num_samples, 'sample')}, fingerprint {each.fingerprint[:16]}, "
            f"{counted(each.evaluations, 'evaluation')} in {format_seconds(each.seconds)}",
        )
        for each in record.all_sets
    ]
