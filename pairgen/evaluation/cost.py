"""What a student has cost, and when it has paid for itself."""

import math


def break_even(spent: float, teacher: float, student: float) -> int | None:
    """Return the fewest images n with spent + n student <= n teacher; None if there are none.

    Args:
        spent: On data and training, in evaluations or seconds; 0 or more.
        teacher: What an image of the teacher costs, in the same unit.
        student: What an image of the student costs, in the same unit.
    """
    if student >= teacher:
        return None
    return math.ceil(spent / (teacher - student))
