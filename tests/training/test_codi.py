"""CoDi and PE-CoDi: a branch that changes nothing at first, one time, the own next state."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import ControlNetModel
from PIL import Image
from safetensors.torch import load_file

import pairgen
from pairgen.draws import Draws
from pairgen.errors import ConfigError
from pairgen.methods._codi.grid import draw_times, learning_grid
from pairgen.methods._prediction import x0_eps_of
from pairgen.methods.base import STUDENT
from pairgen.methods.codi import CoDi
from pairgen.sampling.enlarge import enlarge
from pairgen.sampling.parameterization import FlowSchedule, column
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from pairgen.training.config import make_train_config
from pairgen.training.data.offered import offer_members, open_offered
from pairgen.training.loop.recomputation import enable_gradient_checkpointing
from pairgen.training.runs.finished_run import load_run
from pairgen.training.runs.start import find_start, make_setup
from pairgen.training.students.grid_file import MARGIN
from tests.training.test_image_students import shown_pictures
from tests.training.test_ranks import kills_that_change_no_bit, run
from tests.training.test_train import assert_equal, assert_same_gradients, metrics, tensors

CPU = torch.device("cpu")
OPTIONS = {"method": "codi", "batch_size": 4, "precision": "float32", "ema_decay": 0.9}
ALL, BRANCH = "all", "branch"
BOTH = pytest.mark.parametrize("trains", [ALL, BRANCH])


@pytest.fixture
def options(sd15_folder: Path) -> dict[str, Any]:
    return {**OPTIONS, "model": str(sd15_folder)}


@pytest.fixture
def build(photographs, options, one_thread) -> Callable[..., CoDi]:
    """Build the method as the trainer does."""

    def build(data: Path = photographs, **changes: Any) -> CoDi:
        config = make_train_config({**options, "data": str(data), **changes})
        plans = (read_plan(open_store(str(data))),)
        start = find_start(config, plans[0])
        offered = offer_members(open_offered([str(data)], plans), start, False, None, "")
        setup = make_setup(config, plans, start, CPU, 1, print, offered.members)
        return CoDi(setup=setup, **config.options)

    return build


@pytest.fixture(scope="module")
def conditioned(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The photographs with edges and masks. Do not change it."""
    folder = tmp_path_factory.mktemp("conditioned") / "set"
    shutil.copytree(photographs, folder)
    pairgen.annotate(str(folder), add=["canny", "mask"], executor="serial")
    return folder


def batch_of(data: Path, method: CoDi, num: int = 4) -> Any:
    return next(iter(pairgen.Loader(data, fields=method.fields, batch_size=num)))


def draws(rows: int = 4, step: int = 0, start: int = 0, whole: int = 0) -> Draws:
    return Draws(0, step, start, start + rows, whole or rows, CPU)


def awake(method: CoDi) -> CoDi:
    """Let the branch have an effect, and be another than the averaged one."""
    branch = method._denoiser.branch
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for each in branch.parameters():
            if each.requires_grad:
                each += 0.05 * torch.randn(each.shape, generator=generator)
    return method


@BOTH
def test_a_new_branch_changes_nothing(build, photographs, trains):
    method = build(trains=trains)
    batch = batch_of(photographs, method)
    denoiser, text = method._denoiser, method._prompts.of(batch)
    x, t = draws().normal((4, 8, 8)), torch.tensor([0.0, 20.0, 500.0, 999.0])
    with torch.no_grad():
        expected = method._denoiser.network(x, t, text.tensors["txt_emb"]).sample
        found = [denoiser(x, t, text.with_condition(each)) for each in (x.new_zeros(4, 3, 16, 16),)]
        found.append(denoiser(x, t, text.with_condition(method._conditions.of(batch))))
    for each in found:
        torch.testing.assert_close(each, expected, rtol=1e-6, atol=1e-6)


@BOTH
def test_a_step_beside_a_plain_computation(build, photographs, trains):
    method = awake(build(trains=trains, target_space="v", consistency_weight=0.5))
    batch = batch_of(photographs, method)
    average = method._average()
    awake(method)
    shared = method.forward((STUDENT,), batch, draws())

    again, denoiser = draws(), method._denoiser
    x = method.student().autoencoder.encode(batch.image("png"))
    given = (enlarge(batch.image("lr4.png"), 4) + 1) / 2
    text = method._prompts.of(batch).with_condition(given)
    place = again.one_integer(0, 20)
    assert 0 < place < 19
    t = torch.full((4,), 999.0 - 50 * place, dtype=torch.float64)
    (alpha, sigma), (alpha_s, sigma_s) = map(denoiser.schedule.alpha_sigma, (t, t - 50))
    eps = again.normal((4, 8, 8))
    z_t = column(alpha).float() * x + column(sigma).float() * eps
    x0, noise = x0_eps_of(denoiser, z_t, t, text)
    z_s = (column(alpha_s) * x0 + column(sigma_s) * noise).detach().float()
    _, later = x0_eps_of(average, z_s, t - 50, text)
    _, of_current = x0_eps_of(denoiser, z_s, t - 50, text)
    torch.testing.assert_close(shared.now.x0, x0, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(shared.later.eps, later, rtol=1e-4, atol=1e-5)
    assert (of_current - later).abs().max() > 1e-3

    loss, figures = method.loss(STUDENT, shared, batch, draws())
    target = (x0 - x).square().mean() / sigma[0] ** 2
    consistency = (noise - later).square().mean()
    torch.testing.assert_close(loss.double(), target + 0.5 * consistency, rtol=1e-5, atol=0)
    assert figures.keys() == {"target", "consistency"}


def test_the_next_state_comes_from_the_current_weights(build, photographs):
    """The published script takes the step with weights from before the training."""
    method = build()
    batch, _ = batch_of(photographs, method), method._average()
    before = method.forward((STUDENT,), batch, draws()).later
    after = awake(method).forward((STUDENT,), batch, draws()).later
    assert (after.eps - before.eps).abs().max() > 1e-4
    # A teacher's step does not depend on them, nor do the averaged weights.
    method._teacher = build()._denoiser
    one = method.forward((STUDENT,), batch, draws()).later
    two = awake(method).forward((STUDENT,), batch, draws()).later
    assert torch.equal(one.eps, two.eps)


@BOTH
def test_the_average_follows_the_trained_weights_alone(build, photographs, trains):
    method = build(trains=trains, target_decay=0.75)
    average = method._average()
    trained = {n: each for n, each in method._denoiser.named_parameters() if each.requires_grad}
    assert len(average.state_dict()) == len(trained) > 10
    assert (trains == BRANCH) == all(name.startswith("branch.") for name in trained)
    before = [each.clone() for each in trained.values()]
    awake(method).after_step(0)
    for old, new, found in zip(before, trained.values(), average.buffers(), strict=True):
        torch.testing.assert_close(found, 0.75 * old + 0.25 * new, rtol=1e-6, atol=1e-7)
    # Calling it leaves the weights as they are.
    now = [each.clone() for each in trained.values()]
    method.forward((STUDENT,), batch_of(photographs, method), draws())
    assert all(map(torch.equal, now, trained.values()))
    assert method.kept() == {"target": average}
    assert build(consistency_weight=0.0).kept() == {}


def test_the_average_is_of_adapters_too(photographs, train, options):
    own = {**options, "lora_rank": 2, "ema_decay": 0.0, "steps": 2, "target_decay": 0.5}
    found = tensors(train(photographs, **own).folder)
    assert any("lora" in name or "adapter" in name for name in found)


def test_all_samples_of_a_step_have_one_time_unless_asked_otherwise(build):
    """Also the micro-batches and ranks of it."""
    method = build()
    parts = [
        draw_times(method._grid, 4, draws(4, step=2, start=first, whole=8), same=True)[0]
        for first in (0, 4)
    ]
    assert torch.equal(*parts) and len(set(parts[0].tolist())) == 1
    several = {
        float(draw_times(method._grid, 4, draws(step=step), same=True)[0][0]) for step in range(400)
    }
    assert several == {999.0 - 50 * place for place in range(20)}
    own, after, counted = draw_times(method._grid, 400, draws(400), same=False)
    assert set(own.tolist()) == several
    assert torch.equal(counted, own > 49)
    assert torch.equal(after, own - 50)


def test_every_part_of_a_step_has_the_same_figures(build, photographs):
    """Ranks average them together: a part without a time after its own counts as 0."""
    method = build(same_time=False, learning_steps=2)
    batch = batch_of(photographs, method, 1)
    parts = [draws(1, step) for step in range(40)]
    found = [method.forward((STUDENT,), batch, each) for each in parts]
    counted = [bool(each.counted) for each in found]
    assert True in counted and False in counted
    for shared in found:
        _, figures = method.loss(STUDENT, shared, batch, draws(1))
        assert figures.keys() == {"target", "consistency"}
        assert (figures["consistency"] > 0) == bool(shared.counted)
    together = build(learning_steps=2)
    last = [together.forward((STUDENT,), batch, draws(1, step)) for step in range(10)]
    assert {each.later is None for each in last} == {True, False}


def test_the_grid_ends_at_pure_noise_and_divides_the_times(build):
    schedule = build()._denoiser.schedule
    grid = learning_grid(schedule, 4)
    assert grid.tolist() == [999, 749, 499, 249, -1]
    assert learning_grid(FlowSchedule(), 4).tolist() == [1000, 750, 500, 250, 0]
    message = "learning_steps must divide the 1000 times of the model, one of 1, 2, 4, .* got 30"
    with pytest.raises(ConfigError, match=message):
        learning_grid(schedule, 30)


@pytest.mark.parametrize("pure_noise", [True, False])
def test_at_the_last_time_the_state_is_noise(build, photographs, pure_noise, monkeypatch):
    method = build(pure_noise=pure_noise)
    batch, seen = batch_of(photographs, method), []
    step = next(step for step in range(200) if draws(step=step).one_integer(0, 20) == 0)
    network = method._denoiser.network
    hook = network.conv_in.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    method.forward((STUDENT,), batch, draws(step=step))
    hook.remove()
    again = draws(step=step)
    again.one_integer(0, 20)
    eps = again.normal((4, 8, 8))
    assert torch.equal(seen[0], eps) == pure_noise


@pytest.mark.parametrize("num", [1, 3])
def test_any_number_of_samples_with_guidance(build, photographs, num):
    """The null prompt is one row, for whatever batch."""
    method = awake(build(guidance=3.0, drop_prompts=0.5))
    batch = batch_of(photographs, method, num)
    shared = method.forward((STUDENT,), batch, draws(num))
    assert shared.prompted.x0.shape == (num, 4, 8, 8)
    text = method._prompts.of(batch).with_condition(method._conditions.of(batch))
    null = method._negative.expand(num).with_images_of(text)
    t, x = torch.full((num,), 499.0).double(), draws(num).normal((4, 8, 8))
    prompted, guided = method._said(method._denoiser, x, t, text)
    (_, one), (_, other) = (x0_eps_of(method._denoiser, x, t, each) for each in (text, null))
    torch.testing.assert_close(prompted.eps, one, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(guided.eps, other + 3 * (one - other), rtol=1e-4, atol=1e-4)
    assert (one - other).abs().max() > 1e-4


def hashes(run: Path, folder: Path) -> str:
    return hashlib.sha256((run / folder).read_bytes()).hexdigest()


def test_pe_codi_leaves_the_backbone_as_it_is_and_exports_a_controlnet(
    photographs, train, options, sd15_folder
):
    weights = "unet/diffusion_pytorch_model.safetensors"
    before = hashes(sd15_folder, weights)
    folder = train(photographs, trains=BRANCH, steps=3, **options).folder
    assert hashes(sd15_folder, weights) == before
    assert not (folder / "student/unet").exists()
    loaded = ControlNetModel.from_pretrained(folder / "student")
    assert tuple(loaded.config.conditioning_embedding_out_channels) == (16, 32)
    assert loaded.controlnet_mid_block.weight.abs().max() > 0
    # The network beside it is the model's, and what the grid showed is what the export makes.
    denoiser, _ = load_run(str(folder), "average", CPU)
    assert_equal(
        dict(denoiser.network.state_dict()), load_file(sd15_folder / weights, device="cpu")
    )
    assert_shown(folder, 3)
    assert {name.partition(".")[0] for name in load_file(folder / "last.safetensors")} == {BRANCH}
    # The frozen network runs too.
    record = json.loads((folder / "record.json").read_text())
    branch, network = (sum(p.numel() for p in m.parameters()) for m in (loaded, denoiser.network))
    assert record["num_trained"] == branch + 1
    assert record["num_weights"] == branch + 1 + network


def test_codi_exports_its_own_network_and_the_branch(photographs, train, options, sd15_folder):
    folder = train(photographs, steps=3, **options).folder
    mixture = json.loads((folder / "student/branch/fusion.json").read_text())
    assert mixture["fusion"] == "mixture" and mixture["mu"] != 0.5
    weights = "unet/diffusion_pytorch_model.safetensors"
    assert hashes(folder / "student", weights) != hashes(sd15_folder, weights)
    assert_shown(folder, 3)
    for kind in ("average", "last"):
        denoiser, _ = load_run(str(folder), kind, CPU)
        assert denoiser.branch.fusion == "mixture"
    saved = load_file(folder / "last.safetensors")
    assert torch.equal(denoiser.branch.mu, saved["branch.mu"])


def assert_shown(folder: Path, steps: int) -> None:
    """What the export makes is what the last grid showed, but for rounding."""
    grid = np.array(Image.open(folder / f"grids/{steps:08d}.png"))
    cell = 16 + 2 * MARGIN
    made = grid[:cell, cell : 2 * cell][MARGIN:-MARGIN, MARGIN:-MARGIN]
    assert made.std() > 1
    assert np.abs(shown_pictures(folder)[0].astype(int) - made).max() <= 1


@pytest.mark.parametrize("trains", [ALL, BRANCH])
def test_two_stages_and_a_start_from_a_run(photographs, train, options, trains):
    """An ordinary conditional model first, then consistency along its own path."""
    first = {"consistency_weight": 0.0, "learning_steps": 1000, "same_time": False}
    own = {**options, "trains": trains, "steps": 2}
    conditional = train(photographs, "first", target_space="eps", **first, **own).folder
    assert "student/consistency" not in metrics(conditional)[-1]
    second = {"start_from": str(conditional), "teacher": str(conditional), "target_weight": 0.0}
    folder = train(photographs, "second", consistency_space="x0", **second, **own).folder
    assert metrics(folder)[-1]["student/loss"] == metrics(folder)[-1]["student/consistency"] > 0
    record = json.loads((folder / "record.json").read_text())
    assert record["evaluations_per_sample"] == 5 and record["before"][0]["name"] == "first"


def test_inpainting_sees_the_known_part_and_keeps_it(build, conditioned, train, options):
    method = build(conditioned, task="inpainting")
    assert method.fields == ("png", "mask.png", "txt")
    batch = batch_of(conditioned, method)
    condition = method._conditions.of(batch)
    painted = batch["mask.png"].permute(0, 3, 1, 2) > 127
    assert condition.shape == (4, 4, 16, 16) and 0 < painted.float().mean() < 1
    picture = (batch.image("png") + 1) / 2
    torch.testing.assert_close(condition[:, :3], torch.where(painted, 0.0, picture))
    assert torch.equal(condition[:, 3:], painted.float())
    folder = train(conditioned, task="inpainting", steps=2, **options).folder
    made = shown_pictures(folder)[0].astype(int)
    # The grids and the loader have the samples in another order.
    every = list(pairgen.Loader(conditioned, fields=["png", "mask.png"], batch_size=4))
    batch, row = next((each, i) for each in every for i in range(4) if each.indices[i] == 0)
    stored, mask = (batch[name][row].numpy() for name in ("png", "mask.png"))
    known = mask[..., 0] < 128
    assert np.array_equal(made[known], stored[known])
    assert not np.array_equal(made[~known], stored[~known])


def test_edges_are_a_condition_of_three_equal_channels(build, conditioned):
    method = build(conditioned, task="canny")
    condition = method._conditions.of(batch_of(conditioned, method))
    assert condition.shape == (4, 3, 16, 16)
    assert torch.equal(condition[:, 0], condition[:, 2])
    assert set(condition.unique().tolist()) == {0.0, 1.0}
    recipe = method.student().recipe
    assert (recipe.kind, recipe.source, recipe.scale) == ("conditional", "canny.png", 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "canny"}, "codi needs canny.png, .*`pairgen annotate .* --add canny` adds it"),
        ({"task": "canny", "scale": 2}, "scale is used with task=super-resolution only: .* got 2"),
        ({"scale": 8}, "codi needs lr8.png, .*`pairgen degrade --scales 8` makes"),
        ({"learning_steps": 30}, "learning_steps must divide the 1000 times"),
        ({"consistency_weight": 0, "target_weight": 0}, "One of consistency_weight and target_wei"),
        ({"learning_steps": 1}, "learning_steps must be at least 2 with a consistency_weight"),
        ({"target_decay": 1.0}, "target_decay must be below 1"),
        ({"teacher": "sd15"}, "sd15 is not a finished run"),
        ({"consistency_weight": 0, "teacher": "x"}, "teacher is used with a consistency_weight"),
        ({"trains": "branch", "lora_rank": 4}, "the network of player 'student' does not support"),
        ({"guidance_embedding": True}, "guidance_embedding must be false: the network of codi"),
    ],
)
def test_what_cannot_be_is_one_sentence(photographs, train, options, sd15_folder, changes, message):
    given = {n: str(sd15_folder) if v == "sd15" else v for n, v in changes.items()}
    with pytest.raises(ConfigError, match=message):
        train(photographs, **{**options, **given})
    assert not train.folder.exists()


def test_a_branch_is_trained_beside_the_network_of_the_model(
    photographs, train, build, options, sd15_folder
):
    """The export of a branch alone names that network."""
    mixed = train(photographs, "mixed", steps=1, **options).folder
    with pytest.raises(ConfigError, match="start_from must be a run of trains=branch: the branch"):
        build(trains=BRANCH, start_from=str(mixed))
    before = train(photographs, "before", trains=BRANCH, steps=2, **options).folder
    method = build(trains=BRANCH, start_from=str(before))
    denoiser, _ = load_run(str(before), "average", CPU)
    assert_equal(method._denoiser.branch.last_weights(), denoiser.branch.last_weights())
    weights = load_file(sd15_folder / "unet/diffusion_pytorch_model.safetensors")
    assert_equal(dict(method._denoiser.network.state_dict()), weights)


def test_a_run_without_a_branch_is_no_start(photographs, train, options, levels):
    other = train(levels, "yonos", **{**options, "method": "yonos", "scale": 2}, steps=1).folder
    with pytest.raises(ConfigError, match="yonos must take conditions of 3 channels: it has no co"):
        train(photographs, "refused", start_from=str(other), **options)


def test_a_run_of_another_task_is_neither_start_nor_teacher(
    photographs, conditioned, train, options
):
    for other in ("canny", "inpainting"):
        run = str(train(conditioned, other, task=other, steps=1, **options).folder)
        for name in ("start_from", "teacher"):
            wanted = f"{name} must be a run of task=super-resolution, got one of task={other}: "
            with pytest.raises(ConfigError, match=f"^{wanted}{re.escape(run)}\\.$"):
                train(photographs, "refused", **{name: run}, **options)
            assert not train.folder.exists()
    with pytest.raises(ConfigError, match="of task=canny, got one of task=inpainting"):
        train(conditioned, "refused", task="canny", start_from=run, **options)


def test_another_scale_is_a_start_but_no_teacher(levels, train, options):
    first = str(train(levels, "x2", scale=2, steps=1, **options).folder)
    train(levels, "x4", scale=4, start_from=first, steps=1, **options)
    with pytest.raises(ConfigError, match=r"teacher must be .* given lr4\.png, .* given lr2\.png"):
        train(levels, "refused", scale=4, teacher=first, **options)
    assert not train.folder.exists()


@BOTH
def test_recomputed_activations_and_parts_give_the_same_gradients(
    photographs, train, options, trains
):
    own = {**options, "steps": 1, "clip": 0.0, "trains": trains}
    whole = tensors(train(photographs, "whole", **own).folder)
    parts = train(photographs, "parts", **own, accumulate=2, gradient_checkpointing=True).folder
    assert_same_gradients(tensors(parts), whole, 3e-5)


def test_recomputation_reaches_the_frozen_network_behind_a_branch(build):
    method = build(trains=BRANCH)
    denoiser = method.student().denoiser
    enable_gradient_checkpointing([*method.players().values(), denoiser])
    assert denoiser.network.is_gradient_checkpointing
    assert denoiser.branch.network.is_gradient_checkpointing


def test_a_run_that_stopped_goes_on_in_the_same_bits(photographs, train, options):
    whole = train(photographs, "whole", steps=4, **options).folder
    for steps in (2, 4):
        parts = train(photographs, "parts", steps=steps, resume=True, **options).folder
    assert_equal(tensors(parts), tensors(whole))


@pytest.mark.slow
@BOTH
def test_two_ranks_train_as_one(photographs, options, tmp_path, trains):
    own = {**options, "trains": trains, "steps": 4, "data_parts": 2}
    run(photographs, tmp_path / "one", **own)
    run(photographs, tmp_path / "two", ranks=2, **{**own, "steps": 2})
    run(photographs, tmp_path / "two", **own, resume=True)
    two, one = (tensors(tmp_path / name) for name in ("two", "one"))
    for name in [name for name in one if name.endswith("branch.mu/exp_avg")]:
        # Its gradient is a sum over all features of h_eta - h, which are still almost equal.
        torch.testing.assert_close(two.pop(name), one.pop(name), rtol=1e-3, atol=1e-6)
    # After four steps of AdamW; ranks that do not share gradients differ by all of them.
    assert_same_gradients(two, one, 1e-3)


@pytest.mark.slow
def test_ten_kills_change_no_bit(photographs, options, tmp_path):
    own = {**options, "steps": 32, "checkpoint_every": 3, "cpu_threads": 1}
    assert kills_that_change_no_bit(photographs, tmp_path, 10, **own) >= 8
