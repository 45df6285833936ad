"""The distance to a teacher's x0: SDS, and what it does to a Gaussian student alone."""

import pytest
import torch

from pairgen.losses.score_distance import (
    noise_free_residual,
    score_distance,
    score_weight,
    x0_of_residual,
)
from pairgen.losses.score_distillation import vsd_direction, vsd_loss
from pairgen.sampling.parameterization import DiscreteSchedule, column, to_x0_eps

BETAS = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
SCHEDULE = DiscreteSchedule((1 - BETAS).cumprod(0))
TIMES = torch.arange(1000, dtype=torch.float64)
# Where the mean and the mean of squares of N(0, 1) are exact: two points of weight 1/2.
POINTS = torch.tensor([1.0, -1.0], dtype=torch.float64)


def posterior(t: torch.Tensor, variance: float) -> torch.Tensor:
    """Return E[x | x_t] / x_t for x ~ N(0, variance)."""
    alpha, sigma = SCHEDULE.alpha_sigma(t)
    return alpha * variance / (alpha.square() * variance + sigma.square())


def slope_of_std(std: float, loss) -> float:
    """Return the derivative of a loss by the standard deviation of a student x = std z."""
    scale = torch.tensor(std, dtype=torch.float64, requires_grad=True)
    total = torch.zeros((), dtype=torch.float64)
    alpha, sigma = (each.double() for each in SCHEDULE.alpha_sigma(TIMES))
    for z in POINTS:
        for eps in POINTS:
            x = scale * z.expand(1000, 1, 1, 1)
            x_t = column(alpha) * x.detach() + column(sigma) * eps
            total = total + loss(x, x_t, alpha, sigma) / 4
    (slope,) = torch.autograd.grad(total, scale)
    return float(slope)


@pytest.mark.parametrize("std", [1.0, 0.5, 0.1])
def test_alone_it_shrinks_a_gaussian_student_at_the_closed_form_rate(std):
    def loss(x, x_t, alpha, sigma):
        x0 = column(posterior(TIMES, 1.0)) * x_t
        return score_distance(x, x0, score_weight("exponential", alpha, sigma))

    # Of |x - x0|^2 / 2, at any std: alpha (1 - alpha^2) over all times.
    assert slope_of_std(std, loss) / 2 / std == pytest.approx(0.233, abs=5e-4)


def test_variational_score_distillation_leaves_it():
    def loss(x, x_t, alpha, sigma):
        x0 = column(posterior(TIMES, 1.0)) * x_t
        return vsd_loss(x, vsd_direction(x.detach(), x0, x0, 1.0))

    assert slope_of_std(1.0, loss) == 0


def test_with_the_weight_of_sds_its_gradient_is_that_of_sds():
    generator = torch.Generator().manual_seed(0)
    x, eps, eps_teacher = torch.randn(3, 6, 2, 3, 3, dtype=torch.float64, generator=generator)
    x.requires_grad_(True)
    alpha, sigma = SCHEDULE.alpha_sigma(torch.tensor([1, 10, 100, 300, 700, 999]).double())
    x_t = column(alpha) * x.detach() + column(sigma) * eps
    x0, _ = to_x0_eps("epsilon", eps_teacher, x_t, column(alpha), column(sigma))
    loss = score_distance(x, x0, score_weight("sds", alpha, sigma))
    (gradient,) = torch.autograd.grad(loss, x)
    torch.testing.assert_close(gradient * x.numel(), eps_teacher - eps, rtol=1e-9, atol=1e-9)


def test_noise_free_score_distillation_has_its_residual_as_the_gradient():
    generator = torch.Generator().manual_seed(0)
    x, *eps = torch.randn(4, 6, 2, 3, 3, dtype=torch.float64, generator=generator)
    x.requires_grad_(True)
    t = torch.tensor([1, 10, 199, 200, 700, 999]).double()
    alpha, sigma = SCHEDULE.alpha_sigma(t)
    by_prompt, by_empty, by_flawed = eps
    residual = noise_free_residual(by_prompt, by_empty, by_flawed, 7.5, column(t < 200))
    x0 = x0_of_residual(x.detach(), residual, column(alpha), column(sigma))
    loss = score_distance(x, x0, score_weight("nfsd", alpha, sigma))
    (slope,) = torch.autograd.grad(loss, x)
    expected = torch.cat(
        [
            by_empty[:3] + 7.5 * (by_prompt - by_empty)[:3],
            (by_empty - by_flawed)[3:] + 7.5 * (by_prompt - by_empty)[3:],
        ]
    )
    torch.testing.assert_close(slope * x.numel(), expected)
    # With the residual of SDS it is the teacher's x0.
    noise = torch.randn(x.shape, dtype=torch.float64, generator=generator)
    x_t = column(alpha) * x + column(sigma) * noise
    teacher, _ = to_x0_eps("epsilon", by_prompt, x_t, column(alpha), column(sigma))
    found = x0_of_residual(x, by_prompt - noise, column(alpha), column(sigma))
    torch.testing.assert_close(found, teacher)
