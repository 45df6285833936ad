"""YONOS-SR: one state and two sizes of LR, a teacher that stays as it is, latents from moments."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, UNet2DConditionModel
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

import pairgen
from pairgen.draws import Draws
from pairgen.errors import ConfigError
from pairgen.jobs.train.run import run_train
from pairgen.methods.base import STUDENT
from pairgen.methods.yonos import YONOS
from pairgen.model_files import FILES
from pairgen.sampling.enlarge import enlarge
from pairgen.sampling.parameterization import FlowSchedule, column
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from pairgen.training.config import make_train_config
from pairgen.training.data.offered import offer_members, open_offered
from pairgen.training.runs.start import find_start, make_setup
from pairgen.training.students.grid_file import MARGIN
from tests.training.conftest import OPTIONS as TRAINING
from tests.training.test_image_students import TOY, shown_pictures
from tests.training.test_ranks import run
from tests.training.test_stored_embeddings import changed
from tests.training.test_train import assert_equal, assert_same_gradients, metrics, tensors

CPU = torch.device("cpu")
OPTIONS = {"method": "yonos", "batch_size": 4, "precision": "float32", "ema_decay": 0.9}
FIELDS = ["png", "lr4.png", "lr2.png"]
VAE = "vae/diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def larger(levels: Path, sd15_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that restores 1/2, and has learned to look at it. Do not change it."""
    out = tmp_path_factory.mktemp("larger") / "x2"
    own = {"scale": 2, "steps": 3, "lr": 1e-2, "cpu_threads": 1, "model": str(sd15_folder)}
    given = {**TRAINING, **OPTIONS, **own, "data": str(levels), "out": str(out)}
    return run_train(given, lambda _: None).folder


@pytest.fixture
def options(sd15_folder: Path) -> dict[str, Any]:
    return {**OPTIONS, "model": str(sd15_folder)}


@pytest.fixture
def build(levels, options, one_thread) -> Callable[..., YONOS]:
    """Build the method as the trainer does."""

    def build(data: Path = levels, **changes: Any) -> YONOS:
        config = make_train_config({**options, "data": str(data), **changes})
        plans = (read_plan(open_store(str(data))),)
        start = find_start(config, plans[0])
        offered = offer_members(open_offered([str(data)], plans), start, False, None, "")
        setup = make_setup(config, plans, start, CPU, 1, print, offered.members)
        return YONOS(setup=setup, **config.options)

    return build


def batch_of(data: Path, fields: Any = FIELDS) -> Any:
    return next(iter(pairgen.Loader(data, fields=fields, batch_size=4)))


def draws(rows: int = 4) -> Draws:
    return Draws(0, 0, 0, rows, rows, CPU)


@pytest.mark.parametrize("pure_noise", [True, False])
def test_student_and_teacher_see_one_state_and_their_own_lr(build, levels, larger, pure_noise):
    """Beside a plain computation with the same networks and draws."""
    choices = {"start_share": 0.5, "truth_share": 0.25, "pure_noise": pure_noise}
    method = build(teacher=str(larger), output="v", **choices)
    with torch.no_grad():
        for seed, network in enumerate((method._teacher.network, method._denoiser.network)):
            # Of random networks, LR at 1/2 and 1/4 have latents that are small and alike.
            new = network.conv_in.weight[:, 4:]
            new += 30 * torch.randn(new.shape, generator=torch.Generator().manual_seed(seed))
    batch = batch_of(levels)
    shared = method.forward((STUDENT,), batch, draws())

    again, student = draws(), method.student()
    z_h = student.autoencoder.encode(batch.image("png"))
    z_2, z_4 = (
        student.autoencoder.encode(enlarge(batch.image(f"lr{scale}.png"), scale))
        for scale in (2, 4)
    )
    t = again.integers(0, 1000).double()
    t = torch.where(again.uniform() < 0.5, 999.0, t)
    eps = again.normal((4, 8, 8))
    at_start = t == 999
    assert 0 < at_start.sum() < 4
    alpha, sigma = (column(each).float() for each in student.denoiser.schedule.alpha_sigma(t))
    z_t = alpha * z_h + sigma * eps
    if pure_noise:
        z_t[at_start] = eps[at_start]
    text = method._prompts.of(batch)

    def x0_teacher(z_t: Tensor, t: Tensor, z_l: Tensor) -> Tensor:
        with torch.no_grad():
            return (z_t - sigma * method._teacher(z_t, t, text.with_image(z_l))) / alpha

    def x0(z_t: Tensor, t: Tensor, z_l: Tensor) -> Tensor:
        return alpha * z_t - sigma * student.denoiser(z_t, t, text.with_image(z_l))

    torch.testing.assert_close(shared.z_h, z_h)
    torch.testing.assert_close(shared.x0_teacher, x0_teacher(z_t, t, z_2), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(shared.x0, x0(z_t, t, z_4), rtol=1e-4, atol=1e-4)
    # What a mistake would give is far from it.
    for of, found, own, other in (
        (x0_teacher, shared.x0_teacher, z_2, z_4),
        (x0, shared.x0, z_4, z_2),
    ):
        for wrong in ((z_t, t, other), (eps, t, own), (z_t, t.flip(0), own)):
            assert (of(*wrong) - found).abs().max() > 1e-2

    loss, _ = method.loss(STUDENT, shared, batch, draws())
    target = 0.75 * shared.x0_teacher + 0.25 * z_h
    errors = (shared.x0 - target).square().mean((1, 2, 3))
    snr = (alpha / sigma).square().flatten()
    torch.testing.assert_close(loss, ((snr + 1) * errors).mean())


def test_the_first_stage_learns_from_hr(build, levels):
    method, batch = build(scale=2), batch_of(levels)
    assert method.fields == ("png", "lr2.png")
    shared = method.forward((STUDENT,), batch, draws())
    assert shared.x0_teacher is None
    loss, _ = method.loss(STUDENT, shared, batch, draws())
    errors = (shared.x0 - shared.z_h).square().mean((1, 2, 3))
    torch.testing.assert_close(loss, (shared.weight * errors).mean())


def test_new_input_channels_change_nothing_at_first(build, levels, sd15_folder):
    method = build()
    (student,) = method.players().values()
    new = student.network.conv_in.weight[:, 4:]
    assert new.shape[1] == 4 and new.abs().max() == 0 and new.requires_grad
    noise, t = draws().normal((4, 8, 8)), torch.tensor([0.0, 20.0, 500.0, 999.0])
    text = method._prompts.of(batch_of(levels))
    unet = UNet2DConditionModel.from_pretrained(sd15_folder / "unet")
    with torch.no_grad():
        found, other = (student(noise, t, text.with_image(z_l)) for z_l in (noise, -noise))
        expected = unet(noise, t, text.tensors["txt_emb"]).sample
    assert torch.equal(found, other)
    torch.testing.assert_close(found, expected)


def test_the_teacher_has_no_gradient_and_stays_as_it_is(build, levels, larger):
    method, batch = build(teacher=str(larger)), batch_of(levels)
    (student,) = method.players().values()
    teacher = method._teacher.network
    before = {name: each.clone() for name, each in teacher.state_dict().items()}
    # The student begins as its copy.
    assert_equal(dict(student.network.state_dict()), before)
    optimizer = torch.optim.AdamW(student.parameters(), lr=1e-2)
    for _ in range(3):
        shared = method.forward((STUDENT,), batch, draws())
        assert not shared.x0_teacher.requires_grad
        method.loss(STUDENT, shared, batch, draws())[0].backward()
        optimizer.step()
    assert all(each.grad is None and not each.requires_grad for each in teacher.parameters())
    assert all(each.grad is not None for each in student.parameters())
    assert_equal(dict(teacher.state_dict()), before)
    after = student.network.state_dict()
    assert not torch.equal(after["conv_in.weight"], before["conv_in.weight"])
    assert method.kept() == {}


def test_times_are_uniform_but_for_the_share_at_the_last(build):
    def times(share: float, schedule: Any = None) -> Tensor:
        method = build(start_share=share)
        return method._times(schedule or method._denoiser.schedule, draws(4000))

    mixed = times(0.25)
    assert float((mixed == 999).double().mean()) == pytest.approx(0.25, abs=0.03)
    others = mixed[mixed < 999]
    assert (others.min() < 10, others.max() > 990) == (True, True)
    assert float(others.mean()) == pytest.approx(499.5, abs=20)
    assert (times(1.0) == 999).all()
    assert (times(0.0) == 999).sum() < 20
    # A flow begins at 1000, and is without noise, so of infinite SNR, at 0.
    flow = times(0.25, FlowSchedule())
    assert (float(flow.min()), float(flow.max())) >= (1, 1000)


def annotate(data: Path, model: Path, levels: list[str], out: str = "moments") -> Path:
    """Store moments beside a dataset; return where."""
    folder = Path(f"{data}.annotations/{out}")
    where = {"out": str(folder), "model": str(model), "levels": levels}
    pairgen.annotate(data, add="moments", executor="serial", batch_size=4, **where)
    return folder


@pytest.fixture
def own_levels(levels: Path, tmp_path: Path) -> Path:
    """A copy that may be annotated."""
    return Path(shutil.copytree(levels, tmp_path / "set"))


@pytest.mark.parametrize("posterior", ["mean", "sample"])
def test_stored_moments_give_the_latents_of_encoding(build, own_levels, sd15_folder, posterior):
    encoding = build(own_levels, posterior=posterior)
    annotate(own_levels, sd15_folder, ["hr", "lr2", "lr4"])
    reading = build(own_levels, posterior=posterior)
    assert encoding.fields == ("png", "lr4.png")
    assert reading.fields == ("moments.npy", "lr4_moments.npy")
    made = []
    for method in (encoding, reading):
        batch, drawn = batch_of(own_levels, method.fields), draws()
        latents = method._latents.hr(batch, drawn), method._latents.lr(batch, 4, drawn)
        # The same samples, and as many numbers drawn for them.
        made.append((*latents, batch.indices, drawn.uniform()))
    # float16 has 11 bits.
    torch.testing.assert_close(made[1], made[0], rtol=1e-3, atol=1e-4)
    equal = [torch.equal(*each) for each in zip(*made, strict=True)]
    assert equal == [False, False, True, True]


def test_the_teacher_reads_its_moments_too(build, own_levels, larger, sd15_folder):
    encoding = build(own_levels, teacher=str(larger))
    annotate(own_levels, sd15_folder, ["hr", "lr2", "lr4"])
    reading = build(own_levels, teacher=str(larger))
    assert reading.fields == ("moments.npy", "lr4_moments.npy", "lr2_moments.npy")
    expected, found = (
        vars(method.forward((STUDENT,), batch_of(own_levels, method.fields), draws()))
        for method in (encoding, reading)
    )
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_moments_that_do_not_fit_are_not_read_and_the_run_says_so(
    train, levels, own_levels, sd15_folder, options, tmp_path
):
    """By another VAE, or of images that are cropped now: bit for bit as without them."""
    other = changed(sd15_folder, tmp_path / "other", VAE)

    def assert_encoded(overlay: Path, reason: str, **changes: Any) -> None:
        own = {**options, "steps": 2, **changes}
        expected = tensors(train(levels, f"{overlay.name}-plain", **own).folder)
        train.said.clear()
        assert_equal(tensors(train(own_levels, overlay.name, **own).folder), expected)
        (said,) = (each for each in train.said if each.startswith("Images are encoded anew: "))
        assert f"npy of {overlay} {reason}" in said

    strange = annotate(own_levels, other, ["hr", "lr4"], "strange")
    assert_encoded(strange, "is by other, whose VAE is not known to be that of sd15")
    shutil.rmtree(strange)
    overlay = annotate(own_levels, sd15_folder, ["hr", "lr4"])
    assert_encoded(overlay, "is of whole images, without crop=8", crop=8)


def test_the_run_says_it_of_lr_alone_too(train, own_levels, sd15_folder, options, tmp_path):
    other = changed(sd15_folder, tmp_path / "other", VAE)
    annotate(own_levels, sd15_folder, ["hr"])
    strange = annotate(own_levels, other, ["lr4"], "strange")
    train(own_levels, steps=1, **options)
    reason = f"Images are encoded anew: the lr4_moments.npy of {strange} is by other, whose VAE"
    assert any(each.startswith(reason) for each in train.said)


def test_a_run_goes_on_in_the_same_bits_and_without_moments_that_came_later(
    train, levels, own_levels, larger, sd15_folder, options
):
    own = {**options, "teacher": str(larger)}
    whole = train(levels, "whole", steps=3, **own).folder
    train(own_levels, "parts", steps=1, **own)
    overlay = annotate(own_levels, sd15_folder, ["hr", "lr2", "lr4"])
    parts = train(own_levels, "parts", steps=3, resume=True, **own).folder
    assert any(f"the run began without the moments.npy of {overlay}" in each for each in train.said)
    assert_equal(tensors(parts), tensors(whole))


@pytest.mark.parametrize(
    ("output", "prediction"), [("x0", "sample"), ("v", "v_prediction"), ("", "epsilon")]
)
def test_the_exported_scheduler_says_what_the_network_predicts(
    train, levels, larger, options, build, output, prediction
):
    changes = {"output": output, "teacher": str(larger)}
    folder = train(levels, steps=2, **options, **changes).folder
    file = folder / "student/scheduler/scheduler_config.json"
    assert json.loads(file.read_text())["prediction_type"] == prediction
    # What the export makes is what the last grid showed, but for rounding.
    grid = np.array(Image.open(folder / "grids/00000002.png"))
    cell = 16 + 2 * MARGIN
    made = grid[:cell, cell : 2 * cell][MARGIN:-MARGIN, MARGIN:-MARGIN]
    assert made.std() > 1
    assert np.abs(shown_pictures(folder)[0].astype(int) - made).max() <= 1
    # A run that starts from it predicts the same, unless it says otherwise.
    assert build(start_from=str(folder))._denoiser.prediction == prediction
    assert build(start_from=str(folder), output="eps")._denoiser.prediction == "epsilon"


def test_a_flow_predicts_what_it_does(train, levels, options, sd15_folder, tmp_path):
    flow = Path(shutil.copytree(sd15_folder, tmp_path / "flow"))
    FlowMatchEulerDiscreteScheduler().save_pretrained(flow / "scheduler")
    index = json.loads((flow / "model_index.json").read_text())
    index["scheduler"] = ["diffusers", "FlowMatchEulerDiscreteScheduler"]
    (flow / "model_index.json").write_text(json.dumps(index))
    own = {**options, "model": str(flow), "steps": 1}
    with pytest.raises(ConfigError, match="output must be left out for a model that predicts a fl"):
        train(levels, "refused", **own, output="v")
    assert math.isfinite(metrics(train(levels, **own).folder)[0]["student/loss"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scale": 3, "teacher": "larger"}, "scale must be even with a teacher, .* got 3"),
        ({"truth_share": 0.5}, "truth_share needs a teacher: .* got 0.5"),
        ({"scale": 8}, "needs lr8_moments.npy or lr8.png, .*`pairgen degrade --scales 8` makes"),
        (
            {"teacher": "sd15"},
            "teacher must be a finished run of `pairgen train yonos`, got",
        ),
        ({"teacher": "larger", "posterior": "sample"}, "the posterior 'sample', got 'mean': .*x2"),
        ({"teacher": "larger", "prompt": "a cat"}, "the prompt 'a cat', got '': .*x2"),
        ({"teacher": "larger", "prompts": "captions"}, "the prompts 'txt', got 'fixed': .*x2"),
        ({"start_from": "sd15"}, "sd15 is not a finished run of pairgen train"),
        ({"guidance_embedding": True}, "guidance_embedding must be false: the network of yonos"),
        ({"output": "flow"}, "output must be one of x0, v, eps, got 'flow'"),
        ({"start_share": 1.5}, r"start_share must be a number in \[0, 1\], got 1.5"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    train, levels, larger, sd15_folder, options, changes, message
):
    folders = {"larger": str(larger), "sd15": str(sd15_folder)}
    given = {name: folders.get(value, value) for name, value in changes.items()}
    with pytest.raises(ConfigError, match=message):
        train(levels, **options, **given)
    assert not train.folder.exists()


def test_teachers_that_do_not_fit_are_refused(train, levels, larger, options):
    smaller = train(levels, "x4", steps=1, teacher=str(larger), **options).folder
    with pytest.raises(ConfigError, match=r"teacher must restore 'lr2.png', got 'lr4.png': .*x4"):
        train(levels, "again", teacher=str(smaller), **options)
    another = train(levels, "toy", **{**options, "method": TOY}, steps=1).folder
    for name, message in (
        ("teacher", "teacher must be a finished run of `pairgen train yonos`, got .*toy"),
        ("start_from", "The network of .*toy must take an image latent of 4 channels"),
    ):
        with pytest.raises(ConfigError, match=message):
            train(levels, "refused", **options, **{name: str(another)})


@pytest.mark.parametrize(
    ("file", "key", "what"),
    [
        ("scheduler/scheduler_config.json", "beta_end", "the noise schedule"),
        ("vae/config.json", "scaling_factor", "the VAE"),
    ],
)
def test_a_teacher_of_another_model_is_refused(
    train, levels, larger, sd15_folder, tmp_path, file, key, what
):
    """The student would be exported with the schedule and the VAE of its own model."""
    other = tmp_path / "other"
    shutil.copytree(sd15_folder, other)
    config = json.loads((other / file).read_text())
    (other / file).write_text(json.dumps({**config, key: 1.5 * config[key]}))
    message = f"x2 must come from the model other: {what} of its student is another"
    with pytest.raises(ConfigError, match=message):
        train(levels, **{**OPTIONS, "model": str(other)}, teacher=str(larger))
    assert not train.folder.exists()


def test_a_tuned_decoder_makes_no_other_latents(train, levels, larger, options, tmp_path):
    tuned = tmp_path / "tuned"
    shutil.copytree(larger, tuned)
    weights = load_file(tuned / "student" / VAE)
    weights["decoder.conv_out.bias"] += 1
    save_file(weights, tuned / "student" / VAE, {"format": "pt"})
    # Changed on purpose.
    (tuned / FILES).unlink()
    assert train(levels, steps=1, teacher=str(tuned), **options).step == 1


@pytest.mark.slow
def test_two_ranks_train_as_one(levels, larger, options, tmp_path):
    # A student that predicts v is far from a teacher that predicts eps.
    own = {**options, "teacher": str(larger), "output": "v", "steps": 2, "data_parts": 2}
    for ranks in (1, 2):
        run(levels, tmp_path / str(ranks), ranks, **own)
    one, two = (tensors(tmp_path / str(ranks)) for ranks in (1, 2))
    assert_same_gradients(two, one, 1e-4)
