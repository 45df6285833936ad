"""The solvers against ODEs whose solution is known."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from pairgen.sampling.grid import Grid, make_grid
from pairgen.sampling.names import ENDS, SPACINGS
from pairgen.sampling.sampler import sample
from pairgen.sampling.solvers import SOLVERS
from pairgen.seeding import noise_for
from pairgen.teachers._mixture import Mixture, exact_solution, mode_means
from pairgen.teachers.gaussian import GaussianTeacher

ORDERS = {"ddim": 1, "dpmpp_2m": 2, "heun": 2}

# 256-d, 24 modes, 12 classes of two modes each; a guidance of 7.5 then bends the paths as hard as
# a text-to-image model does: 50 steps of DDIM are 3 % away from the true ODE.
MIXTURE = Mixture()
GUIDANCE_SCALE = 7.5
NUM_SAMPLES = 16


def make_teacher(mixture: Mixture) -> GaussianTeacher:
    return GaussianTeacher(mixture, device=torch.device("cpu"), negative_prompt="")


def noises(num: int, mixture: Mixture) -> Tensor:
    shape = mixture.latent_shape
    return torch.from_numpy(np.stack([noise_for(0, i, shape, "float32") for i in range(num)]))


def solve(teacher: GaussianTeacher, noise: Tensor, solver: str, grid: Grid) -> Tensor:
    conditioning = teacher.encode_prompts([f"prompt {i}" for i in range(len(noise))])
    guidance = torch.full((len(noise),), GUIDANCE_SCALE)

    def predict(x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        return teacher.predict(x, t, conditioning, guidance)

    return sample(predict, noise, grid, SOLVERS[solver])[0]


def relative_rmse(latent: Tensor, reference: Tensor) -> float:
    """Median over samples."""
    error = (latent - reference).square().flatten(1).mean(dim=1)
    return float((error / reference.square().flatten(1).mean(dim=1)).sqrt().median())


@pytest.fixture(scope="module")
def guided_mixture():
    """Return a function that measures an error against the converged solution."""
    teacher = make_teacher(MIXTURE)
    noise = noises(NUM_SAMPLES, MIXTURE).double()
    reference = solve(teacher, noise, "heun", make_grid(teacher.schedule, "logsnr", 800, "t0"))

    def error(solver: str, spacing: str, steps: int) -> float:
        grid = make_grid(teacher.schedule, spacing, steps, "t0")
        return relative_rmse(solve(teacher, noise, solver, grid), reference)

    return error


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_error_shrinks_with_the_order_of_the_solver(solver):
    mixture = Mixture(latent_shape=(1, 2, 4), num_modes=1, num_classes=1, mode_std=0.5)
    teacher = make_teacher(mixture)
    noise = noises(4, mixture).double()
    mean = torch.from_numpy(mode_means(mixture)).view(1, *mixture.latent_shape)
    steps = [40, 57, 80, 113, 160]
    errors = []
    for num in steps:
        grid = make_grid(teacher.schedule, "logsnr", num, "t0")
        start, stop = (grid.alphas[0], grid.sigmas[0]), (grid.alphas[-1], grid.sigmas[-1])
        exact = exact_solution(noise, start, stop, mean=mean, std=mixture.mode_std)
        errors.append(relative_rmse(solve(teacher, noise, solver, grid), exact))
    slope = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope == pytest.approx(ORDERS[solver], abs=0.15)


def test_two_solvers_converge_to_one_solution(guided_mixture):
    assert guided_mixture("dpmpp_2m", "logsnr", 1000) < 1e-5
    assert guided_mixture("heun", "logsnr", 400) < 1e-4


@pytest.mark.parametrize(("steps", "bound"), [(25, 0.02), (50, 0.005)])
def test_dpmpp_2m_on_the_logsnr_grid_is_close_to_the_ode(guided_mixture, steps, bound):
    assert guided_mixture("dpmpp_2m", "logsnr", steps) <= bound


def test_25_evaluations_of_dpmpp_2m_are_no_worse_than_100_of_ddim(guided_mixture):
    ddim = guided_mixture("ddim", "trailing", 100)
    assert guided_mixture("dpmpp_2m", "logsnr", 25) <= ddim


def test_the_mixture_is_a_hard_problem(guided_mixture):
    assert 0.02 < guided_mixture("ddim", "trailing", 50) < 0.05


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_every_number_of_steps_gives_finite_latents(solver, spacing, end):
    teacher = make_teacher(MIXTURE)
    noise = noises(2, MIXTURE)
    for steps in (*range(1, 31), 50, 99, 100):
        grid = make_grid(teacher.schedule, spacing, steps, end)
        latent = solve(teacher, noise, solver, grid)
        assert latent.isfinite().all(), steps
        # From five steps on no solver may overshoot the data either.
        assert steps < 5 or latent.abs().max() < 20, steps


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_constant_prediction_is_followed_to_its_end(solver, end):
    schedule = make_teacher(MIXTURE).schedule
    grid = make_grid(schedule, "trailing", 17, end, insert=(749, 249))
    x0, eps = torch.randn(2, 3, 4, 4, 4, dtype=torch.float64, generator=torch.Generator())
    noise = grid.alphas[0] * x0 + grid.sigmas[0] * eps
    states = list(SOLVERS[solver](lambda x, i: (x0, eps), noise, grid.alphas, grid.sigmas))
    assert len(states) == grid.num_steps
    for i, state in enumerate(states, start=1):
        expected = grid.alphas[i] * x0 + grid.sigmas[i] * eps
        torch.testing.assert_close(state, expected, rtol=0, atol=1e-12)


def test_ddim_lands_exactly_on_a_constant_prediction():
    schedule = make_teacher(MIXTURE).schedule
    grid = make_grid(schedule, "trailing", 50, "t0")
    x0, eps = torch.randn(2, 3, 4, 4, 4, generator=torch.Generator())
    *_, last = SOLVERS["ddim"](lambda x, i: (x0, eps), eps, grid.alphas, grid.sigmas)
    assert torch.equal(last, grid.alphas[-1] * x0 + grid.sigmas[-1] * eps)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(
    ("solver", "at_t0", "at_clean"), [("ddim", 10, 10), ("dpmpp_2m", 10, 10), ("heun", 20, 19)]
)
def test_a_solver_evaluates_as_often_as_it_says(solver, at_t0, at_clean, end):
    grid = make_grid(make_teacher(MIXTURE).schedule, "logsnr", 10, end)
    evaluated = []

    def denoise(x: Tensor, i: int) -> tuple[Tensor, Tensor]:
        evaluated.append(grid.times[i])
        return x, x

    list(SOLVERS[solver](denoise, torch.zeros(1, 1), grid.alphas, grid.sigmas))
    assert len(evaluated) == (at_t0 if end == "t0" else at_clean)


def test_the_second_order_multistep_formula_is_that_of_the_paper():
    # Algorithm 2 of arXiv:2211.01095 with lambda = log(alpha / sigma), written out for two steps.
    alphas, sigmas = (0.1, 0.5, 0.9), (0.99**0.5, 0.75**0.5, 0.19**0.5)
    predictions = [torch.tensor([[1.0]]).double(), torch.tensor([[3.0]]).double()]
    noise = torch.tensor([[2.0]]).double()
    lambdas = [math.log(a / s) for a, s in zip(alphas, sigmas, strict=True)]
    h1, h2 = lambdas[1] - lambdas[0], lambdas[2] - lambdas[1]
    first = sigmas[1] / sigmas[0] * noise - alphas[1] * (math.exp(-h1) - 1) * predictions[0]
    r = h1 / h2
    d = (1 + 1 / (2 * r)) * predictions[1] - 1 / (2 * r) * predictions[0]
    second = sigmas[2] / sigmas[1] * first - alphas[2] * (math.exp(-h2) - 1) * d
    states = list(
        SOLVERS["dpmpp_2m"](lambda x, i: (predictions[i], predictions[i]), noise, alphas, sigmas)
    )
    torch.testing.assert_close(states, [first, second])
