"""CoDi in a linear-Gaussian world, where the fixed point of its loss is known in closed form.

x ~ N(0, c^2) is what a condition leaves open, and the network says eps = k_t z at each time of the
grid. Every expectation over x and eps is exact, because four points have their second moments.
"""

import pytest
import torch
from torch import Tensor

from pairgen.losses.conditional_distillation import (
    EPS,
    SPACES,
    X0,
    Predicted,
    V,
    bounded,
    consistency_loss,
    next_state,
    target_loss,
)
from pairgen.losses.scale_distillation import noised
from pairgen.methods._codi.grid import learning_grid
from pairgen.sampling.guidance import guided
from pairgen.sampling.parameterization import DiscreteSchedule, column
from pairgen.sampling.solvers import ddim

ROWS = torch.ones(4, dtype=torch.float64)


def stable_diffusion() -> DiscreteSchedule:
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float32) ** 2
    return DiscreteSchedule(torch.cumprod(1 - betas, 0))


SCHEDULE = stable_diffusion()


def levels(t: Tensor) -> tuple[Tensor, Tensor]:
    return SCHEDULE.alpha_sigma(t)


def said(k: Tensor, z: Tensor, t: Tensor) -> Predicted:
    """What the network says of states: eps = k z."""
    alpha, sigma = (column(each) for each in levels(t))
    eps = k * z
    return Predicted((z - sigma * eps) / alpha, eps)


def loss_of(
    k: Tensor, k_s: Tensor | None, t: float, s: float, c: float, weight: float, spaces=(EPS, X0)
) -> Tensor:
    """The joint loss at one time, of our functions, with exact expectations."""
    x = c * torch.tensor([1.0, 1, -1, -1], dtype=torch.float64).view(-1, 1, 1, 1)
    eps = torch.tensor([1.0, -1, 1, -1], dtype=torch.float64).view(-1, 1, 1, 1)
    alpha, sigma = levels(t * ROWS)
    z_t = noised(x, eps, alpha, sigma, torch.zeros(4, dtype=torch.bool))
    now = said(k, z_t, t * ROWS)
    loss = target_loss(now.x0, x, spaces[1], alpha, sigma)
    if k_s is None or not weight:
        return loss
    z_s = next_state(now, *levels(s * ROWS))
    later = said(k_s, z_s, s * ROWS)
    counted = torch.ones(4, dtype=torch.bool)
    return loss + weight * consistency_loss(now, later, spaces[0], counted)


def gradient(*given, **more) -> float:
    k = torch.tensor(given[0], dtype=torch.float64, requires_grad=True)
    (found,) = torch.autograd.grad(loss_of(k, *given[1:], **more), k)
    return found.item()


def fixed_point(num: int, c: float, weight: float = 1.0) -> dict[float, float]:
    """k at each time of the grid where no gradient is left, from the clean end to the noisy one."""
    times = learning_grid(SCHEDULE, num)[:-1].flip(0).tolist()
    found: dict[float, float] = {}
    before = None
    for t in times:
        k_s = None if before is None else torch.tensor(found[before], dtype=torch.float64)
        given = (k_s, t, before or 0.0, c, weight)
        # The gradient is linear in k.
        low, high = gradient(0.0, *given), gradient(1.0, *given)
        found[t] = low / (low - high)
        before = t
    return found


def deviation(k: dict[float, float], steps: int) -> float:
    """Standard deviation of what DDIM makes of N(0, 1) in some steps, by the package's solver."""
    wanted = [999 - round(i * 1000 / steps) for i in range(steps)]
    times = [min(k, key=lambda own: abs(own - each)) for each in wanted]
    alpha, sigma = (each.tolist() for each in levels(torch.tensor(times, dtype=torch.float64)))

    def denoise(z: Tensor, place: int) -> tuple[Tensor, Tensor]:
        found = said(k[times[place]], z, torch.tensor([times[place]], dtype=torch.float64))
        return found.x0, found.eps

    start = torch.ones(1, 1, 1, 1, dtype=torch.float64)
    *_, made = ddim(denoise, start, [*alpha, 1.0], [*sigma, 0.0])
    return made.abs().item()


@pytest.mark.parametrize(
    ("num", "expected"),
    [(1000, 0.547), (200, 0.561), (50, 0.686), (20, 0.765), (8, 0.730), (4, 0.575)],
)
def test_the_fixed_point_of_the_joint_loss_is_the_known_one(num, expected) -> None:
    c = 0.5
    assert deviation(fixed_point(num, c), 4) / c == pytest.approx(expected, abs=1e-3)


def test_without_consistency_four_steps_lose_almost_half_of_the_deviation() -> None:
    c = 0.5
    assert deviation(fixed_point(20, c, weight=0.0), 4) / c == pytest.approx(0.545, abs=1e-3)


def test_in_one_step_consistency_changes_nothing() -> None:
    c = 0.5
    with_it, without = (deviation(fixed_point(20, c, w), 1) / c for w in (1.0, 0.0))
    assert without == pytest.approx(0.034, abs=1e-3)
    assert with_it == pytest.approx(without, abs=1e-3)


def test_nothing_is_inconsistent_where_the_path_is_straight() -> None:
    """A point mass, and images that are a multiple of their noise."""
    generator = torch.Generator().manual_seed(0)
    eps = torch.randn(4, 2, 3, 3, dtype=torch.float64, generator=generator)
    point = torch.randn(1, 2, 3, 3, dtype=torch.float64, generator=generator)
    t, s = 749 * ROWS, 699 * ROWS
    counted = torch.ones(4, dtype=torch.bool)

    def of_point(z: Tensor, at: Tensor) -> Predicted:
        alpha, sigma = (column(each) for each in levels(at))
        return Predicted(point.expand_as(z), (z - alpha * point) / sigma)

    def of_multiple(z: Tensor, at: Tensor) -> Predicted:
        alpha, sigma = (column(each) for each in levels(at))
        x0 = 0.7 * z / (alpha * 0.7 + sigma)
        return Predicted(x0, (z - alpha * x0) / sigma)

    for network, x in ((of_point, point.expand_as(eps)), (of_multiple, 0.7 * eps)):
        alpha, sigma = (column(each) for each in levels(t))
        z_t = alpha * x + sigma * eps
        now = network(z_t, t)
        later = network(next_state(now, *levels(s)), s)
        for space in (EPS, X0):
            assert consistency_loss(now, later, space, counted) < 1e-24
        assert target_loss(now.x0, x, V, *levels(t)) < 1e-24


def test_guidance_with_its_sign_inverted_is_not_consistent() -> None:
    """Both prompts are point masses; guided away from the null, the path stays straight."""
    prompted, unprompted = torch.full((4, 1, 1, 1), 1.0).double(), torch.zeros(4, 1, 1, 1).double()
    eps = torch.tensor([0.3, -1.2, 0.8, 2.0], dtype=torch.float64).view(-1, 1, 1, 1)
    scale = torch.full((4, 1, 1, 1), 3.0, dtype=torch.float64)
    mass = guided(unprompted, prompted, scale)
    t, s = 749 * ROWS, 699 * ROWS

    def said_of(z: Tensor, at: Tensor, inverted: bool) -> Predicted:
        alpha, sigma = (column(each) for each in levels(at))
        noises = [(z - alpha * each) / sigma for each in (unprompted, prompted)]
        found = guided(*(reversed(noises) if inverted else noises), scale)
        return Predicted((z - sigma * found) / alpha, found)

    alpha, sigma = (column(each) for each in levels(t))
    z_t = alpha * mass + sigma * eps
    now, counted = said_of(z_t, t, inverted=False), torch.ones(4, dtype=torch.bool)
    assert (now.x0 - mass).abs().max() < 1e-12
    z_s = next_state(now, *levels(s))
    right, wrong = (said_of(z_s, s, inverted) for inverted in (False, True))
    assert consistency_loss(now, right, EPS, counted) < 1e-24
    assert consistency_loss(now, wrong, EPS, counted) > 0.1


def test_at_time_0_x0_is_the_state_itself() -> None:
    z = torch.tensor([[[[2.0]]], [[[2.0]]]])
    found = Predicted(torch.zeros_like(z), torch.ones_like(z))
    held = bounded(found, z, torch.tensor([0.0, 999.0]))
    assert held.x0[0].item() == 2 and held.x0[1].abs().item() < 1e-7
    assert torch.equal(held.eps, found.eps)


def test_the_boundary_is_that_of_diffusers() -> None:
    from diffusers import LCMScheduler

    scheduler = LCMScheduler()
    scheduler.set_timesteps(1)
    for t in (0, 1, 49, 999):
        c_skip, c_out = scheduler.get_scalings_for_boundary_condition_discrete(torch.tensor(t))
        z, x0 = torch.full((1, 1, 1, 1), 3.0), torch.full((1, 1, 1, 1), 5.0)
        held = bounded(Predicted(x0, x0), z, torch.tensor([float(t)]))
        assert held.x0.item() == pytest.approx(float(c_skip * 3 + c_out * 5), abs=1e-6)


@pytest.mark.parametrize("space", SPACES)
def test_the_distance_to_the_target_is_that_of_its_space(space) -> None:
    generator = torch.Generator().manual_seed(1)
    x, x0, z = torch.randn(3, 4, 2, 3, 3, dtype=torch.float64, generator=generator)
    t = torch.tensor([49.0, 249, 749, 999], dtype=torch.float64)
    alpha, sigma = (column(each) for each in levels(t))

    def in_space(clean: Tensor) -> Tensor:
        eps = (z - alpha * clean) / sigma
        return {X0: clean, EPS: eps, V: alpha * eps - sigma * clean}[space]

    expected = (in_space(x0) - in_space(x)).square().mean()
    # alpha and sigma come from float32.
    assert torch.allclose(target_loss(x0, x, space, *levels(t)), expected, rtol=1e-6)


def test_gradients_reach_what_is_said_now_alone() -> None:
    z = torch.ones(2, 1, 1, 1, dtype=torch.float64)
    k, k_later = (torch.tensor(each, requires_grad=True) for each in (0.2, 0.9))
    t, s = torch.tensor([999.0, 999]), torch.tensor([949.0, 949])
    now = said(k.double(), z, t)
    z_s = next_state(now, *levels(s))
    assert not z_s.requires_grad
    later = said(k_later.double(), z_s, s)
    # Of the second row, nothing counts.
    loss = consistency_loss(now, later, EPS, torch.tensor([True, False]))
    loss.backward()
    assert k_later.grad is None
    difference = now.eps[0] - later.eps[0]
    assert k.grad is not None
    assert k.grad.item() == pytest.approx(2 * difference.item() / 2, rel=1e-6)
    # The state depends on what is said now.
    assert not torch.equal(z_s, next_state(said(k_later.double(), z, t), *levels(s)))
