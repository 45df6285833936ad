"""What a student has cost, and when it has paid for itself."""

import math


def break_even(spent: float, teacher: float, student: float) -> int | None:
    """Return the fewest pictures n with spent + n student <= n teacher; None if there are none.

    Args:
        spent: On data and training, in evaluations or seconds; 0 or more.
        teacher: What a picture of the teacher costs, in the same unit.
        student: What a picture of the student costs, in the same unit.
    """
    if student >= teacher:
        return None
    return math.ceil(spent / (teacher - student))
