"""Scale distillation in a linear-Gaussian world, where every optimum is known in closed form.

The world is one row of 32 latents z_h, of which LR at 1/2 and 1/4 are antialiased bicubic pictures.
Students and teachers are linear: x0 = K [z_t; x_l]. Its covariances are exact; what is tested are
the package's own state, weights and loss, and their gradients.
"""

from dataclasses import dataclass, replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pairgen.losses.scale_distillation import (
    CONSTANT,
    OMEGAS,
    TRUNCATED,
    V,
    noised,
    omega,
    scale_distillation_loss,
)
from pairgen.sampling.parameterization import FlowSchedule, column, to_output
from pairgen.teachers import gaussian

SIZE, LARGER, SMALLER = 32, 16, 8
ALPHA = 0.3
SCHEDULE = gaussian.describe(location="").schedule
EXACT = {"rtol": 0, "atol": 1e-13}


def down(start: int, stop: int) -> Tensor:
    """Return antialiased bicubic resizing of `start` values to `stop` as a matrix."""
    rows = torch.eye(start, dtype=torch.float64)[:, None, None, :].expand(-1, 1, 4, -1)
    resized = F.interpolate(rows, size=(4, stop), mode="bicubic", antialias=True)
    return resized[:, 0, 0, :].T


@dataclass(frozen=True)
class World:
    """Quantities that are linear in u ~ N(0, I), each as the matrix M of M u.

    Attributes:
        z_h: HR, with the covariance exp(-|i - j| / 6).
        eps: The noise of the state.
        larger: LR at 1/2, the teacher's.
        smaller: LR at 1/4, the student's.
        alpha: alpha of the state.
        is_noise: Whether the state is eps alone.
    """

    z_h: Tensor
    eps: Tensor
    larger: Tensor
    smaller: Tensor
    alpha: float = ALPHA
    is_noise: bool = False

    def samples(self, u: Tensor) -> "Samples":
        """Return what the rows of u, [B, D], are in this world."""
        z_h, eps, larger, smaller = (
            (u @ each.T)[:, None, None, :]
            for each in (self.z_h, self.eps, self.larger, self.smaller)
        )
        alpha = torch.full((len(u),), self.alpha, dtype=u.dtype)
        is_noise = torch.full((len(u),), self.is_noise)
        z_t = noised(z_h, eps, alpha, (1 - alpha.square()).sqrt(), is_noise)
        return Samples(z_h, torch.cat([z_t, larger], -1), torch.cat([z_t, smaller], -1))

    def all_of_it(self) -> "Samples":
        """Return samples whose mean and covariance are exactly the world's: sigma points.

        So the mean of a quadratic loss over them is its expectation.
        """
        dim = self.z_h.shape[1]
        points = dim**0.5 * torch.eye(dim, dtype=torch.float64)
        return self.samples(torch.cat([points, -points]))

    def drawn(self, num: int, generator: torch.Generator) -> "Samples":
        """Return random samples."""
        u = torch.randn((num, self.z_h.shape[1]), generator=generator, dtype=torch.float64)
        return self.samples(u)

    def optima(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return K of the teacher, of the direct and of the distilled student, by covariances."""
        sigma = (1 - self.alpha**2) ** 0.5
        z_t = self.eps if self.is_noise else self.alpha * self.z_h + sigma * self.eps
        for_teacher, for_student = (torch.cat([z_t, lr]) for lr in (self.larger, self.smaller))

        def conditional_mean(of: Tensor, given: Tensor) -> Tensor:
            return torch.linalg.solve(given @ given.T, given @ of.T).T

        teacher = conditional_mean(self.z_h, for_teacher)
        direct = conditional_mean(self.z_h, for_student)
        return teacher, direct, conditional_mean(teacher @ for_teacher, for_student)


@dataclass(frozen=True)
class Samples:
    """Samples of the world.

    Attributes:
        z_h: HR, [B, 1, 1, 32].
        for_teacher: The state beside LR at 1/2, [B, 1, 1, 48].
        for_student: The same state beside LR at 1/4, [B, 1, 1, 40].
    """

    z_h: Tensor
    for_teacher: Tensor
    for_student: Tensor

    def loss(self, k: Tensor, teacher: Tensor | None = None, truth_share: float = 0.0) -> Tensor:
        """Return the loss of a student; without a teacher, its squared error."""
        x0_teacher = None if teacher is None else self.for_teacher @ teacher.T
        weight = omega(CONSTANT, *(torch.full((len(self.z_h),), 0.5, dtype=k.dtype),) * 2)
        x0 = self.for_student @ k.T
        return scale_distillation_loss(x0, x0_teacher, self.z_h, weight, truth_share)

    def gradient(
        self, k: Tensor, teacher: Tensor | None = None, truth_share: float = 0.0
    ) -> Tensor:
        """Return the gradient of the loss at K."""
        k = k.clone().requires_grad_(True)
        (found,) = torch.autograd.grad(self.loss(k, teacher, truth_share), k)
        return found


def world(noise: float = 0.0, *, nested: bool = False) -> World:
    """Return a world.

    Args:
        noise: Standard deviation of the noise that each LR has of its own.
        nested: Whether the smaller LR is a picture of the larger, not of HR.
    """
    places = torch.arange(SIZE, dtype=torch.float64)
    covariance = torch.exp(-(places[:, None] - places).abs() / 6)
    u = torch.eye(2 * SIZE + LARGER + SMALLER, dtype=torch.float64)
    of_z, eps, of_larger, of_smaller = u.split([SIZE, SIZE, LARGER, SMALLER])
    z_h = torch.linalg.cholesky(covariance) @ of_z
    larger = down(SIZE, LARGER) @ z_h + noise * of_larger
    if nested:
        return World(z_h, eps, larger, down(LARGER, SMALLER) @ larger)
    return World(z_h, eps, larger, down(SIZE, SMALLER) @ z_h + noise * of_smaller)


WORLDS = {
    "nested": world(nested=True),
    "both of HR": world(),
    "noise 0.05": world(0.05),
    "noise 0.3": world(0.3),
}
NESTED = WORLDS["nested"]
# Squared error of the direct and of the distilled student; variance of the teacher's target around
# its mean. By numpy, from the covariances alone.
TABLE = {
    "nested": (0.13076, 0.13076, 0.07592),
    "both of HR": (0.13108, 0.13109, 0.07628),
    "noise 0.05": (0.13427, 0.13428, 0.07876),
    "noise 0.3": (0.21383, 0.21685, 0.14333),
}


@pytest.mark.parametrize("name", TABLE)
def test_the_gradient_vanishes_at_the_closed_form_optimum_and_nowhere_near(name):
    samples = WORLDS[name].all_of_it()
    teacher, direct, distilled = WORLDS[name].optima()
    torch.testing.assert_close(samples.gradient(direct), torch.zeros_like(direct), **EXACT)
    found = samples.gradient(distilled, teacher)
    torch.testing.assert_close(found, torch.zeros_like(found), **EXACT)
    # Where the smaller LR is a function of the larger, one student is both optima.
    apart = (samples.gradient(direct, teacher)).abs().max()
    assert apart < 1e-13 if name == "nested" else apart > 1e-6
    assert samples.gradient(0.99 * distilled, teacher).abs().max() > 1e-4


@pytest.mark.parametrize("name", TABLE)
def test_errors_and_variances_are_those_of_the_table(name):
    teacher, direct, distilled = WORLDS[name].optima()

    def figures(samples: Samples) -> tuple[float, float, float]:
        losses = samples.loss(direct), samples.loss(distilled), samples.loss(distilled, teacher)
        return tuple(float(each) for each in losses)

    assert figures(WORLDS[name].all_of_it()) == pytest.approx(TABLE[name], abs=5.1e-6)
    drawn = WORLDS[name].drawn(40_000, torch.Generator().manual_seed(0))
    assert figures(drawn) == pytest.approx(TABLE[name], abs=1e-3)


def test_a_nested_teachers_target_varies_less_and_costs_nothing():
    samples = NESTED.all_of_it()
    teacher, direct, distilled = NESTED.optima()
    torch.testing.assert_close(direct, distilled, **EXACT)
    # Around its mean given what the student sees, a target varies by the least loss.
    ratio = samples.loss(distilled, teacher) / samples.loss(direct)
    assert float(1 - ratio) == pytest.approx(0.42, abs=0.005)


def fitted(given: Tensor, target: Tensor) -> Tensor:
    """Return K of the least squares of samples."""
    return torch.linalg.lstsq(given.flatten(1), target.flatten(1)).solution.T


def test_a_teacher_fitted_on_the_same_samples_teaches_what_they_say():
    """It adds no information to theirs, only takes variance from the target."""
    generator = torch.Generator().manual_seed(1)
    samples, others = (NESTED.drawn(80, generator) for _ in range(2))
    direct = fitted(samples.for_student, samples.z_h)
    same, other = (fitted(each.for_teacher, each.z_h) for each in (samples, others))
    taught = fitted(samples.for_student, samples.for_teacher @ same.T)
    torch.testing.assert_close(taught, direct, rtol=0, atol=2e-14)
    # Both losses have their one minimum there.
    for gradient in (samples.gradient(direct), samples.gradient(direct, same)):
        assert gradient.abs().max() < 1e-14
    assert samples.gradient(direct, other).abs().max() > 1e-3
    # One that learned from as few other samples is a worse target than HR.
    of_few = fitted(samples.for_student, samples.for_teacher @ other.T)
    everything = NESTED.all_of_it()
    assert everything.loss(of_few) > everything.loss(direct)


def test_gradient_descent_gains_late(one_thread):
    """The target's variance is what SGD ends in; at its start, both are far from the optimum."""
    teacher, optimum, _ = NESTED.optima()
    num_trainings, batch, rate = 2, 16, 0.02 * SIZE / 2
    generator, num_steps = torch.Generator().manual_seed(0), 3000
    # Trainings side by side, each with samples of its own, which both targets share.
    direct, distilled = (
        torch.zeros((num_trainings, *optimum.shape), dtype=torch.float64, requires_grad=True)
        for _ in range(2)
    )
    weight = torch.ones(num_trainings * batch, dtype=torch.float64)
    everything, gains = NESTED.all_of_it(), []
    least = everything.loss(optimum)

    def excess(trained: Tensor) -> Tensor:
        return sum(everything.loss(k) - least for k in trained.detach())

    for step in range(num_steps):
        if step % 100 == 0:
            drawn = NESTED.drawn(100 * len(weight), generator)
            targets = (drawn.for_teacher @ teacher.T).split(len(weight))
            z_h, given = drawn.z_h.split(len(weight)), drawn.for_student.split(len(weight))
        at = step % 100
        losses = (
            scale_distillation_loss(
                (given[at].view(num_trainings, batch, -1) @ k.mT).view_as(z_h[at]),
                x0_teacher,
                z_h[at],
                weight,
            )
            for k, x0_teacher in ((direct, None), (distilled, targets[at]))
        )
        # The mean over all samples is that over the trainings, each with weights of its own.
        gradients = torch.autograd.grad(num_trainings * sum(losses), [direct, distilled])
        with torch.no_grad():
            for k, gradient in zip((direct, distilled), gradients, strict=True):
                k -= rate * gradient
        if step + 1 in (100, 300, 1000, num_steps):
            gains.append(float(1 - excess(distilled) / excess(direct)))
    assert gains == sorted(gains)
    # Of averages over six trainings, 0.016 and 0.43 are known.
    assert 0 < gains[0] < 0.05
    assert 0.35 < gains[-1] < 0.5


def test_what_is_left_of_hr_in_the_state_is_used():
    """At the last time of Stable Diffusion: a student of that state is worse from pure noise."""
    alpha = float(SCHEDULE.alpha_sigma(torch.tensor(SCHEDULE.first_time))[0])
    left = replace(NESTED, alpha=alpha)
    pure = replace(left, is_noise=True)
    (_, of_left, _), (_, of_pure, _) = left.optima(), pure.optima()
    assert of_left[:, :SIZE].abs().max() > 0.01
    assert of_pure[:, :SIZE].abs().max() < 1e-14
    assert left.all_of_it().loss(of_left) < pure.all_of_it().loss(of_pure) - 1e-4
    assert pure.all_of_it().loss(of_left) > pure.all_of_it().loss(of_pure) + 1e-4


def test_pure_noise_rows_hold_nothing_of_hr():
    z_h, eps = latents(1), latents(2)
    alpha, sigma = SCHEDULE.alpha_sigma(torch.tensor([999.0, 999.0, 20.0, 0.0]))
    is_noise = torch.tensor([True, False, False, True])
    z_t = noised(z_h, eps, alpha, sigma, is_noise)
    assert torch.equal(z_t[is_noise], eps[is_noise])
    for row in (1, 2):
        expected = float(alpha[row]) * z_h[row] + float(sigma[row]) * eps[row]
        torch.testing.assert_close(z_t[row], expected)


def latents(seed: int) -> Tensor:
    """Return random latents, [4, 4, 8, 8] float64."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((4, 4, 8, 8), generator=generator, dtype=torch.float64)


def test_omega_v_is_the_squared_error_of_v():
    z_h, eps, x0, x0_teacher = (latents(seed) for seed in range(4))
    alpha, sigma = SCHEDULE.alpha_sigma(torch.tensor([0.0, 250.0, 700.0, 999.0]))
    # From pure noise too, where v is that of the state as it is.
    z_t = noised(z_h, eps, alpha, sigma, torch.tensor([False, False, False, True]))
    a, s = (column(each) for each in (alpha, sigma))

    def v_of(x0: Tensor) -> Tensor:
        return to_output("v_prediction", x0, (z_t - a * x0) / s, a, s)

    weight = omega(V, alpha, sigma)
    for teacher, target in ((None, z_h), (x0_teacher, x0_teacher)):
        loss = scale_distillation_loss(x0, teacher, z_h, weight)
        # The tables of alpha and sigma are rounded to float32.
        torch.testing.assert_close(loss, F.mse_loss(v_of(x0), v_of(target)), rtol=1e-4, atol=0)


def test_the_other_weights():
    alpha, sigma = SCHEDULE.alpha_sigma(torch.arange(1000))
    snr = (alpha / sigma) ** 2
    truncated = omega(TRUNCATED, alpha, sigma)
    torch.testing.assert_close(truncated, torch.where(snr > 1, snr, 1.0))
    assert (truncated == 1).any() and (truncated > 1).any()
    assert torch.equal(omega(CONSTANT, alpha, sigma), torch.ones_like(alpha))
    # A flow has no signal at its start: no weight is 0 or infinite there.
    alpha, sigma = FlowSchedule().alpha_sigma(torch.tensor([1000.0]))
    assert [float(omega(kind, alpha, sigma)) for kind in OMEGAS] == [1, 1, 1]


def test_each_sample_has_its_own_weight():
    z_h, x0 = latents(0), latents(1)
    weight = torch.tensor([1.0, 0.0, 2.0, 5.0], dtype=torch.float64)
    errors = [float(F.mse_loss(x0[row], z_h[row])) for row in range(4)]
    found = scale_distillation_loss(x0, None, z_h, weight)
    assert float(found) == pytest.approx((errors[0] + 2 * errors[2] + 5 * errors[3]) / 4)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_truth_share_mixes_the_gradients_of_both_targets(share):
    samples, (teacher, *_) = NESTED.all_of_it(), WORLDS["noise 0.3"].optima()
    generator = torch.Generator().manual_seed(3)
    k = torch.randn((SIZE, SIZE + SMALLER), generator=generator, dtype=torch.float64)
    of_truth, of_teacher = samples.gradient(k), samples.gradient(k, teacher)
    assert (of_truth - of_teacher).abs().max() > 1e-3
    expected = share * of_truth + (1 - share) * of_teacher
    torch.testing.assert_close(samples.gradient(k, teacher, share), expected, **EXACT)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_no_gradient_reaches_the_target(share):
    x0, x0_teacher, z_h = (latents(seed).requires_grad_(True) for seed in range(3))
    weight = torch.ones(4, dtype=torch.float64)
    loss = scale_distillation_loss(x0, x0_teacher, z_h, weight, share)
    of_student, *others = torch.autograd.grad(loss, [x0, x0_teacher, z_h], allow_unused=True)
    assert of_student.abs().max() > 0 and others == [None, None]
    without = scale_distillation_loss(x0, None, z_h, weight)
    _, of_target = torch.autograd.grad(without, [x0, z_h], allow_unused=True)
    assert of_target is None
