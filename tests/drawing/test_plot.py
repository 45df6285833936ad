"""The plot: where lines lie, and that what is asked for is drawn."""

import numpy as np
import pytest

from pairgen.drawing.plot import COLOURS, LINE_INK, SIZE_PX, Line, Plot, draw_plot, ticks


def pixels_of(picture: np.ndarray, ink: tuple[int, int, int]) -> np.ndarray:
    """Return rows and columns of the pixels near a colour, [N, 2]."""
    return np.argwhere((np.abs(picture.astype(int) - np.array(ink)) < 30).all(axis=2))


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ((0.04, 12), [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]),
        ((18, 230), [20, 50, 100, 200]),
        ((1e-4, 1e3), [1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100, 1000]),
    ],
)
def test_ticks_are_round_numbers(bounds, expected):
    assert ticks(*bounds) == expected


def test_a_power_law_is_a_straight_line_below_and_right_of_its_start():
    first = Line("order 1", [(10, 10), (20, 5), (40, 2.5), (80, 1.25)])
    second = Line("order 2", [(10, 10), (20, 2.5), (40, 0.625)])
    plot = Plot(title="", x_label="", y_label="", lines=[first, second], level=(2, "two"))
    picture = np.asarray(draw_plot(plot))
    assert picture.shape == (SIZE_PX[1], SIZE_PX[0], 3)
    # Without its legend.
    rows, columns = pixels_of(picture[:, :640], COLOURS[0]).T
    slope, offset = np.polyfit(columns, rows, 1)
    assert slope > 0 and np.abs(slope * columns + offset - rows).max() < 8
    steeper, _ = np.polyfit(*pixels_of(picture[:, :640], COLOURS[1]).T[::-1], 1)
    assert steeper == pytest.approx(2 * slope, rel=0.05)
    level = pixels_of(picture, LINE_INK)[:, 0]
    assert level.size and np.ptp(level) <= 3


def test_one_point_and_a_ring_are_enough():
    plot = Plot(
        title="one",
        x_label="x",
        y_label="y",
        lines=[Line("point", [(8, 0.5)])],
        level=(0.5, "level"),
        ringed=((8, 0.5), "ring"),
    )
    picture = np.asarray(draw_plot(plot))
    assert len(pixels_of(picture, COLOURS[0]))
