"""A line plot with two logarithmic axes, drawn with Pillow."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

SIZE_PX = (900, 560)
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 84, 250, 48, 64
# Drawn this many times larger and then reduced, to smooth the lines.
OVERSAMPLING = 3
FONT_PX, TITLE_PX = 14, 16
MARK_PX, RING_PX = 4, 10
INK, GRID_INK, LINE_INK = (30, 30, 34), (226, 226, 230), (150, 30, 30)
# Okabe & Ito's palette, which people with impaired colour vision can tell apart.
COLOURS = (
    (0, 114, 178),
    (230, 159, 0),
    (0, 158, 115),
    (204, 121, 167),
    (86, 180, 233),
    (213, 94, 0),
    (110, 110, 110),
    (0, 0, 0),
)


@dataclass(frozen=True)
class Line:
    """Points of one line, with x ascending; all positive."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A plot to draw.

    Attributes:
        title: Title above the plot.
        x_label: Label below the plot.
        y_label: Label above the upper end of the axis.
        lines: Lines, with at least one point in total.
        level: y of a dashed horizontal line, and its name.
        ringed: Point to mark with a ring, and its name; None for none.
    """

    title: str
    x_label: str
    y_label: str
    lines: Sequence[Line]
    level: tuple[float, str]
    ringed: tuple[tuple[float, float], str] | None = None


class _Frame:
    """Maps numbers to the canvas."""

    def __init__(self, plot: Plot) -> None:
        points = [point for line in plot.lines for point in line.points]
        self.x_range = log_range([x for x, _ in points])
        self.y_range = log_range([*(y for _, y in points), plot.level[0]])
        width, height = SIZE_PX
        self.box = (LEFT_PX, TOP_PX, width - RIGHT_PX, height - BOTTOM_PX)

    def x(self, value: float) -> float:
        left, _, right, _ = self.box
        return left + (right - left) * _share(value, self.x_range)

    def y(self, value: float) -> float:
        _, top, _, bottom = self.box
        return bottom - (bottom - top) * _share(value, self.y_range)


class _Pen:
    """Draws in pixels of the final image."""

    def __init__(self, image: Image.Image) -> None:
        self._draw = ImageDraw.Draw(image)

    def line(
        self, points: Sequence[tuple[float, float]], ink: tuple[int, ...], width: float = 1
    ) -> None:
        scaled = [(x * OVERSAMPLING, y * OVERSAMPLING) for x, y in points]
        self._draw.line(scaled, ink, round(width * OVERSAMPLING), joint="curve")

    def disc(self, x: float, y: float, radius: float, ink: tuple[int, ...]) -> None:
        self._draw.ellipse(self._around(x, y, radius), fill=ink)

    def ring(self, x: float, y: float, radius: float, ink: tuple[int, ...]) -> None:
        self._draw.ellipse(self._around(x, y, radius), outline=ink, width=2 * OVERSAMPLING)

    def text(self, x: float, y: float, text: str, anchor: str, size: int = FONT_PX) -> None:
        font = ImageFont.load_default(size=size * OVERSAMPLING)
        self._draw.text((x * OVERSAMPLING, y * OVERSAMPLING), text, INK, font, anchor)

    def _around(self, x: float, y: float, radius: float) -> tuple[float, float, float, float]:
        return (
            (x - radius) * OVERSAMPLING,
            (y - radius) * OVERSAMPLING,
            (x + radius) * OVERSAMPLING,
            (y + radius) * OVERSAMPLING,
        )


def draw_plot(plot: Plot) -> Image.Image:
    """Draw the lines, their legend, labelled axes, and the level."""
    large = (SIZE_PX[0] * OVERSAMPLING, SIZE_PX[1] * OVERSAMPLING)
    canvas = Image.new("RGB", large, "white")
    pen, frame = _Pen(canvas), _Frame(plot)
    _draw_axes(pen, frame, plot)
    _draw_level(pen, frame, plot.level)
    for number, line in enumerate(plot.lines):
        ink = COLOURS[number % len(COLOURS)]
        points = [(frame.x(x), frame.y(y)) for x, y in line.points]
        pen.line(points, ink, 2)
        for x, y in points:
            pen.disc(x, y, MARK_PX, ink)
        row = _draw_entry(pen, number, line.name)
        pen.line([(row[0] - 13, row[1]), (row[0] + 13, row[1])], ink, 2)
        pen.disc(*row, MARK_PX, ink)
    if plot.ringed is not None:
        (x, y), name = plot.ringed
        pen.ring(frame.x(x), frame.y(y), RING_PX, INK)
        pen.ring(*_draw_entry(pen, len(plot.lines), name), RING_PX, INK)
    return canvas.resize(SIZE_PX, Image.Resampling.LANCZOS)


def log_range(values: Sequence[float]) -> tuple[float, float]:
    """Return (low, high) with some margin around positive values."""
    room = 1.15
    return min(values) / room, max(values) * room


def ticks(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 times powers of ten in [low, high]; only the powers for long ranges."""
    steps = (1, 2, 5) if high / low < 1e4 else (1,)
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    # Round each to its written value, without the last digit of the product.
    found = [float(f"{step}e{exponent}") for exponent in exponents for step in steps]
    return [value for value in found if low <= value <= high]


def _draw_axes(pen: _Pen, frame: _Frame, plot: Plot) -> None:
    left, top, right, bottom = frame.box
    for value in ticks(*frame.x_range):
        pen.line([(frame.x(value), top), (frame.x(value), bottom)], GRID_INK)
        pen.text(frame.x(value), bottom + 8, f"{value:g}", "mt")
    for value in ticks(*frame.y_range):
        pen.line([(left, frame.y(value)), (right, frame.y(value))], GRID_INK)
        pen.text(left - 8, frame.y(value), f"{value:g}", "rm")
    pen.line([(left, top), (left, bottom), (right, bottom)], INK)
    pen.text(left, 8, plot.title, "lt", TITLE_PX)
    pen.text(left, 30, plot.y_label, "lt")
    pen.text((left + right) / 2, SIZE_PX[1] - 12, plot.x_label, "mb")


def _draw_level(pen: _Pen, frame: _Frame, level: tuple[float, str]) -> None:
    left, _, right, _ = frame.box
    height = frame.y(level[0])
    for start in range(left, right, 12):
        pen.line([(start, height), (min(start + 7, right), height)], LINE_INK, 2)
    pen.text(right - 4, height - 4, level[1], "rb")


def _draw_entry(pen: _Pen, number: int, name: str) -> tuple[float, float]:
    """Write a legend entry; return the position of its mark."""
    x, y = SIZE_PX[0] - RIGHT_PX + 35, TOP_PX + 12 + 24 * number
    pen.text(x + 23, y, name, "lm")
    return x, y


def _share(value: float, bounds: tuple[float, float]) -> float:
    low, high = map(math.log, bounds)
    return (math.log(value) - low) / (high - low)
