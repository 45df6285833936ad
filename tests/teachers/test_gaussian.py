"""The closed-form teacher against densities written out another way."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml
from diffusers import DDIMScheduler
from torch import Tensor

from pairgen import plugins
from pairgen.errors import ConfigError
from pairgen.model_config import find_model
from pairgen.seeding import noise_for
from pairgen.teachers._mixture import Mixture, exact_solution, mode_means, stable_diffusion_schedule
from pairgen.teachers.gaussian import MAX_PROMPT_TOKENS, GaussianTeacher, describe, prompt_counter

CPU = torch.device("cpu")
SMALL = Mixture(latent_shape=(2, 3, 4), num_modes=6, num_classes=3)
PROMPTS = ["a red fox", "a blue car", "", "rain over hills"]
TIMES = torch.tensor([999, 700.5, 250, 0], dtype=torch.float64)


def make_teacher(mixture: Mixture = SMALL, negative_prompt: str = "") -> GaussianTeacher:
    return GaussianTeacher(mixture, device=CPU, negative_prompt=negative_prompt)


def states(mixture: Mixture = SMALL, num: int = 4, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(num, *mixture.latent_shape, generator=generator, dtype=dtype)


def build(**options):
    return plugins.build(
        "teachers",
        "gaussian",
        **{"location": "", "device": CPU, "dtype": torch.float32, "negative_prompt": ""} | options,
    )


def eps_by_autograd(x: Tensor, t: Tensor, weights: Tensor, mixture: Mixture) -> Tensor:
    """Return -sigma grad log p_t(x), the density written with torch's own distributions."""
    alpha, sigma = stable_diffusion_schedule().alpha_sigma(t)
    std = (alpha**2 * mixture.mode_std**2 + sigma**2).sqrt()
    means = torch.from_numpy(mode_means(mixture))
    flat = x.flatten(1).requires_grad_()
    modes = torch.distributions.Normal(alpha[:, None, None] * means, std[:, None, None])
    log_p = torch.logsumexp(weights.log() + modes.log_prob(flat[:, None]).sum(dim=2), dim=1)
    (score,) = torch.autograd.grad(log_p.sum(), flat)
    return (-sigma[:, None] * score).view_as(x)


def test_eps_is_the_score_of_the_noised_mixture():
    teacher, x = make_teacher(), states()
    conditioning = teacher.encode_prompts(PROMPTS)
    _, eps = teacher.predict(x, TIMES, conditioning, None)
    weights = conditioning.tensors["txt_emb"][:, 0].double()
    torch.testing.assert_close(eps, eps_by_autograd(x, TIMES, weights, SMALL))


def test_x0_and_eps_make_up_the_state():
    teacher, x = make_teacher(), states()
    x0, eps = teacher.predict(x, TIMES, teacher.encode_prompts(PROMPTS), torch.full((4,), 7.5))
    alpha, sigma = (s.view(-1, 1, 1, 1) for s in teacher.schedule.alpha_sigma(TIMES))
    torch.testing.assert_close(alpha * x0 + sigma * eps, x)


def test_guidance_leads_away_from_the_negative_prompt():
    teacher, x = make_teacher(negative_prompt="blurry"), states()
    conditioning = teacher.encode_prompts(PROMPTS)
    guidance = torch.tensor([0.0, 1.0, 3.0, 7.5])
    _, prompted = teacher.predict(x, TIMES, conditioning, None)
    _, negative = teacher.predict(x, TIMES, teacher.encode_prompts(["blurry"] * 4), None)
    _, guided = teacher.predict(x, TIMES, conditioning, guidance)
    scale = guidance.view(-1, 1, 1, 1)
    torch.testing.assert_close(guided, scale * prompted + (1 - scale) * negative)


def test_guidance_does_nothing_when_there_is_one_mode():
    mixture = Mixture(latent_shape=(1, 2, 2), num_modes=1, num_classes=1)
    teacher, x = make_teacher(mixture), states(mixture)
    conditioning = teacher.encode_prompts(PROMPTS)
    plain = teacher.predict(x, TIMES, conditioning, None)
    torch.testing.assert_close(
        teacher.predict(x, TIMES, conditioning, torch.full((4,), 7.5)), plain
    )


def test_a_prompt_is_the_sub_mixture_of_its_class():
    weights = make_teacher(Mixture()).encode_prompts(["a red fox"]).tensors["txt_emb"]
    assert weights.shape == (1, 1, 24)
    # zlib.crc32(b"a red fox") % 12 is 3: the modes 3 and 15, alike.
    assert weights[0, 0].nonzero().flatten().tolist() == [3, 15]
    assert weights[0, 0, [3, 15]].tolist() == [0.5, 0.5]


def test_the_empty_prompt_is_the_whole_mixture():
    teacher = make_teacher(Mixture())
    weights = teacher.encode_prompts([""]).tensors["txt_emb"]
    torch.testing.assert_close(weights, torch.full((1, 1, 24), 1 / 24))
    assert torch.equal(teacher.negative.tensors["txt_emb"], weights)


def test_prompts_fall_into_every_class():
    rows = make_teacher(Mixture()).encode_prompts([f"prompt {i}" for i in range(200)])
    weights = rows.tensors["txt_emb"][:, 0]
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(200))
    assert (weights.sum(dim=0) > 0).all()


def test_words_beyond_the_longest_prompt_are_not_read():
    teacher = make_teacher(Mixture())
    words = [f"word{i}" for i in range(MAX_PROMPT_TOKENS - 2)]
    whole, longer = " ".join(words), " ".join([*words, "unread"])
    assert teacher.count_tokens([whole, longer, ""]) == [77, 78, 2]
    weights = teacher.encode_prompts([whole, longer]).tensors["txt_emb"]
    assert torch.equal(weights[0], weights[1])
    count_tokens, max_tokens = prompt_counter(location="", num_modes=24)
    assert (count_tokens([longer]), max_tokens) == ([78], 77)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_predictions_keep_the_dtype_of_the_state(dtype):
    teacher = make_teacher()
    teacher.to_dtype(torch.float16)
    teacher.compile()
    for guidance in (None, torch.full((4,), 7.5)):
        conditioning = teacher.encode_prompts(PROMPTS)
        x0, eps = teacher.predict(states(dtype=dtype), TIMES, conditioning, guidance)
        assert x0.dtype == eps.dtype == dtype


def test_float32_agrees_with_float64():
    teacher, x = make_teacher(Mixture()), states(Mixture())
    conditioning, guidance = teacher.encode_prompts(PROMPTS), torch.full((4,), 7.5)
    exact = teacher.predict(x, TIMES, conditioning, guidance)
    rounded = teacher.predict(x.float(), TIMES, conditioning, guidance)
    for a, b in zip(rounded, exact, strict=True):
        torch.testing.assert_close(a.double(), b, rtol=1e-3, atol=1e-3)


def test_a_sample_does_not_depend_on_its_neighbours():
    teacher, x = make_teacher(), states()
    conditioning, guidance = teacher.encode_prompts(PROMPTS), torch.tensor([1.0, 3.0, 7.5, 7.5])
    together = teacher.predict(x, TIMES, conditioning, guidance)
    for row in range(4):
        rows = slice(row, row + 1)
        alone = teacher.predict(x[rows], TIMES[rows], conditioning[rows], guidance[rows])
        torch.testing.assert_close(alone, tuple(tensor[rows] for tensor in together))


def test_the_schedule_is_that_of_stable_diffusion():
    scheduler = DDIMScheduler(
        num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear"
    )
    alpha, _ = stable_diffusion_schedule().alpha_sigma(torch.arange(1000, dtype=torch.float64))
    assert torch.equal(alpha.float(), scheduler.alphas_cumprod**0.5)


def test_the_exact_solution_follows_the_teachers_ode():
    # d(x / alpha) / d(sigma / alpha) = eps, by central differences.
    mixture = Mixture(latent_shape=(1, 2, 4), num_modes=1, num_classes=1)
    teacher, x = make_teacher(mixture), states(mixture)
    mean = torch.from_numpy(mode_means(mixture)).view(1, *mixture.latent_shape)
    for time in (900.5, 500.5, 100.5):
        points = torch.tensor([time - 0.01, time, time + 0.01], dtype=torch.float64)
        alphas, sigmas = (scalar.tolist() for scalar in teacher.schedule.alpha_sigma(points))
        below, here, above = zip(alphas, sigmas, strict=True)
        moved = [
            exact_solution(x, here, stop, mean=mean, std=mixture.mode_std) / stop[0]
            for stop in (below, above)
        ]
        slope = (moved[1] - moved[0]) / (above[1] / above[0] - below[1] / below[0])
        t = torch.full((len(x),), time, dtype=torch.float64)
        _, eps = teacher.predict(x, t, teacher.encode_prompts(PROMPTS), None)
        torch.testing.assert_close(slope, eps, rtol=1e-6, atol=1e-6)


def test_the_exact_solution_goes_there_and_back():
    x, noise, clean = states(), (0.068, 0.9977), (1.0, 0.0)
    there = exact_solution(x, noise, clean, mean=0.3, std=0.5)
    torch.testing.assert_close(exact_solution(there, clean, noise, mean=0.3, std=0.5), x)


def test_the_exact_solution_turns_noise_into_the_data_distribution():
    noise = torch.from_numpy(noise_for(0, 0, (200_000,), "float32")).double()
    alpha = 0.068
    start = (alpha, math.sqrt(1 - alpha**2))
    # A state of the data's own noised distribution, at the noise end.
    x = alpha * 2.0 + math.sqrt(alpha**2 * 0.5**2 + start[1] ** 2) * noise
    data = exact_solution(x, start, (1.0, 0.0), mean=2.0, std=0.5)
    assert float(data.mean()) == pytest.approx(2.0, abs=0.01)
    assert float(data.std()) == pytest.approx(0.5, abs=0.01)


def test_means_are_drawn_from_their_seed():
    # key = np.array([0, 2**63], dtype=np.uint64)
    # 0.6 * np.random.Generator(np.random.Philox(key=key)).standard_normal(2)
    first = [-1.0316128406271372, -0.021410080968104907]
    assert mode_means(Mixture())[0, :2].tolist() == pytest.approx(first, abs=1e-12)
    assert not np.array_equal(mode_means(Mixture(seed=1)), mode_means(Mixture()))


@pytest.mark.parametrize("channels", [1, 3])
def test_encode_undoes_decode(channels):
    mixture = Mixture(latent_shape=(channels, 4, 5))
    teacher, latent = make_teacher(mixture), states(mixture).clamp(-3, 3)
    picture = teacher.decode(latent)
    assert picture.shape == (4, 3, 4, 5 * channels)
    assert picture.abs().max() <= 1
    torch.testing.assert_close(teacher.encode(picture, torch.Generator()), latent)


def test_pictures_of_large_latents_stay_in_range():
    assert make_teacher().decode(100 * states()).abs().max() == 1


def test_latents_have_about_unit_scale():
    mixture = Mixture()
    modes = torch.from_numpy(mode_means(mixture))
    assert 0.7 < float((modes.square().mean() + mixture.mode_std**2).sqrt()) < 1.3


def test_the_identity_is_the_options():
    description = describe(location="", latent_shape=[1, 2, 2], seed=3)
    assert description.identity == {
        "latent_shape": [1, 2, 2],
        "num_modes": 24,
        "num_classes": 12,
        "mode_std": 0.5,
        "mean_std": 0.6,
        "seed": 3,
    }
    assert description.latent_shape == (1, 2, 2)
    assert description.embedding_shapes == {"txt_emb": (1, 24)}
    assert yaml.safe_load(yaml.safe_dump(description.identity)) == description.identity
    assert json.loads(json.dumps(description.identity)) == description.identity


def test_whole_numbers_in_yaml_give_the_identity_of_floats():
    given = describe(location="", mode_std=1, mean_std=2).identity
    assert (type(given["mode_std"]), type(given["mean_std"])) == (float, float)


def test_the_packaged_config_builds_the_described_teacher():
    model = find_model("gaussian")
    teacher = build(location=model.location, **model.options)
    description = describe(location=model.location, **model.options)
    assert teacher.latent_shape == description.latent_shape
    for name, shape in description.embedding_shapes.items():
        assert teacher.encode_prompts(["a red fox"]).tensors[name].shape == (1, *shape)
    assert description.identity == describe(location="").identity


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_mode": 3}, "Unknown key 'num_mode'.*did you mean 'num_modes'"),
        ({"latent_shape": [1, 16]}, "latent_shape must be three integers"),
        ({"latent_shape": 256}, "latent_shape must be three integers"),
        ({"latent_shape": [1, 0, 16]}, "latent_shape must be an integer >= 1"),
        ({"num_modes": 0}, "num_modes must be an integer >= 1, got 0"),
        ({"num_classes": 25}, r"num_classes must be an integer in 1\.\.24, got 25"),
        ({"mode_std": 0.0}, "mode_std must be a number"),
        ({"mean_std": "wide"}, "mean_std must be a number"),
        ({"seed": -1}, "seed must be an integer"),
        ({"location": "weights"}, "location must be empty, got 'weights'"),
    ],
)
def test_a_wrong_option_is_named(options, message):
    with pytest.raises(ConfigError, match=message):
        build(**options)
    with pytest.raises(ConfigError, match=message):
        describe(**{"location": ""} | options)


def test_it_starts_without_diffusers():
    code = (
        "import sys, pairgen.teachers.gaussian as gaussian\n"
        "gaussian.build(location='', device='cpu', dtype=None, negative_prompt='')\n"
        "assert not {'diffusers', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_usual_number_of_classes_may_be_too_many_for_the_modes_given():
    with pytest.raises(ConfigError, match=r"num_classes must be an integer in 1\.\.5, got 12"):
        describe(location="", num_modes=5)
