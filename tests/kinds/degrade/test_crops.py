"""Crops: their number from the size alone, and the tiles of a grid."""

import numpy as np
import pytest

from pairgen.kinds.degrade.crops import count_crops, tile_place
from pairgen.kinds.images.crops import cut
from pairgen.sources.photographs import ImageSize, UnusableImageError


def test_the_number_of_crops_follows_from_the_size():
    assert count_crops(ImageSize(64, 40), 32, 3, False, 4) == 3
    assert count_crops(ImageSize(64, 40), 32, 3, True, 4) == 2
    assert count_crops(ImageSize(100, 99), 32, 1, True, 4) == 9
    with pytest.raises(UnusableImageError, match="smaller than 32 px: 64 x 31"):
        count_crops(ImageSize(64, 31), 32, 1, False, 4)
    with pytest.raises(UnusableImageError, match=r"aspect above 2: 32 x 80 is 2\.50"):
        count_crops(ImageSize(32, 80), 32, 1, False, 2)


def test_tiles_lie_beside_each_other_in_the_middle():
    size = ImageSize(100, 70)
    places = [tile_place(size, 32, number) for number in range(6)]
    assert places == [(3, 2), (3, 34), (3, 66), (35, 2), (35, 34), (35, 66)]
    covered = np.zeros((70, 100), int)
    for place in places:
        cut(covered[..., None], place, ImageSize(32, 32))
        covered[place[0] : place[0] + 32, place[1] : place[1] + 32] += 1
    assert covered.max() == 1
    assert covered.sum() == 6 * 32 * 32
