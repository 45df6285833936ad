"""The convention x_t = alpha x0 + sigma eps, and the schedule behind it."""

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler

from pairgen.sampling.parameterization import DiscreteSchedule, to_output, to_x0_eps
from pairgen.teachers._mixture import stable_diffusion_schedule

SCHEDULE = stable_diffusion_schedule()
STABLE_DIFFUSION = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
}
FRACTIONS = torch.tensor([0.25, 1e-3, 17.5, 499.999, 500.001, 998.75], dtype=torch.float64)


def test_integer_values_are_diffusers_bits():
    alphas_cumprod = DDIMScheduler(**STABLE_DIFFUSION).alphas_cumprod
    schedule = DiscreteSchedule(alphas_cumprod)
    alpha, sigma = schedule.alpha_sigma(torch.arange(1000, dtype=torch.float64))
    # As in DDIMScheduler.step: float32 throughout.
    assert torch.equal(alpha.float(), alphas_cumprod**0.5)
    assert torch.equal(sigma.float(), (1 - alphas_cumprod) ** 0.5)
    assert alpha.dtype == sigma.dtype == torch.float64
    assert torch.equal(alpha, alpha.float().double())


def test_alpha_and_sigma_preserve_variance_between_integers():
    alpha, sigma = SCHEDULE.alpha_sigma(FRACTIONS)
    torch.testing.assert_close(alpha**2 + sigma**2, torch.ones_like(alpha), rtol=0, atol=1e-15)


def test_log_snr_is_linear_between_integers():
    def half_log_snr(t: list[float]) -> torch.Tensor:
        alpha, sigma = SCHEDULE.alpha_sigma(torch.tensor(t, dtype=torch.float64))
        return torch.log(alpha / sigma)

    below, quarter, above = half_log_snr([400, 400.25, 401])
    torch.testing.assert_close(quarter, 0.75 * below + 0.25 * above)


def test_time_of_finds_the_time_back():
    t = torch.cat([torch.arange(1000, dtype=torch.float64), FRACTIONS])
    alpha, sigma = SCHEDULE.alpha_sigma(t)
    torch.testing.assert_close(SCHEDULE.time_of(torch.log(alpha / sigma)), t, rtol=0, atol=1e-9)


def test_time_of_stays_within_the_schedule():
    beyond = torch.tensor([-100.0, 100.0], dtype=torch.float64)
    assert SCHEDULE.time_of(beyond).tolist() == [999.0, 0.0]


@pytest.mark.parametrize(
    "alphas_cumprod", [[0.9, 0.9, 0.5], [0.5, 0.9], [1.0, 0.5], [0.5, -0.1], [float("nan"), 0.5]]
)
def test_a_table_that_is_no_schedule_is_refused(alphas_cumprod):
    with pytest.raises(ValueError, match="strictly decreasing and in"):
        DiscreteSchedule(torch.tensor(alphas_cumprod))


OUTPUTS = {
    "epsilon": lambda x0, eps, alpha, sigma: eps,
    "v_prediction": lambda x0, eps, alpha, sigma: alpha * eps - sigma * x0,
    "sample": lambda x0, eps, alpha, sigma: x0,
    "flow": lambda x0, eps, alpha, sigma: eps - x0,
}


@pytest.mark.parametrize("prediction", OUTPUTS)
def test_every_prediction_gives_x0_and_eps_back(prediction):
    generator = torch.Generator().manual_seed(0)
    x0, eps = torch.randn(2, 8, 4, 4, 4, dtype=torch.float64, generator=generator)
    t = torch.linspace(1, 999, 8, dtype=torch.float64)
    if prediction == "flow":
        sigma = (t / 1000).view(-1, 1, 1, 1)
        alpha = 1 - sigma
    else:
        alpha, sigma = (scalar.view(-1, 1, 1, 1) for scalar in SCHEDULE.alpha_sigma(t))
    x = alpha * x0 + sigma * eps
    output = OUTPUTS[prediction](x0, eps, alpha, sigma)
    found = to_x0_eps(prediction, output, x, alpha, sigma)
    # The schedule's integers are float32, so alpha^2 + sigma^2 = 1 to 1e-7 only.
    torch.testing.assert_close(found, (x0, eps), rtol=1e-6, atol=1e-6)


def test_v_prediction_is_diffusers_velocity():
    scheduler = DDPMScheduler(**STABLE_DIFFUSION)
    generator = torch.Generator().manual_seed(0)
    x0, eps = torch.randn(2, 4, 4, 8, 8, generator=generator)
    t = torch.tensor([1, 250, 700, 999])
    x = scheduler.add_noise(x0, eps, t)
    alpha, sigma = (scalar.float().view(-1, 1, 1, 1) for scalar in SCHEDULE.alpha_sigma(t))
    found = to_x0_eps("v_prediction", scheduler.get_velocity(x0, eps, t), x, alpha, sigma)
    torch.testing.assert_close(found, (x0, eps), rtol=1e-5, atol=1e-5)


def test_an_unknown_prediction_is_refused():
    x = torch.zeros(1, 1, 1, 1)
    with pytest.raises(ValueError, match="got 'velocity'"):
        to_x0_eps("velocity", x, x, x, x + 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample", "flow"])
def test_the_output_of_a_perfect_network_gives_back_x0_and_eps(prediction):
    generator = torch.Generator().manual_seed(0)
    x0, eps = (torch.randn(2, 3, 4, 4, generator=generator).double() for _ in range(2))
    t = torch.tensor(0.3, dtype=torch.float64)
    # A flow's path is straight; the others preserve the variance.
    alpha, sigma = (1 - t, t) if prediction == "flow" else ((1 - t * t).sqrt(), t)
    output = to_output(prediction, x0, eps, alpha, sigma)
    found = to_x0_eps(prediction, output, alpha * x0 + sigma * eps, alpha, sigma)
    torch.testing.assert_close(found, (x0, eps))


def test_an_unknown_prediction_has_no_output():
    x = torch.zeros(1, 3, 4, 4)
    with pytest.raises(ValueError, match="must be epsilon, v_prediction, sample or flow"):
        to_output("velocity", x, x, x, x)  # type: ignore[arg-type]
