"""The grid puts pictures row by row, on white."""

import numpy as np

from pairgen.drawing.pictures import make_grid_image


def test_pictures_stand_row_by_row_with_a_gap_on_white() -> None:
    pictures = np.stack([np.full((8, 6, 3), 10 * i, dtype=np.uint8) for i in range(5)])
    grid = np.asarray(make_grid_image(pictures, num_columns=3))
    assert grid.shape == (2 * 8 + 4, 3 * 6 + 2 * 4, 3)
    for i in range(5):
        row, column = divmod(i, 3)
        assert (grid[row * 12 : row * 12 + 8, column * 10 : column * 10 + 6] == 10 * i).all()
    assert (grid[8:12] == 255).all() and (grid[12:, 20:] == 255).all()
