"""What solvers cost."""

import pytest

from pairgen.sampling.evaluations import num_evaluations


@pytest.mark.parametrize(
    ("solver", "end", "expected"),
    [
        ("ddim", "t0", 5),
        ("ddim", "clean", 5),
        ("dpmpp_2m", "t0", 5),
        ("dpmpp_2m", "clean", 5),
        ("heun", "t0", 10),
        ("heun", "clean", 9),
    ],
)
def test_evaluations_of_five_steps(solver, end, expected):
    assert num_evaluations(solver, 5, end) == expected
    assert num_evaluations(solver, 1, end) == (2 if (solver, end) == ("heun", "t0") else 1)
