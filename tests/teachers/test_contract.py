"""What every teacher owes to its callers; new members are found by themselves."""

import inspect
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from pairgen import plugins
from pairgen.errors import ConfigError
from pairgen.options import declared
from pairgen.sampling.conditioning import Conditioning
from pairgen.sampling.parameterization import to_x0_eps
from pairgen.teachers.base import Description
from pairgen.types import canonical_json

# Fixtures with the weights of the members that need some.
FOLDERS = {"latent_diffusion": "sdxl_folder", "pixel_unet": "pixel_folder"}
# Without it that member cannot be guided.
OPTIONS = {"pixel_unet": {"null_label": 3}}
PROMPTS = ("a red heart", "a blue book", "a cat")

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module", params=plugins.members("teachers"))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def location(name: str, request: pytest.FixtureRequest) -> str:
    if name not in FOLDERS:
        return ""
    folder: Path = request.getfixturevalue(FOLDERS[name])
    return str(folder)


@pytest.fixture(scope="module")
def description(name: str, location: str) -> Description:
    return plugins.load("teachers", name).describe(location=location, **OPTIONS.get(name, {}))


@pytest.fixture(scope="module")
def teacher(name: str, location: str) -> Any:
    return load(name, location)


def load(name: str, location: str, **options: Any) -> Any:
    return plugins.build(
        "teachers",
        name,
        location=location,
        device=torch.device("cpu"),
        dtype=torch.float32,
        negative_prompt="",
        **options,
        **OPTIONS.get(name, {}),
    )


def state(teacher: Any, num: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(num, *teacher.latent_shape, generator=torch.Generator().manual_seed(0))
    return x, torch.linspace(20.5, 900.5, num, dtype=torch.float64)


def test_its_options_have_defaults(name):
    module = plugins.load("teachers", name)
    inspect.signature(module.describe).bind(location="")
    inspect.signature(module.build).bind(location="", device="", dtype="", negative_prompt="")


def test_its_identity_is_plain_data_and_stays(name, location, description):
    again = plugins.load("teachers", name).describe(location=location, **OPTIONS.get(name, {}))
    text = canonical_json(dict(description.identity))
    assert canonical_json(dict(again.identity)) == text
    assert json.loads(text) == description.identity


def test_it_is_what_its_description_says(teacher, description):
    assert teacher.latent_shape == description.latent_shape
    assert teacher.schedule.num_train_steps == description.schedule.num_train_steps
    t = torch.linspace(description.schedule.last_time, description.schedule.first_time, 50)
    for ours, described in zip(
        teacher.schedule.alpha_sigma(t), description.schedule.alpha_sigma(t), strict=True
    ):
        assert torch.equal(ours, described)
    encoded = teacher.encode_prompts(PROMPTS)
    for member, shape in description.embedding_shapes.items():
        assert encoded.tensors[member].shape == (len(PROMPTS), *shape)


def test_it_encodes_a_row_for_each_prompt_and_one_for_the_negative(teacher):
    encoded = teacher.encode_prompts(PROMPTS)
    assert len(encoded) == len(PROMPTS)
    assert len(teacher.negative) == 1
    assert encoded.tensors.keys() == teacher.negative.tensors.keys()
    for tensor in encoded.tensors.values():
        assert not torch.equal(tensor[0], tensor[1])


def test_it_counts_tokens_beyond_its_limit(teacher, description):
    counts = teacher.count_tokens(["a red heart", "a red heart " * 100, ""])
    assert all(isinstance(count, int) for count in counts)
    assert counts[0] <= teacher.max_prompt_tokens
    # A label is read whole.
    assert (counts[1] > teacher.max_prompt_tokens) == (description.labels is None)


def test_its_prompt_counter_counts_the_same_without_weights(name, location, teacher):
    count_tokens, max_tokens = plugins.call("teachers", name, "prompt_counter", location=location)
    prompts = [*PROMPTS, "", "naïve 猫 " * 50]
    assert count_tokens(prompts) == teacher.count_tokens(prompts)
    assert max_tokens == teacher.max_prompt_tokens
    assert count_tokens([]) == []


def test_x0_and_eps_make_up_the_state(teacher):
    x, t = state(teacher)
    conditioning = teacher.encode_prompts(PROMPTS)
    for guidance in (None, torch.tensor([1.0, 4.0, 7.5])):
        x0, eps = teacher.predict(x, t, conditioning, guidance)
        assert x0.shape == eps.shape == x.shape
        assert x0.dtype == eps.dtype == torch.float32
        alpha, sigma = (v.float().view(-1, 1, 1, 1) for v in teacher.schedule.alpha_sigma(t))
        torch.testing.assert_close(alpha * x0 + sigma * eps, x, rtol=1e-4, atol=1e-4)


def test_guidance_of_one_is_no_guidance_and_zero_is_the_negative(teacher):
    x, t = state(teacher)
    conditioning = teacher.encode_prompts(PROMPTS)
    negative: Conditioning = teacher.negative.expand(len(x))
    for scale, alone in ((1.0, conditioning), (0.0, negative)):
        _, guided = teacher.predict(x, t, conditioning, torch.full((len(x),), scale))
        _, plain = teacher.predict(x, t, alone, None)
        torch.testing.assert_close(guided, plain, rtol=1e-4, atol=1e-4)


def test_every_row_has_its_own_guidance_time_and_prompt(teacher):
    x, t = state(teacher)
    conditioning = teacher.encode_prompts(PROMPTS)
    guidance = torch.tensor([1.0, 4.0, 7.5])
    together = teacher.predict(x, t, conditioning, guidance)[1]
    order = torch.tensor([2, 0, 1])
    turned = teacher.predict(x[order], t[order], conditioning[order], guidance[order])[1]
    torch.testing.assert_close(turned, together[order], rtol=1e-4, atol=1e-4)


def test_its_pictures_have_three_channels_inside_the_range(teacher):
    latent, _ = state(teacher, 2)
    pictures = teacher.decode(latent)
    assert pictures.shape[:2] == (2, 3)
    assert pictures.abs().max() <= 1
    draws = [teacher.encode(pictures, torch.Generator().manual_seed(7)) for _ in range(2)]
    assert draws[0].shape == latent.shape
    assert torch.equal(draws[0], draws[1])


def test_it_answers_in_float32_whatever_its_dtype(teacher):
    x, t = state(teacher)
    scales = torch.full((len(x),), 7.5)

    def predict() -> torch.Tensor:
        return teacher.predict(x, t, teacher.encode_prompts(PROMPTS), scales)[0]

    before = predict()
    teacher.to_dtype(torch.bfloat16)
    halved = predict()
    # The weights are rounded now: converting back is exact only from then on.
    teacher.to_dtype(torch.float32)
    assert halved.dtype == torch.float32
    assert halved.isfinite().all()
    assert (halved - before).norm() < 0.5 * before.norm()


def test_its_decoder_alone_makes_the_same_pictures_of_the_described_size(name, location, teacher):
    options = {"location": location, **OPTIONS.get(name, {})}
    description = plugins.call("teachers", name, "describe_decoder", **options)
    assert json.loads(canonical_json(dict(description.identity))) == description.identity
    decoder = plugins.call("teachers", name, "build_decoder", device=torch.device("cpu"), **options)
    latent, _ = state(teacher, 1)
    pictures = decoder.decode(latent)
    assert torch.equal(pictures, teacher.decode(latent))
    assert tuple(pictures.shape[2:]) == description.size_px


def test_its_network_can_be_trained_and_saved_as_a_student(name, location, tmp_path):
    if not hasattr(plugins.load("teachers", name), "build_denoiser"):
        pytest.skip("no student starts from it")
    options = {"location": location, **OPTIONS.get(name, {})}
    cpu = torch.device("cpu")
    denoiser = plugins.call("teachers", name, "build_denoiser", device=cpu, **options)
    # A new one: a test above has rounded the weights of the shared one.
    teacher = load(name, location)
    x, t = state(teacher)
    conditioning = teacher.encode_prompts(PROMPTS)
    output = denoiser(x, t, conditioning)
    alpha, sigma = (v.float().view(-1, 1, 1, 1) for v in denoiser.schedule.alpha_sigma(t))
    x0, _ = to_x0_eps(denoiser.prediction, output, x, alpha, sigma)
    expected, _ = teacher.predict(x, t, conditioning, None)
    # With gradients attention takes another kernel; at t = 900 x0 magnifies its last digits.
    torch.testing.assert_close(x0, expected, rtol=1e-4, atol=1e-4)
    output.square().mean().backward()
    gradients = [each.grad for each in denoiser.network.parameters()]
    assert sum(gradient is not None for gradient in gradients) > 0.8 * len(gradients)
    with torch.no_grad():
        denoiser.network.conv_out.bias += 1
    folder = tmp_path / "student"
    plugins.call("teachers", name, "save_student", denoiser=denoiser, folder=folder, **options)
    student = load(name, str(folder))
    trained = denoiser(x, t, conditioning).detach()
    expected, _ = to_x0_eps(denoiser.prediction, trained, x, alpha, sigma)
    found, _ = student.predict(x, t, conditioning, None)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_it_encodes_prompts_without_its_network(name, location):
    if not hasattr(plugins.load("teachers", name), "build_denoiser"):
        pytest.skip("no student starts from it")
    alone, teacher = load(name, location, with_network=False), load(name, location)
    expected = teacher.encode_prompts(PROMPTS).tensors
    for key, tensor in alone.encode_prompts(PROMPTS).tensors.items():
        assert torch.equal(tensor, expected[key])


def test_its_options_are_declared_with_defaults_and_explained(name, location):
    options = plugins.load("teachers", name).OPTIONS
    for each in declared(options):
        assert not each.required
        assert each.option.help
        assert options.check(each.name, each.default) == each.default
    with pytest.raises(ConfigError, match=f"Unknown key 'colour' in the options of the {name}"):
        plugins.call("teachers", name, "describe", location=location, colour=3)
