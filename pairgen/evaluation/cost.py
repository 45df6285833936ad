"""The break-even point of a student."""

import math


def break_even(spent: float, teacher: float, student: float) -> int | None:
    """Return the fewest images n with spent + n student <= n teacher; None if there are none.

    Args:
        spent: Cost of data and training, in evaluations or seconds; 0 or more.
        teacher: Cost of one image from the teacher, in the same unit.
        student: Cost of one image from the student, in the same unit.
    """
    if student >= teacher:
        return None
    return math.ceil(spent / (teacher - student))
