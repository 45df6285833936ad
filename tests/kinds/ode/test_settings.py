"""The choice, on tables made by hand."""

from dataclasses import replace

import pytest

from pairgen.kinds.ode.settings import Measured, Setting, Spread, cheapest, ranked


def row(
    solver: str,
    steps: int,
    error: float | None,
    evaluations: int,
    rate: float = 10.0,
    dtype: str = "float32",
    asked: bool = True,
) -> Measured:
    setting = Setting(solver=solver, spacing="logsnr", steps=steps, end="t0", dtype=dtype)
    return Measured(
        setting=setting,
        num_transitions=steps,
        start_time=999.0,
        evaluations=evaluations,
        errors=None if error is None else {7.5: Spread(median=error, p90=2 * error)},
        num_not_finite=int(error is None),
        samples_per_second=rate,
        num_timed=4,
        asked=asked,
    )


REFERENCE = row("heun", 200, 0.0, 800, rate=0.5, asked=False)
HALVED = row("heun", 100, 0.0005, 400, rate=1, asked=False)
DDIM_10, DDIM_50, DDIM_100 = (
    row("ddim", 10, 0.12, 20, rate=20),
    row("ddim", 50, 0.025, 100, rate=4),
    row("ddim", 100, 0.012, 200, rate=2),
)
DPM_20, DPM_30 = row("dpmpp_2m", 20, 0.018, 40), row("dpmpp_2m", 30, 0.008, 60, rate=20 / 3)
HEUN_20 = row("heun", 20, 0.011, 80, rate=5)
TABLE = [REFERENCE, DDIM_10, DDIM_50, DPM_20, HEUN_20, DPM_30, DDIM_100, HALVED]


@pytest.mark.parametrize(
    ("tolerance", "expected"),
    [
        (0.2, DDIM_10),
        (0.02, DPM_20),
        (0.018, DPM_20),
        (0.0179, DPM_30),
        (0.008, DPM_30),
        # The reference and its half are no choice.
        (0.007, None),
    ],
)
def test_the_cheapest_within_the_tolerance_is_chosen(tolerance, expected):
    assert cheapest(TABLE, tolerance) == expected
    assert cheapest(TABLE[::-1], tolerance) == expected


def test_without_rows_nothing_is_chosen():
    assert cheapest([], 0.02) is None


def test_of_equal_evaluations_the_smaller_error_is_chosen_whatever_the_clock_said():
    slow = row("heun", 10, 0.01, 40, rate=1)
    assert cheapest([*TABLE, slow], 0.02) == slow


def test_a_clock_that_was_disturbed_does_not_decide_between_evaluations():
    # More evaluations, yet measured faster: another program ran beside the first one.
    assert cheapest([*TABLE, row("ddim", 24, 0.001, 48, rate=100)], 0.02) == DPM_20


def test_a_dtype_of_twice_the_speed_is_worth_half_as_many_evaluations_again():
    # float32 takes 1/400 s an evaluation here, float16 1/800 s.
    half = [row("ddim", 10, 0.5, 20, rate=40, dtype="float16")]
    fast = row("heun", 15, 0.019, 60, rate=800 / 60, dtype="float16")
    assert cheapest([*TABLE, *half, fast], 0.02) == fast
    slower = row("heun", 25, 0.019, 100, rate=8, dtype="float16")
    assert cheapest([*TABLE, *half, slower], 0.02) == DPM_20


def test_latents_that_are_not_finite_are_no_choice_and_rank_last():
    broken = row("ddim", 5, None, 10, rate=40, dtype="float16")
    assert cheapest([*TABLE, broken], 0.2) == DDIM_10
    assert ranked([broken, *TABLE])[-1] == broken


def test_rows_are_ranked_by_their_error():
    assert ranked(TABLE) == [REFERENCE, HALVED, DPM_30, HEUN_20, DDIM_100, DPM_20, DDIM_50, DDIM_10]


def test_the_guidance_scale_with_the_largest_error_counts():
    errors = {3.0: Spread(median=0.01, p90=0.05), 8.0: Spread(median=0.03, p90=0.04)}
    several = replace(DPM_20, errors=errors)
    assert several.error == Spread(median=0.03, p90=0.05)
    assert cheapest([several], 0.02) is None


@pytest.mark.parametrize("each", [DPM_20, row("ddim", 5, None, 10)])
def test_a_row_becomes_plain_data_and_back(each):
    assert Measured.from_dict(each.to_dict()) == each
