"""When a student has paid for itself."""

import pytest

from pairgen.evaluation.cost import break_even


@pytest.mark.parametrize(
    ("spent", "teacher", "student", "pictures"),
    [
        (990, 100, 1, 10),
        (991, 100, 1, 11),
        (0, 2, 1, 0),
        (0.5, 0.2, 0.1, 5),
        (10, 1, 1, None),
        (10, 1, 2, None),
    ],
)
def test_the_fewest_pictures(spent, teacher, student, pictures):
    assert break_even(spent, teacher, student) == pictures
    if pictures:
        cost = [spent + n * student - n * teacher for n in (pictures - 1, pictures)]
        assert cost[0] > 0 >= cost[1] - 1e-9
