"""Diffusion2GAN on small random models of the true classes: its losses, and its runs."""

import hashlib
import shutil

import pytest
import torch
import yaml

from pairgen import plugins
from pairgen.draws import Draws
from pairgen.errors import ConfigError
from pairgen.losses.adversarial import gradient_penalty, loss_if_made, loss_if_real
from pairgen.methods.base import STUDENT
from pairgen.methods.diffusion2gan import DISCRIMINATOR, partners
from pairgen.networks.latent_vgg import LatentVgg
from pairgen.networks.lpips import Lpips
from pairgen.networks.lpips_file import LpipsOrigin, load_lpips, save_lpips
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.loading.loader import Loader
from pairgen.shards.storage.store import open_store
from pairgen.teachers.latent_diffusion import describe_decoder
from pairgen.training.config import make_train_config
from pairgen.training.runs.record import read_record
from pairgen.training.runs.start import find_start, make_setup
from pairgen.types import canonical_json
from tests.training.conftest import make_pairs
from tests.training.test_train import assert_equal, assert_same_gradients, metrics, tensors

CPU = torch.device("cpu")
BATCH = 6


@pytest.fixture
def make_method(pairs, latent_net):
    """Build the method by its options, and a batch for it."""

    def make(**options):
        torch.manual_seed(0)
        config = make_train_config(
            {
                "method": "diffusion2gan",
                "data": str(pairs),
                "perceptual": str(latent_net),
                **options,
            }
        )
        plans = (read_plan(open_store(pairs)),)
        setup = make_setup(config, plans, find_start(config, plans[0]), CPU, 1, print)
        method = plugins.build("methods", "diffusion2gan", setup=setup, **config.options)
        loader = Loader(
            [str(pairs)], fields=method.fields, facts=method.facts, batch_size=BATCH, seed=0
        )
        return method, next(iter(loader)).to(CPU)

    return make


def draws_at(step, start=0, stop=BATCH, batch_size=BATCH):
    return Draws(0, step, start, stop, batch_size, CPU)


def discriminator_terms(method, batch, fakes, made):
    """Return the two terms of a batch, from the discriminator itself."""
    discriminator = method.players()[DISCRIMINATOR]
    noise = batch["noise.npy"].float()
    real = discriminator(batch["latent.npy"].float(), noise, made.conditioning)
    return (
        loss_if_real(real).mean()
        + loss_if_made(discriminator(fakes, noise, made.conditioning)).mean()
    )


@pytest.mark.parametrize("num", [2, 3, 4, 7, 64])
def test_nobody_is_its_own_partner_and_even_micro_batches_agree(num):
    found = partners(num)
    assert len(found) == num
    assert all(other != row and 0 <= other < num for row, other in enumerate(found))
    if num % 2 == 0:
        assert found == [place + start for start in range(0, num, 2) for place in partners(2)]


def test_the_student_is_the_regression_of_the_same_network(make_method, pairs):
    method, batch = make_method(gan_weight=0, distance="mse", l1_weight=0)
    assert tuple(method.players()) == (STUDENT,)
    made = method.forward((), batch, draws_at(0))
    loss, figures = method.loss(STUDENT, made, batch, draws_at(0))
    target = batch["latent.npy"].float()
    torch.testing.assert_close(loss, (made.latents - target).square().mean())
    assert loss.detach() == figures["mse"]


def test_the_student_s_loss_is_the_sum_of_its_terms(make_method, latent_net):
    weights = {"distance_weight": 2.0, "l1_weight": 0.5, "gan_weight": 0.3}
    method, batch = make_method(distance="latent_lpips", **weights)
    made = method.forward((), batch, draws_at(0))
    loss, figures = method.loss(STUDENT, made, batch, draws_at(0))
    target, noise = batch["latent.npy"].float(), batch["noise.npy"].float()
    net = load_lpips(str(latent_net), 4, CPU)
    logits = method.players()[DISCRIMINATOR](made.latents, noise, made.conditioning)
    gan = loss_if_real(logits).mean()
    expected = 2.0 * net(made.latents, target).mean()
    expected = expected + 0.5 * (made.latents - target).abs().mean() + 0.3 * gan
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(figures["gan"], gan)


def test_the_augmented_distance_is_of_both_alike_and_another_every_step(make_method):
    method, batch = make_method(gan_weight=0, l1_weight=0)
    made = method.forward((), batch, draws_at(0))
    found = {
        float(method.loss(STUDENT, made, batch, draws_at(step))[0].detach()) for step in range(4)
    }
    assert len(found) == 4
    again = method.loss(STUDENT, made, batch, draws_at(3))[0]
    assert float(again.detach()) in found
    # What equals its target has no distance under any transformation.
    equal = type(made)(batch["latent.npy"].float(), made.conditioning)
    for step in range(3):
        assert float(method.loss(STUDENT, equal, batch, draws_at(step))[0]) == 0


def test_the_discriminator_s_loss_without_and_with_replaced_samples(make_method):
    method, batch = make_method(mix_share=0.0, r1_gamma=0.0)
    made = method.forward((), batch, draws_at(0))
    plain, _ = method.loss(DISCRIMINATOR, made, batch, draws_at(0))
    fakes = made.latents.detach()
    torch.testing.assert_close(plain, discriminator_terms(method, batch, fakes, made))
    method, batch = make_method(mix_share=1.0, r1_gamma=0.0)
    loss, _ = method.loss(DISCRIMINATOR, made, batch, draws_at(0))
    target = batch["latent.npy"].float()
    replaced = torch.stack([target[1], target[0], target[3], target[2], target[5], target[4]])
    torch.testing.assert_close(loss, discriminator_terms(method, batch, replaced, made))
    # A share of them: each sample as it is drawn for it.
    method, batch = make_method(mix_share=0.5, r1_gamma=0.0)
    mixed = (draws_at(7).uniform() < 0.5).view(-1, 1, 1, 1)
    assert 0 < mixed.sum() < BATCH
    loss, _ = method.loss(DISCRIMINATOR, made, batch, draws_at(7))
    expected = discriminator_terms(method, batch, torch.where(mixed, replaced, fakes), made)
    torch.testing.assert_close(loss, expected)


def test_neither_loss_reaches_the_other_player(make_method):
    method, batch = make_method(r1_every=1)
    made = method.forward((), batch, draws_at(0))
    loss, _ = method.loss(DISCRIMINATOR, made, batch, draws_at(0))
    students = list(method.players()[STUDENT].parameters())
    assert all(each is None for each in torch.autograd.grad(loss, students, allow_unused=True))


def test_the_lazy_penalty_is_right_in_expectation(make_method):
    """Over many steps its mean is gamma / 2 |grad D|^2, of one sample after the other."""
    gamma, every, num_rounds = 0.4, 3, 40
    method, batch = make_method(mix_share=0.0, r1_gamma=gamma, r1_every=every)
    made = method.forward((), batch, draws_at(0))
    plain = discriminator_terms(method, batch, made.latents.detach(), made).detach()
    discriminator = method.players()[DISCRIMINATOR]
    target = batch["latent.npy"].float().requires_grad_(True)
    logits = discriminator(target, batch["noise.npy"].float(), made.conditioning)
    penalties = gradient_penalty(logits, target).detach()
    added, rows = [], []
    for step in range(every * num_rounds):
        loss, figures = method.loss(DISCRIMINATOR, made, batch, draws_at(step))
        added.append(float((loss - plain).detach()))
        assert ("r1" in figures) == (step % every == every - 1)
        if "r1" in figures:
            row = int((penalties - figures["r1"].detach()).abs().argmin())
            torch.testing.assert_close(penalties[row], figures["r1"].detach(), rtol=1e-3, atol=0)
            rows.append(row)
    drawn = penalties[rows].mean()
    assert sum(added) / len(added) == pytest.approx(float(gamma / 2 * drawn), rel=0.02)
    # Every sample has its turn.
    assert set(rows) == set(range(BATCH))


def test_the_penalty_is_of_one_sample_of_the_whole_batch_however_it_is_cut(make_method):
    method, batch = make_method(mix_share=0.0, r1_every=1)
    made = method.forward((), batch, draws_at(0))
    for step in range(5):
        whole = method.loss(DISCRIMINATOR, made, batch, draws_at(step))[1]["r1"]
        parts = []
        for start in range(0, BATCH, 2):
            part = batch.rows(start, start + 2)
            draws = draws_at(step, start, start + 2)
            parts.append(
                method.loss(DISCRIMINATOR, method.forward((), part, draws), part, draws)[1]["r1"]
            )
        assert sum(float(each.detach()) > 0 for each in parts) == 1
        torch.testing.assert_close(sum(parts) / 3, whole, rtol=1e-3, atol=0)


@pytest.mark.parametrize("distance", ["mse", "pseudo_huber", "lpips", "latent_lpips"])
def test_every_distance_trains(pairs, train, latent_net, tmp_path, distance):
    net = latent_net
    if distance == "lpips":
        net = tmp_path / "pixels.safetensors"
        pixels = Lpips(LatentVgg(3, width=0.0625, num_pools_removed=2))
        save_lpips(net, pixels, LpipsOrigin(made_for="a test", made_by="random numbers"))
    options = {"method": "diffusion2gan", "distance": distance, "gan_weight": 0, "steps": 2}
    run = train(pairs, perceptual=str(net), **options).folder
    assert [line["student/distance"] > 0 for line in metrics(run)] == [True, True]


@pytest.mark.parametrize("arm", [{}, {"noise_condition": False}, {"multi_scale": False}])
def test_every_arm_runs_and_tells_its_figures(pairs, train, latent_net, arm):
    options = {"method": "diffusion2gan", "steps": 2, "r1_every": 2, "perceptual": str(latent_net)}
    run = train(pairs, **options, **arm).folder
    first, second = metrics(run)
    for name in ("student/distance", "student/mse", "student/gan", "discriminator/real"):
        assert first[name] > 0
    assert "discriminator/r1" not in first
    assert second["discriminator/r1"] > 0


def test_a_figure_that_not_every_step_has_is_in_the_line_of_its_steps(pairs, train, latent_net):
    options = {"method": "diffusion2gan", "r1_every": 2, "log_every": 3, "steps": 6}
    run = train(pairs, perceptual=str(latent_net), **options).folder
    # Penalties after steps 2, 4 and 6.
    assert [line["discriminator/r1"] > 0 for line in metrics(run)] == [True, True]


@pytest.mark.parametrize("other", [True, False])
def test_a_net_that_was_made_for_another_vae_is_told(pairs, sd15_folder, train, tmp_path, other):
    vae = describe_decoder(location=str(sd15_folder)).identity
    net = tmp_path / "net.safetensors"
    made_for = canonical_json({**vae, **({"variant": "another"} if other else {})})
    lpips = Lpips(LatentVgg(4, width=0.0625))
    save_lpips(net, lpips, LpipsOrigin(made_for=made_for, made_by="random numbers"))
    train(pairs, method="diffusion2gan", gan_weight=0, steps=1, perceptual=str(net))
    told = [line for line in train.said if "was made for the VAE" in line]
    assert len(told) == int(other)
    assert not other or f"{net} was made for the VAE {made_for}" in told[0]


def test_a_run_is_not_continued_with_another_perceptual_file(pairs, train, latent_net, tmp_path):
    net = tmp_path / "net.safetensors"
    shutil.copy(latent_net, net)
    options = {"method": "diffusion2gan", "gan_weight": 0, "perceptual": str(net)}
    run = train(pairs, steps=2, **options).folder
    sha256 = hashlib.sha256(net.read_bytes()).hexdigest()
    assert read_record(run).files == {"perceptual": sha256}
    assert sha256 in (run / "README.md").read_text()
    other = Lpips(LatentVgg(4, width=0.0625))
    save_lpips(net, other, LpipsOrigin(made_for="a test", made_by="other numbers"))
    kept = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(ConfigError, match=rf"perceptual names another file .* was {sha256[:16]}"):
        train(pairs, steps=3, resume=True, **options)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == kept


def test_a_run_holds_every_option_and_a_difference_is_named(pairs, train, latent_net):
    options = {"method": "diffusion2gan", "gan_weight": 0, "perceptual": str(latent_net)}
    run = train(pairs, steps=1, **options).folder
    told = yaml.safe_load((run / "config.yaml").read_text())["options"]
    assert (told["noise_condition"], told["distance_weight"], told["r1_every"]) == (True, 1.0, 16)
    # Defaults that are given are no other run.
    given = {**options, "noise_condition": True, "distance_weight": 1, "discriminator.clip": 1}
    train(pairs, steps=2, resume=True, **given)
    for name, value, there in (("gan_weight", 0.2, 0.0), ("discriminator.lr", 0.5, 0.0001)):
        asked = {**options, name: value}
        wanted = rf"these differ: {name} \(was {there:g}, got {value:g}\)\."
        with pytest.raises(ConfigError, match=wanted):
            train(pairs, steps=3, resume=True, **asked)
    with pytest.raises(ConfigError, match="holds a run of the method 'diffusion2gan', got"):
        train(pairs, steps=3, resume=True, method="regression")


def test_a_distance_that_counts_nothing_needs_no_net(pairs, train):
    run = train(pairs, method="diffusion2gan", distance_weight=0, gan_weight=0, steps=1).folder
    (line,) = metrics(run)
    assert "student/distance" not in line
    assert line["student/mse"] > 0


def test_several_augmentations_give_the_mean_of_their_distances(make_method):
    method, batch = make_method(num_augmentations=3, gan_weight=0)
    one, _ = make_method(gan_weight=0)
    made = method.forward((), batch, draws_at(0))
    found = method.loss(STUDENT, made, batch, draws_at(0))[1]["distance"]
    draws = draws_at(0)
    each = [one.loss(STUDENT, made, batch, draws)[1]["distance"] for _ in range(3)]
    assert len({float(distance.detach()) for distance in each}) == 3
    torch.testing.assert_close(found, torch.stack(each).mean())


@pytest.mark.parametrize(("gan_weight", "evaluations"), [(0, 3), (0.1, 11)])
def test_what_a_sample_costs_is_recorded(pairs, train, latent_net, gan_weight, evaluations):
    options = {"method": "diffusion2gan", "gan_weight": gan_weight, "steps": 1}
    run = train(pairs, perceptual=str(latent_net), **options).folder
    assert read_record(run).evaluations_per_sample == evaluations


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"model": "gaussian"}, "have a trainable network, got 'gaussian': its teacher 'gaussian'"),
        ({"perceptual": 5}, "perceptual must be text, got 5"),
        ({"num_augmentations": 0}, r"num_augmentations must be an integer in 1\.\.64, got 0"),
        ({"augmentations": None}, "augmentations must name one or more of blit, .* got nothing"),
        ({"batch_size": 1}, "got 1: increase batch_size, decrease accumulate, or set mix_share"),
        ({"discriminator.lr": -1}, r"discriminator\.lr must be a number in \[0, 10\], got -1"),
        ({"discriminator.betas": 0.5}, r"discriminator\.betas must be two numbers"),
        ({"discriminator.betas": [0, 2]}, r"Each of discriminator\.betas must be a number in"),
    ],
)
def test_a_wrong_value_is_named(pairs, train, latent_net, options, told):
    given = {"method": "diffusion2gan", "perceptual": str(latent_net), "steps": 1, **options}
    with pytest.raises(ConfigError, match=told):
        train(pairs, **given)
    assert not train.folder.exists()


@pytest.mark.parametrize("optimizer", ["adamw", "adamw8bit"])
def test_a_run_that_stopped_ends_in_the_same_bits(pairs, train, latent_net, optimizer):
    if optimizer == "adamw8bit":
        pytest.importorskip("bitsandbytes")
    options = {
        "method": "diffusion2gan",
        "optimizer": optimizer,
        "ema_decay": 0.9,
        "r1_every": 2,
        "perceptual": str(latent_net),
    }
    whole = train(pairs, "whole", steps=5, **options).folder
    for steps in (2, 5):
        ended = train(pairs, "parts", steps=steps, resume=True, **options)
    assert_equal(tensors(ended.folder), tensors(whole))
    assert {name.partition(":")[0] for name in tensors(whole)} >= {
        "discriminator.safetensors",
        "student.safetensors",
    }


@pytest.mark.parametrize(
    "options",
    [
        {"precision": "bfloat16"},
        {"precision": "float16"},
        {"gradient_checkpointing": True},
        {"lora_rank": 2},
        {"student.lora_rank": 2},
    ],
)
def test_it_trains_in_half_precision_with_checkpointing_and_adapters(
    pairs, train, latent_net, options
):
    run = train(
        pairs,
        method="diffusion2gan",
        steps=2,
        r1_every=1,
        perceptual=str(latent_net),
        **options,
    ).folder
    assert metrics(run)[-1]["discriminator/r1"] > 0


def test_adapters_of_the_discriminator_leave_its_own_layers_to_learn(pairs, train, latent_net):
    options = {"method": "diffusion2gan", "lora_rank": 2, "perceptual": str(latent_net)}
    whole = train(pairs, "whole", steps=3, **options).folder
    found = tensors(whole)
    names = [name for name in found if name.startswith("discriminator.optimizer")]
    means = {name: found[name] for name in names if name.endswith("/exp_avg")}
    for part in ("noise_conv", "scale_convs", "readouts", "lora_A", "lora_B"):
        learned = [name for name in means if part in name]
        assert learned and any(means[name].abs().max() > 0 for name in learned), part
    assert not [name for name in means if "denoiser" in name and "lora" not in name]
    for steps in (1, 3):
        ended = train(pairs, "parts", steps=steps, resume=True, **options)
    assert_equal(tensors(ended.folder), found)


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_the_penalty_is_in_float32_under_autocast(pairs, make_method, precision):
    method, batch = make_method(mix_share=0.0, r1_every=1)
    made = method.forward((), batch, draws_at(0))
    _, expected = method.loss(DISCRIMINATOR, made, batch, draws_at(0))
    with torch.autocast("cpu", getattr(torch, precision)):
        _, found = method.loss(DISCRIMINATOR, made, batch, draws_at(0))
    assert torch.equal(found["r1"], expected["r1"])
    # Unlike the rest.
    assert found["real"] != expected["real"]


def test_checkpointing_changes_no_gradient(pairs, train, latent_net):
    options = {
        "method": "diffusion2gan",
        "steps": 1,
        "r1_every": 1,
        "clip": 0.0,
        "perceptual": str(latent_net),
    }
    plain = train(pairs, "plain", **options).folder
    twice = train(pairs, "twice", gradient_checkpointing=True, **options).folder
    assert_same_gradients(tensors(twice), tensors(plain), 1e-4)


def test_sdxl_s_pooled_text_reaches_both_players(sdxl_folder, train, latent_net, tmp_path):
    pairs = make_pairs(sdxl_folder, tmp_path / "xl", num_samples=8)
    run = train(
        pairs, method="diffusion2gan", steps=1, r1_every=1, perceptual=str(latent_net)
    ).folder
    found = tensors(run)
    for player in ("student", "discriminator"):
        names = [
            name
            for name in found
            if name.startswith(player) and "add_embedding" in name and name.endswith("/exp_avg")
        ]
        assert names
        assert all(found[name].abs().max() > 0 for name in names)


def test_what_does_not_fit_is_one_sentence(pairs, train, latent_net):
    options = {"method": "diffusion2gan", "steps": 1, "perceptual": str(latent_net)}
    wrongs = (
        ({"perceptual": ""}, "perceptual must name the weights of a perceptual network"),
        ({"distance": "e-lpips"}, "distance must be one of"),
        ({"augmentations": "blit,zoom"}, "augmentations must be one of"),
        ({"augmentations": ["blit", "blit"]}, "names a group twice"),
        ({"augmentations": []}, "augmentations must name one or more"),
        ({"augmentations": 1}, "augmentations must name one or more"),
        ({"gan_weight": 0, "distance_weight": 0, "l1_weight": 0}, "must be above 0, got 0 for all"),
        ({"gan_weight": 0, "multi_scale": 3}, "multi_scale must be"),
        ({"mix_share": 1.5}, r"mix_share must be a number in \[0, 1\], got 1.5"),
        ({"r1_every": 0}, "r1_every must be an integer >= 1, got 0"),
        ({"gan_weight": "much"}, "gan_weight must be a number"),
        ({"noise_condition": 3}, "noise_condition must be"),
        ({"batch_size": 4, "accumulate": 4}, "mix_share needs two samples or more"),
        ({"discriminater.lr": 1}, "discriminater"),
    )
    for place, (wrong, told) in enumerate(wrongs):
        with pytest.raises(ConfigError, match=told):
            train(pairs, f"no{place}", **{**options, **wrong})
        assert not train.folder.exists(), told
