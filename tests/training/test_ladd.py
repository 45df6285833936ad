"""LADD: what the discriminator sees, who learns from whom, and at which times and levels."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline

import pairgen
from pairgen.draws import Draws
from pairgen.errors import ConfigError
from pairgen.methods._few_steps.game import DISCRIMINATOR
from pairgen.methods.base import STUDENT
from pairgen.methods.ladd import LADD
from pairgen.sampling.parameterization import column
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from pairgen.training.config import make_train_config
from pairgen.training.runs.start import find_start, make_setup
from tests.training.conftest import OPTIONS as TRAINING
from tests.training.test_stored_embeddings import changed
from tests.training.test_train import assert_equal, metrics, tensors

CPU = torch.device("cpu")
FIELDS = ["latent.npy", "txt"]


@pytest.fixture
def build(pairs, one_thread):
    """Build the method as the trainer does."""

    def build(**changes: Any) -> LADD:
        config = make_train_config({"method": "ladd", "data": str(pairs), **changes})
        plans = (read_plan(open_store(str(pairs))),)
        setup = make_setup(config, plans, find_start(config, plans[0]), CPU, 1, print)
        torch.manual_seed(3)
        return LADD(setup=setup, **config.options)

    return build


@pytest.fixture
def batch(pairs):
    return next(iter(pairgen.Loader(str(pairs), fields=FIELDS, batch_size=8)))


def draws(step: int = 1000, num: int = 8) -> Draws:
    return Draws(0, step, 0, num, num, CPU)


def hash_of(module: torch.nn.Module) -> str:
    return hashlib.sha256(
        b"".join(each.detach().numpy().tobytes() for each in module.state_dict().values())
    ).hexdigest()


def test_the_student_starts_from_noise_at_the_first_time_and_from_the_latent_at_others(
    build, batch
):
    method = build(time_weights=(1, 1, 1, 1))
    seen: list[Any] = []
    method._student.denoiser.forward = lambda x, t, conditioning, scales: seen.append((x, t)) or x
    method.forward((STUDENT,), batch, draws())
    ((x, t),) = seen
    again = draws()
    assert torch.equal(method._times(again), t)
    eps = again.normal(tuple(x.shape[1:]))
    alpha, sigma = (
        column(each.float()) for each in method._student.denoiser.schedule.alpha_sigma(t)
    )
    expected = alpha * batch["latent.npy"].float() + sigma * eps
    is_first = t == 999
    assert is_first.any()
    assert not is_first.all()
    assert torch.equal(x[is_first], eps[is_first])
    assert torch.equal(x[~is_first], expected[~is_first])


def test_times_are_drawn_as_often_as_their_weights_say(build):
    method = build()
    num = 4000
    for step, weights in (
        (0, (0, 0, 0.5, 0.5)),
        (499, (0, 0, 0.5, 0.5)),
        (500, (0.7, 0.1, 0.1, 0.1)),
    ):
        t = method._times(draws(step, num))
        found = [float((t == time).double().mean()) for time in (999, 749, 499, 249)]
        assert found == pytest.approx(weights, abs=0.03)


def test_levels_are_logit_normal_in_the_time_of_a_flow(build):
    method = build(level_mean=1.0, level_std=1.0)
    level = method._discriminator.level(draws(num=4000))
    # t / (1 - t) = sigma / alpha of the straight path.
    u = torch.logit(torch.sigmoid(-level))
    assert float(u.mean()) == pytest.approx(1.0, abs=0.06)
    assert float(u.std()) == pytest.approx(1.0, abs=0.05)
    alpha, sigma = method._frozen.schedule.alpha_sigma(method._frozen.schedule.time_of(level[:50]))
    inside = (level[:50] < 3) & (level[:50] > -2.5)
    assert torch.allclose((alpha / sigma).log()[inside], level[:50][inside], atol=1e-6)


@pytest.mark.parametrize(
    "options", [{}, {"distill_weight": 1.0}, {"r1": "features"}, {"r1": "finite"}]
)
def test_no_gradient_crosses_from_one_player_to_the_other(build, batch, options):
    method = build(**options)
    shared = method.forward((DISCRIMINATOR, STUDENT), batch, draws())
    heads, network = method._discriminator.heads, method._student.denoiser.network
    loss, _ = method.loss(DISCRIMINATOR, shared, batch, draws())
    loss.backward()
    assert all(each.grad is None for each in network.parameters())
    assert any(each.grad.abs().max() > 0 for each in heads.parameters())
    heads.zero_grad(set_to_none=True)
    loss, _ = method.loss(STUDENT, shared, batch, draws())
    loss.backward(inputs=list(network.parameters()))
    assert all(each.grad is None for each in heads.parameters())
    assert all(each.grad is None for each in method._frozen.network.parameters())
    assert any(each.grad.abs().max() > 0 for each in network.parameters())


def test_the_teacher_is_the_same_after_a_training(pairs, train, build):
    before = hash_of(build()._frozen.network)
    folder = train(pairs, method="ladd", steps=3).folder
    assert hash_of(build()._frozen.network) == before
    assert metrics(folder)


def test_the_gradient_penalty_is_that_of_the_inputs_of_the_heads(build, batch):
    method = build(r1="features", r1_gamma=1.0)
    shared = method.forward((DISCRIMINATOR,), batch, draws())
    _, figures = method.loss(DISCRIMINATOR, shared, batch, draws())
    again = draws()
    level, eps = method._discriminator.level(again), again.normal(tuple(shared.real.shape[1:]))
    with torch.no_grad():
        noised = method._discriminator.noised(shared.real, shared.conditioning, level, eps)
    for each in noised.features:
        each.requires_grad_(True)
    logits = method._discriminator.judge(noised, shared.conditioning)
    slopes = [
        torch.autograd.grad(one.sum(), each, retain_graph=True)[0].square().flatten(1).sum(1)
        for one, each in zip(logits, noised.features, strict=True)
    ]
    assert float(figures["r1"]) == pytest.approx(float(torch.stack(slopes).mean()), rel=1e-5)


def test_the_penalty_by_differences_compares_equal_levels_and_noises(build, batch):
    # Without the little noise nothing differs: level and noise are those of the real latents.
    method = build(r1="finite", r1_alpha=1e-6)
    shared = method.forward((DISCRIMINATOR,), batch, draws())
    _, figures = method.loss(DISCRIMINATOR, shared, batch, draws())
    assert float(figures["r1"]) < 1e-8


def test_a_teacher_that_makes_the_students_latents_has_no_distillation_gradient(build, batch):
    """Where the teacher's x0 of the noised sample is the sample, there is nothing to learn."""
    method = build(distill_weight=1.0)
    shared = method.forward((STUDENT,), batch, draws())
    method._frozen.prediction = "sample"
    method._frozen.forward = lambda x, t, conditioning, scale=None: shared.made.detach()
    assert method._distillation(shared, draws()).item() == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time_weights": "1,2"}, "time_weights must be a weight for each of the 4 times"),
        ({"first_time_weights": (0, 0, 0, 0)}, "not all 0"),
        ({"times": "1500,499", "time_weights": "1,1", "first_time_weights": "1,1"}, "at most"),
        ({"head_width": 12}, "head_width must be a multiple of 8, got 12"),
        ({"game": "wgan"}, "game must be one of softplus, hinge"),
    ],
)
def test_what_cannot_be_is_one_sentence(pairs, train, changes, message):
    with pytest.raises(ConfigError, match=message):
        train(pairs, method="ladd", steps=1, **changes)


def test_a_run_that_stopped_goes_on_in_the_same_bits(pairs, train):
    options = {"method": "ladd", "discriminator_updates": 2, "checkpoint_every": 2}
    whole = train(pairs, "whole", steps=4, **options).folder
    train(pairs, "parts", steps=2, **options)
    assert_equal(
        tensors(train(pairs, "parts", steps=4, resume=True, **options).folder), tensors(whole)
    )


def test_it_learns_from_images_too(photographs, sd15_folder, train):
    folder = train(
        photographs, method="ladd", steps=2, model=str(sd15_folder), student_steps=2
    ).folder
    assert "student/gan" in metrics(folder)[-1]
    assert TRAINING["steps"]


def test_latents_of_images_are_read_where_there_are_no_moments(
    photographs, sd15_folder, train, tmp_path
):
    data = Path(shutil.copytree(photographs, tmp_path / "set"))
    options = {"method": "ladd", "steps": 1, "batch_size": 4, "model": str(sd15_folder)}

    def annotate(add: str, model: Path = sd15_folder) -> str:
        out = f"{data}.annotations/{add}-{model.name}"
        pairgen.annotate(str(data), add=add, model=str(model), out=out, executor="serial")
        return out

    def said(out: str) -> list[str]:
        train.said.clear()
        train(data, out, **options)
        return [each for each in train.said if each.startswith(("Latents", "Images"))]

    other = changed(sd15_folder, tmp_path / "other", "vae/diffusion_pytorch_model.safetensors")
    strange = annotate("latent", other)
    (told,) = said("encoded")
    assert told.startswith(f"Images are encoded anew: the latent.npy of {strange} is by other")
    shutil.rmtree(strange)
    latents = annotate("latent")
    assert said("read") == [f"Latents are read as latent.npy from {latents}, not encoded."]
    moments = annotate("moments")
    assert said("moments") == [f"Latents are read as moments.npy from {moments}, not encoded."]


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_diffusers_samples_what_pairgen_samples(pairs, train, tmp_path, steps):
    run = train(pairs, method="ladd", steps=1, student_steps=steps).folder
    prompts = tmp_path / "cat.txt"
    prompts.write_text("a cat\n")
    manifest = pairgen.ode(
        model=str(run), prompts=str(prompts), out=str(tmp_path / "made"), seed=9, executor="serial"
    )
    assert manifest.plan.recipe["steps"] == steps
    fields = ["latent.npy", "noise.npy"]
    stored = next(iter(pairgen.Loader(tmp_path / "made", fields=fields, batch_size=1)))
    pipeline = StableDiffusionPipeline.from_pretrained(
        run / "student", safety_checker=None, local_files_only=True
    )
    pipeline.set_progress_bar_config(disable=True)
    latent = pipeline(
        "a cat",
        num_inference_steps=steps,
        guidance_scale=0,
        latents=stored["noise.npy"].float(),
        output_type="latent",
    ).images
    assert pipeline.scheduler.config.timestep_spacing == "trailing"
    torch.testing.assert_close(stored["latent.npy"].float(), latent.float(), rtol=1e-3, atol=2e-3)
