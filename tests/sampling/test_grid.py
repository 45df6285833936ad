"""The grids, beside those of diffusers."""

import math
from itertools import pairwise

import pytest
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler

from pairgen.errors import ConfigError
from pairgen.sampling.grid import make_grid
from pairgen.sampling.names import ENDS, SPACINGS
from pairgen.teachers._mixture import stable_diffusion_schedule

SCHEDULE = stable_diffusion_schedule()
STABLE_DIFFUSION = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
}
# 48 and 96 hold exact halves before rounding; 61 and 103 make diffusers append the time -1.
STEPS = [*range(1, 61), 61, 75, 96, 99, 100, 103, 150, 200, 250, 333, 500, 501, 600, 666, 667, 999]


@pytest.mark.parametrize("spacing", ["leading", "trailing"])
def test_integer_times_are_those_of_diffusers_ddim(spacing):
    scheduler = DDIMScheduler(
        timestep_spacing=spacing, steps_offset=1, clip_sample=False, **STABLE_DIFFUSION
    )
    for steps in STEPS:
        scheduler.set_timesteps(steps)
        expected = [float(t) for t in scheduler.timesteps if t >= 0]
        assert list(make_grid(SCHEDULE, spacing, steps, "clean").times) == expected, steps


# diffusers passes a torch tensor to np.array, which NumPy 2 complains about.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_linspace_times_are_those_of_diffusers_dpm_solver():
    scheduler = DPMSolverMultistepScheduler(timestep_spacing="linspace", **STABLE_DIFFUSION)
    for steps in STEPS:
        scheduler.set_timesteps(steps)
        expected = scheduler.timesteps.tolist()
        assert list(make_grid(SCHEDULE, "linspace", steps, "clean").times) == expected, steps


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("spacing", SPACINGS)
def test_a_grid_goes_down_in_the_number_of_steps_asked_for(spacing, end):
    for steps in STEPS:
        grid = make_grid(SCHEDULE, spacing, steps, end)
        # From 667 steps on the last trailing time is the end itself: no step of zero length.
        num = steps - 1 if (spacing, end) == ("trailing", "t0") and steps > 666 else steps
        assert grid.num_steps == num
        assert len(grid.times) == (num + 1 if end == "t0" else num)
        assert len(grid.alphas) == len(grid.sigmas) == num + 1
        for falling in (grid.times, grid.sigmas):
            assert all(a > b for a, b in pairwise(falling)), steps
        assert all(a < b for a, b in pairwise(grid.alphas)), steps


@pytest.mark.parametrize(
    ("spacing", "end", "num_steps"),
    [
        # 999 ... 0 are 1000 times, so 999 transitions lead to t = 0.
        ("leading", "t0", 999),
        ("trailing", "t0", 999),
        ("linspace", "t0", 999),
        ("logsnr", "t0", 1000),
        # diffusers asks for t = 1000 here, which its schedule does not have.
        ("leading", "clean", 999),
        ("trailing", "clean", 1000),
        # diffusers visits one time twice here.
        ("linspace", "clean", 999),
        ("logsnr", "clean", 1000),
    ],
)
def test_a_thousand_steps_visit_no_time_twice(spacing, end, num_steps):
    grid = make_grid(SCHEDULE, spacing, 1000, end)
    assert grid.num_steps == num_steps
    assert len(set(grid.times)) == len(grid.times)
    assert grid.times[0] == 999


@pytest.mark.parametrize(
    ("spacing", "first"), [("leading", 981), ("trailing", 999), ("linspace", 999), ("logsnr", 999)]
)
def test_a_grid_of_50_steps_starts_where_its_spacing_says(spacing, first):
    assert make_grid(SCHEDULE, spacing, 50, "t0").times[0] == first


@pytest.mark.parametrize("spacing", SPACINGS)
def test_a_grid_ends_at_the_last_time_or_at_sigma_0(spacing):
    t0 = make_grid(SCHEDULE, spacing, 50, "t0")
    assert t0.times[-1] == 0
    # sqrt(beta_0): the noise that Stable Diffusion leaves at t = 0.
    assert t0.sigmas[-1] == pytest.approx(0.00085**0.5, rel=1e-4)
    clean = make_grid(SCHEDULE, spacing, 50, "clean")
    assert (clean.alphas[-1], clean.sigmas[-1]) == (1.0, 0.0)
    assert len(clean.times) == len(clean.alphas) - 1


@pytest.mark.parametrize("steps", [1, 15, 25, 50, 100, 1000])
def test_logsnr_steps_have_one_length(steps):
    grid = make_grid(SCHEDULE, "logsnr", steps, "t0")
    lambdas = [math.log(a / s) for a, s in zip(grid.alphas, grid.sigmas, strict=True)]
    lengths = [b - a for a, b in pairwise(lambdas)]
    # The last step too: diffusers' use_lu_lambdas gives it no length.
    assert lengths == pytest.approx([(lambdas[-1] - lambdas[0]) / steps] * steps, rel=1e-6)


def test_a_clean_logsnr_grid_is_evaluated_at_the_last_time():
    grid = make_grid(SCHEDULE, "logsnr", 25, "clean")
    assert grid.times[-1] == pytest.approx(0, abs=1e-9)


def test_asked_times_are_inserted():
    plain = make_grid(SCHEDULE, "trailing", 50, "t0")
    assert 749 not in plain.times
    assert 249 not in plain.times
    grid = make_grid(SCHEDULE, "trailing", 50, "t0", insert=(749, 249))
    assert grid.num_steps == 52
    assert set(grid.times) == {*plain.times, 749, 249}
    assert [grid.times[grid.index_of(time)] for time in (999, 749, 249)] == [999, 749, 249]
    assert grid.times == tuple(sorted(grid.times, reverse=True))


@pytest.mark.parametrize("steps", [20, 48, 52, 100])
def test_times_that_the_grid_has_are_not_inserted_again(steps):
    insert = (999, 749, 499, 249)
    plain = make_grid(SCHEDULE, "trailing", steps, "t0")
    assert make_grid(SCHEDULE, "trailing", steps, "t0", insert) == plain


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("time", [0, -1, 999.5, 1000])
def test_a_time_outside_the_grid_is_refused(spacing, time):
    with pytest.raises(ConfigError, match=f"trajectory time {time:g} must lie in"):
        make_grid(SCHEDULE, spacing, 50, "t0", insert=(time,))


def test_a_time_before_the_leading_grid_is_refused_with_its_start():
    with pytest.raises(ConfigError, match="the leading grid starts at 981"):
        make_grid(SCHEDULE, "leading", 50, "t0", insert=(999,))


def test_an_unknown_spacing_gets_a_suggestion():
    with pytest.raises(ConfigError, match="did you mean 'trailing'"):
        make_grid(SCHEDULE, "trailling", 50, "t0")


def test_an_unknown_end_is_refused():
    with pytest.raises(ConfigError, match="end must be one of t0, clean, got 'zero'"):
        make_grid(SCHEDULE, "trailing", 50, "zero")


@pytest.mark.parametrize("steps", [0, -1, 1001])
def test_a_number_of_steps_out_of_range_is_refused(steps):
    with pytest.raises(ConfigError, match=rf"steps must be an integer in 1\.\.1,000, got {steps}"):
        make_grid(SCHEDULE, "trailing", steps, "t0")


def test_times_may_be_named():
    grid = make_grid(SCHEDULE, "999,749,499.5", 3, "clean")
    assert grid.times == (999.0, 749.0, 499.5)
    assert (grid.alphas[-1], grid.sigmas[-1]) == (1.0, 0.0)
    assert make_grid(SCHEDULE, "981", 1, "t0").times == (981.0, 0.0)
    for spacing, steps in (("999,749", 3), ("1000", 1), ("0", 1)):
        with pytest.raises(ConfigError, match="must name as many times as there are steps"):
            make_grid(SCHEDULE, spacing, steps, "clean")
    for spacing in ("499,749", "999,x", "nan,1"):
        with pytest.raises(ConfigError, match="spacing must be one of leading"):
            make_grid(SCHEDULE, spacing, 2, "clean")
