"""Score distillation: the published formula, and where it rests on closed-form Gaussian scores."""

import numpy as np
import pytest
import torch

from pairgen.losses.score_distillation import vsd_direction, vsd_loss
from pairgen.sampling.parameterization import DiscreteSchedule

BETAS = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
SCHEDULE = DiscreteSchedule((1 - BETAS).cumprod(0))
# Makes the divisor a constant: the closed forms below are those of the direction without it.
NO_DIVISOR = 1e12


def drawn(*seeds: int) -> list[torch.Tensor]:
    return [
        torch.randn(3, 4, 5, 6, generator=torch.Generator().manual_seed(seed)).double()
        for seed in seeds
    ]


def test_the_direction_is_the_published_one():
    z, x0_teacher, x0_student = drawn(1, 2, 3)
    found = vsd_direction(z, x0_teacher, x0_student, 0.5)
    for row in range(3):
        w = 1 / ((z[row] - x0_teacher[row]).abs().mean() + 0.5)
        torch.testing.assert_close(found[row], w * (x0_student[row] - x0_teacher[row]))


def test_the_gradient_is_the_direction_and_reaches_nothing_else():
    z, x0_teacher, x0_student = (each.requires_grad_(True) for each in drawn(1, 2, 3))
    direction = vsd_direction(z, x0_teacher, x0_student, 0.0)
    loss = vsd_loss(z, direction)
    torch.testing.assert_close(loss, direction.square().mean())
    grad, *others = torch.autograd.grad(loss, [z, x0_teacher, x0_student], allow_unused=True)
    torch.testing.assert_close(grad, 2 * direction.detach() / z.numel())
    assert others == [None, None]


def posterior_mean(
    x: torch.Tensor, alpha: torch.Tensor, sigma: torch.Tensor, mean: float, variance: float
) -> torch.Tensor:
    """Return E[x0 | alpha x0 + sigma eps = x] of x0 ~ N(mean, variance)."""
    gain = alpha * variance / (alpha**2 * variance + sigma**2)
    return mean + gain * (x - alpha * mean)


def mean_direction(mean: float, guidance: float) -> float:
    """Return the direction at a student of N(mean, 1/4), on average over noise and times.

    The teacher is N(1, 1/4) with a prompt and N(0, 1) without, both scores are exact, and so is
    the mean over x_t: x0 is linear in it.
    """
    t = torch.arange(20, 980, 20).double().view(-1, 1, 1, 1)
    alpha, sigma = SCHEDULE.alpha_sigma(t)
    x = alpha * mean
    prompted = posterior_mean(x, alpha, sigma, 1.0, 0.25)
    unprompted = posterior_mean(x, alpha, sigma, 0.0, 1.0)
    x0_teacher = unprompted + guidance * (prompted - unprompted)
    x0_student = posterior_mean(x, alpha, sigma, mean, 0.25)
    z = torch.full_like(x, mean)
    return float(vsd_direction(z, x0_teacher, x0_student, NO_DIVISOR).mean() * NO_DIVISOR)


@pytest.mark.parametrize(("guidance", "rest"), [(1.0, 1.0), (4.0, 2.47), (7.5, 3.20)])
def test_it_rests_where_the_closed_form_says(guidance, rest):
    means = np.linspace(0, 5, 501)
    # Too small a mean is pushed up, as -direction moves z, and too large a one down.
    signs = np.sign([mean_direction(mean, guidance) for mean in means])
    (crossing,) = np.flatnonzero(np.diff(signs > 0))
    assert means[crossing] == pytest.approx(rest, abs=0.02)


def test_it_vanishes_pointwise_where_the_students_marginal_is_the_teachers():
    """At guidance 1, for every state and time: not on average alone."""
    x = torch.linspace(-4, 4, 41, dtype=torch.float64).view(-1, 1, 1, 1)
    for time in (20.0, 500.0, 979.0):
        alpha, sigma = SCHEDULE.alpha_sigma(torch.full_like(x, time))
        x0 = posterior_mean(x, alpha, sigma, 1.0, 0.25)
        assert vsd_direction(x, x0, x0, 0.0).abs().max() == 0
        other = posterior_mean(x, alpha, sigma, 1.0, 0.36)
        assert vsd_direction(x, x0, other, 0.0).abs().max() > 0.01
