"""The grid for a person's eye: sizes, places, captions."""

import numpy as np
import pytest

from pairgen.drawing.grid import (
    CAPTION_LINE_PX,
    GAP_PX,
    MAX_GRID_PIXELS,
    draw_grid,
    lay_out_grid,
    wrap_caption,
)


def pictures_of(num: int, height: int, width: int) -> np.ndarray:
    """Return pictures of one level each."""
    return np.stack([np.full((height, width, 3), 20 * i, dtype=np.uint8) for i in range(num)])


@pytest.mark.parametrize(
    ("size", "drawn"),
    [
        ((64, 64), (128, 128)),
        ((16, 16), (128, 128)),
        ((100, 50), (200, 100)),
        ((128, 64), (128, 64)),
        ((512, 512), (512, 512)),
    ],
)
def test_small_pictures_are_enlarged_by_a_whole_number(
    size: tuple[int, int], drawn: tuple[int, int]
) -> None:
    assert lay_out_grid([[0]], size, [""]).picture_px == drawn


def test_pictures_stand_in_their_rows_on_white() -> None:
    layout = lay_out_grid([[4, 0], [1, 2], [3]], (128, 128), [""] * 5)
    assert layout.size_px == (GAP_PX + 2 * (128 + GAP_PX), GAP_PX + 3 * (128 + GAP_PX))
    grid = np.asarray(draw_grid(pictures_of(5, 128, 128), layout))
    assert grid.shape == (*layout.size_px[::-1], 3)
    for row, column, picture in [(0, 0, 4), (0, 1, 0), (1, 0, 1), (1, 1, 2), (2, 0, 3)]:
        top, left = (GAP_PX + i * (128 + GAP_PX) for i in (row, column))
        assert (grid[top : top + 128, left : left + 128] == 20 * picture).all()
    assert (grid[2 * (128 + GAP_PX) :, GAP_PX + 128 :] == 255).all()
    assert (grid[:GAP_PX] == 255).all() and (grid[:, -GAP_PX:] == 255).all()


def test_a_caption_stands_under_its_own_picture_only() -> None:
    layout = lay_out_grid([[0, 1]], (128, 128), ["", "a red apple"])
    grid = np.asarray(draw_grid(pictures_of(2, 128, 128), layout))
    assert grid.shape[0] == GAP_PX + 128 + CAPTION_LINE_PX + GAP_PX
    below = grid[GAP_PX + 128 :]
    assert (below[:, : 128 + GAP_PX] == 255).all()
    # Dark on white, in the line and not below it.
    assert below[:CAPTION_LINE_PX, 128 + 2 * GAP_PX :].min() < 128


def test_any_text_can_be_a_caption() -> None:
    texts = ["日本の庭園, 🌸", "a\nb\tc\0d", "עברית", "x" * 5000, " "]
    layout = lay_out_grid([[0, 1, 2, 3, 4]], (128, 128), texts)
    grid = draw_grid(pictures_of(5, 128, 128), layout)
    assert grid.size == layout.size_px
    assert layout.lines[4] == []


def test_a_caption_is_broken_between_words_and_clipped() -> None:
    def wrap(text: str) -> list[str]:
        return wrap_caption(text, 10, len)

    assert wrap("") == []
    assert wrap("a red apple") == ["a red", "apple"]
    assert wrap("aaaa bbbb cccc dddd eeee ffff") == ["aaaa bbbb", "cccc dddd", "eeee ffff"]
    assert wrap("aaaa bbbb cccc dddd eeee ffff g") == ["aaaa bbbb", "cccc dddd", "eeee ff..."]
    assert wrap("aaaa bbbb cccc dddd ee fffffffff") == ["aaaa bbbb", "cccc dddd", "ee ..."]
    assert wrap("abcdefghijklmno p") == ["abcdefg...", "p"]


def test_a_grid_too_large_keeps_its_first_rows() -> None:
    rows = np.arange(4000).reshape(-1, 8).tolist()
    layout = lay_out_grid(rows, (512, 512), ["a caption"] * 4000)
    assert not layout.fits
    shown = layout.first_rows()
    assert shown.fits and shown.rows == rows[: len(shown.rows)]
    width, height = shown.size_px
    assert width * (height + shown.cell_px[1]) > MAX_GRID_PIXELS
    small = lay_out_grid(rows[:2], (512, 512), [""] * 4000)
    assert small.first_rows() is small
