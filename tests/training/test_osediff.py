"""OSEDiff: who learns what from whom, in one step from the latent of a low-resolution image."""

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F

import pairgen
from pairgen.draws import Draws
from pairgen.errors import ConfigError
from pairgen.losses.score_distillation import vsd_direction
from pairgen.methods.base import STUDENT
from pairgen.methods.osediff import REGULARIZER, OSEDiff
from pairgen.sampling.enlarge import MODES, enlarge
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from pairgen.training.config import make_train_config
from pairgen.training.runs.start import find_start, make_setup
from tests.training.test_ranks import kills_that_change_no_bit, run
from tests.training.test_train import assert_equal, assert_same_gradients, metrics, tensors

CPU = torch.device("cpu")
# The recipe, on a small random Stable Diffusion: far from the time at which all is lost.
OPTIONS: dict[str, Any] = {
    "method": "osediff",
    "prompts": "captions",
    "start_time": 300.0,
    "guidance": 3.0,
    "negative_prompt": "blurred",
    "batch_size": 4,
    "precision": "float32",
}

NO_ADAPTER: dict[str, Any] = {"rank": 0, "alpha": 0, "targets": []}


@pytest.fixture
def options(sd15_folder, pixel_net) -> dict[str, Any]:
    return {**OPTIONS, "model": str(sd15_folder), "perceptual": str(pixel_net)}


@pytest.fixture
def build(photographs, options, one_thread):
    """Build the method as the trainer does, with its adapters, none of which is zero."""

    def build(**changes) -> OSEDiff:
        given = {**options, "data": str(photographs), **changes}
        config = make_train_config(given)
        plans = (read_plan(open_store(str(photographs))),)
        setup = make_setup(config, plans, find_start(config, plans[0]), CPU, 1, print)
        method = OSEDiff(setup=setup, **config.options)
        torch.manual_seed(4)
        for player in method.players().values():
            for network in (
                {STUDENT: player.values}.get(STUDENT)()
                if isinstance(player, torch.nn.ModuleDict)
                else [player]
            ):
                network.adapt(rank=2, alpha=4)
                with torch.no_grad():
                    for each in network.adapter.parameters():
                        each.add_(0.05 * torch.randn_like(each))
        return method

    return build


@pytest.fixture
def batch(photographs):
    fields = ["png", "lr4.png", "txt"]
    return next(iter(pairgen.Loader(photographs, fields=fields, batch_size=4)))


def draws(round_number: int = 0, step: int = 0) -> Draws:
    return Draws(0, step, 0, 4, 4, CPU, round_number)


def gradients(method: OSEDiff, loss: torch.Tensor) -> dict[str, torch.Tensor | None]:
    """Return the gradient of every trained weight, by player and name."""
    named = {
        f"{name}.{path}": each
        for name, player in method.players().items()
        for path, each in player.named_parameters()
        if each.requires_grad
    }
    found = torch.autograd.grad(loss, list(named.values()), allow_unused=True, retain_graph=True)
    return dict(zip(named, found, strict=True))


def test_one_step_from_the_latent_and_the_published_losses(build, batch):
    """Beside a plain computation with the same networks and draws."""
    method = build()
    made = method.forward((STUDENT, REGULARIZER), batch, draws())
    again = draws()
    modes = [MODES[each] for each in again.integers(0, 3).tolist()]
    given, target = batch.image("lr4.png"), batch.image("png")
    larger = torch.cat([enlarge(given[row : row + 1], 4, [mode]) for row, mode in enumerate(modes)])
    autoencoder, denoiser = method.student().autoencoder, method.student().denoiser
    z = autoencoder.encode(larger, again.normal((4, 8, 8)))
    text = method._prompts.of(batch)
    t = torch.full((4,), 300.0)
    alpha, sigma = (float(each) for each in denoiser.schedule.alpha_sigma(torch.tensor(300.0)))
    x0 = (z - sigma * denoiser(z, t, text)) / alpha
    torch.testing.assert_close(made.scored, x0, rtol=1e-4, atol=1e-5)
    image = autoencoder.decode(x0).clamp(-1, 1)
    torch.testing.assert_close(made.image, image, rtol=1e-4, atol=1e-5)

    loss, figures = method.loss(STUDENT, made, batch, draws(1))
    again = draws(1)
    times = again.integers(20, 980)
    noise = again.normal((4, 8, 8))
    alphas, sigmas = (
        each.float().view(-1, 1, 1, 1) for each in denoiser.schedule.alpha_sigma(times)
    )
    x_t = alphas * x0 + sigmas * noise
    negative = method._scores.negative.expand(4)
    with torch.no_grad():
        by_text, without = (method._scores.frozen(x_t, times, each) for each in (text, negative))
        guided = without + 3 * (by_text - without)
        own = method._scores.regularizer(x_t, times, text)
        of_teacher, of_student = ((x_t - sigmas * eps) / alphas for eps in (guided, own))
        grad = vsd_direction(x0, of_teacher, of_student, 0.0)
    expected = {
        "mse": F.mse_loss(image, target),
        "lpips": method._lpips(image, target).mean(),
        "vsd": F.mse_loss(x0, (x0 - grad).detach()),
    }
    torch.testing.assert_close(
        figures, {k: v.detach() for k, v in expected.items()}, rtol=1e-3, atol=1e-5
    )
    whole = expected["mse"] + 2 * expected["lpips"] + expected["vsd"]
    torch.testing.assert_close(loss, whole, rtol=1e-3, atol=1e-5)

    found, none = method.loss(REGULARIZER, made, batch, draws(2))
    again = draws(2)
    times = again.integers(0, 1000)
    noise = again.normal((4, 8, 8))
    alphas, sigmas = (
        each.float().view(-1, 1, 1, 1) for each in denoiser.schedule.alpha_sigma(times)
    )
    x_t = (alphas * x0 + sigmas * noise).detach()
    torch.testing.assert_close(
        found, F.mse_loss(method._scores.regularizer(x_t, times, text), noise), rtol=1e-4, atol=1e-5
    )
    assert none == {}


def test_no_gradient_crosses_from_one_player_to_the_other(build, batch):
    method = build()
    made = method.forward((STUDENT, REGULARIZER), batch, draws())
    for player, other in ((STUDENT, REGULARIZER), (REGULARIZER, STUDENT)):
        loss, _ = method.loss(player, made, batch, draws(1))
        for name, grad in gradients(method, loss).items():
            if name.startswith(f"{other}."):
                assert grad is None, name
            else:
                assert grad is not None and grad.abs().max() > 0, name


def test_training_one_player_leaves_the_other_as_it_was(photographs, train, options):
    def hashes(folder: Path) -> dict[str, str]:
        *_, last = sorted((folder / "checkpoints").iterdir())
        return {
            name: hashlib.sha256((last / f"{name}.safetensors").read_bytes()).hexdigest()
            for name in (STUDENT, REGULARIZER)
        }

    start = hashes(train(photographs, "start", **{**options, "steps": 1, "lr": 0.0}).folder)
    for still, learns in ((STUDENT, REGULARIZER), (REGULARIZER, STUDENT)):
        own = {**options, "steps": 10, f"{still}.lr": 0.0}
        ended = hashes(train(photographs, f"{still}-still", **own).folder)
        assert ended[still] == start[still]
        assert ended[learns] != start[learns]


def test_scores_in_pixels_reach_through_decoder_and_the_encoder_as_it_was(build, batch):
    method = build(vsd="pixel", mse_weight=0.0, lpips_weight=0.0)
    made = method.forward((STUDENT, REGULARIZER), batch, draws())
    frozen = build().student().autoencoder.encoder.beside()
    with torch.no_grad():
        again = frozen(made.image)
        adapted = method.student().autoencoder.encode(made.image)
    torch.testing.assert_close(made.scored.detach(), again)
    assert (again - adapted).abs().max() > 1e-3
    loss, figures = method.loss(STUDENT, made, batch, draws(1))
    assert set(figures) == {"mse", "vsd"}
    found = gradients(method, loss)
    assert all((grad is None) == name.startswith(REGULARIZER) for name, grad in found.items())
    alone = method.forward((REGULARIZER,), batch, draws(3))
    assert not alone.scored.requires_grad and alone.image is not None


def test_a_pixel_beyond_the_range_has_no_gradient_of_its_distance(build, batch):
    method = build(vsd="off", lpips_weight=0.0)
    made = method.forward((STUDENT,), batch, draws())
    pixels = torch.tensor([[-1.5, 0.5], [1.0001, -0.5]]).expand(4, 3, 2, 2).requires_grad_(True)
    clamped = SimpleNamespace(
        target=torch.zeros(4, 3, 2, 2),
        image=pixels.clamp(-1, 1),
        scored=made.scored,
        conditioning=made.conditioning,
    )
    loss, _ = method.loss(STUDENT, clamped, batch, draws(1))
    (grad,) = torch.autograd.grad(loss, pixels)
    assert torch.equal(grad[0, 0] != 0, torch.tensor([[False, True], [False, True]]))


def test_the_regularizer_may_learn_more_often(build, photographs, train, options):
    method = build(regularizer_updates=3)
    assert method.rounds(0) == ((REGULARIZER,), (REGULARIZER,), (STUDENT, REGULARIZER))
    assert build(vsd="off").rounds(0) == ((STUDENT,),)
    assert (build().evaluations, build(guidance=1).evaluations) == (9, 8)
    assert (build(vsd="off").evaluations, method.evaluations) == (3, 17)
    run = train(photographs, **options, steps=2, regularizer_updates=2).folder
    assert len(metrics(run)) == 2


def test_the_times_are_annealed(build):
    method = build(anneal_to=220, anneal_steps=10)
    found = [method._vsd_times(step) for step in (0, 5, 10, 1000)]
    assert found == [(20, 980), (20, 600), (20, 220), (20, 220)]
    assert build()._vsd_times(1000) == (20, 980)


def test_all_in_one_prompts_and_means(build, batch):
    method = build(prompts="fixed", prompt="a cat", posterior="mean", enlarge="bicubic")
    assert method.fields == ("png", "lr4.png")
    recipe = method.student().recipe
    assert (recipe.prompt, recipe.prompts, recipe.posterior) == ("a cat", "", "mean")
    made = [method.forward((STUDENT,), batch, draws(number)) for number in (0, 1)]
    # Nothing is drawn.
    assert torch.equal(made[0].image, made[1].image)
    drawn = [build().forward((STUDENT,), batch, draws(number)) for number in (0, 1)]
    assert not torch.equal(drawn[0].image, drawn[1].image)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mse_weight": 0, "lpips_weight": 0, "vsd": "off"}, "above 0, got 0 for all that are"),
        ({"anneal_to": 200}, "anneal_to and anneal_steps need each other, got 200 and 0"),
        ({"anneal_to": 20, "anneal_steps": 5}, "anneal_to must be above the start of vsd_times"),
        ({"vsd_times": [980, 20]}, r"vsd_times must be \[start, stop\] with start < stop"),
        ({"vsd_times": 20}, r"vsd_times must be two integers \[start, stop\], got 20"),
        ({"vsd_times": [20, 5000]}, r"The stop of vsd_times must be at most 1000, one more than"),
        ({"prompt": "a cat"}, r"prompt is used with prompts=fixed only: leave it out"),
        ({"vsd": "image"}, "vsd must be one of latent, pixel, off, got 'image'"),
        ({"start_time": 2000}, r"spacing 2000 must name as many times .* in .0, 999"),
        (
            {"scale": 3},
            "osediff needs lr3.png, and .* has none; .pairgen degrade --scales 3. makes",
        ),
        (
            {"prompts": "tags"},
            "osediff needs tag.txt, and .* has none; .pairgen annotate .* adds it",
        ),
        (
            {f"regularizer.lora_{name}": value for name, value in NO_ADAPTER.items()},
            "regularizer.lora_rank must be at least 1: others compute with the same weights",
        ),
    ],
)
def test_what_cannot_be_is_one_sentence(photographs, train, options, changes, message):
    with pytest.raises(ConfigError, match=message):
        train(photographs, **{**options, **changes})


@pytest.mark.slow
def test_two_ranks_train_both_networks_as_one(photographs, options, tmp_path):
    """The published code synchronizes no gradient of the regularizer: each rank trains its own."""
    own = {**options, "steps": 4, "batch_size": 4, "data_parts": 2}
    run(photographs, tmp_path / "one", **own)
    run(photographs, tmp_path / "two", ranks=2, **{**own, "steps": 2})
    run(photographs, tmp_path / "two", **own, resume=True)
    found = tensors(tmp_path / "two")
    assert {name.partition(".")[0] for name in found} >= {STUDENT, REGULARIZER}
    assert_same_gradients(found, tensors(tmp_path / "one"), 1e-4)


@pytest.mark.slow
def test_ten_kills_change_no_bit(photographs, options, tmp_path):
    own = {**options, "steps": 32, "checkpoint_every": 3, "cpu_threads": 1}
    assert kills_that_change_no_bit(photographs, tmp_path, 10, **own) >= 8


def test_recomputed_activations_and_parts_give_the_same_gradients(photographs, train, options):
    own = {**options, "steps": 1, "clip": 0.0}
    whole = tensors(train(photographs, "whole", **own).folder)
    parts = train(photographs, "parts", **own, accumulate=2, gradient_checkpointing=True).folder
    assert_same_gradients(tensors(parts), whole, 3e-5)


def test_a_run_that_stopped_goes_on_in_the_same_bits(photographs, train, options):
    own = {**options, "ema_decay": 0.9}
    whole = train(photographs, "whole", steps=3, **own).folder
    for steps in (1, 3):
        parts = train(photographs, "parts", steps=steps, resume=True, **own).folder
    assert_equal(tensors(parts), tensors(whole))
    line = json.loads((parts / "metrics.jsonl").read_text().splitlines()[-1])
    assert {"student/mse", "student/lpips", "student/vsd", "regularizer/loss"} <= line.keys()
