"""ADD: what its discriminator sees and is told, and who learns from whom."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import Dinov2Model

import pairgen
from pairgen.draws import Draws
from pairgen.errors import ConfigError
from pairgen.jobs.train.run import run_train
from pairgen.methods._few_steps.game import DISCRIMINATOR
from pairgen.methods.add import ADD, Made
from pairgen.methods.base import STUDENT
from pairgen.sampling.parameterization import column
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from pairgen.training.config import make_train_config
from pairgen.training.runs.start import find_start, make_setup
from tests.training.conftest import OPTIONS
from tests.training.test_train import assert_equal, metrics, tensors
from tests.vision_models import write_dino

CPU = torch.device("cpu")
FIELDS = ["png", "txt"]
NUM = 8


@pytest.fixture
def options(dino, sd15_folder) -> dict[str, Any]:
    return {"method": "add", "model": str(sd15_folder), "features": str(dino), "batch_size": NUM}


@pytest.fixture
def build(photographs, options, one_thread):
    """Build the method as the trainer does."""

    def build(members: Any = None, **changes: Any) -> ADD:
        given = {**options, "data": str(photographs), **changes}
        config = make_train_config(given)
        plans = (read_plan(open_store(str(photographs))),)
        start = find_start(config, plans[0])
        setup = make_setup(config, plans, start, CPU, 1, print, members or {})
        torch.manual_seed(3)
        return ADD(setup=setup, **config.options)

    return build


@pytest.fixture
def batch(photographs):
    return next(iter(pairgen.Loader(str(photographs), fields=FIELDS, batch_size=NUM)))


def draws(step: int = 2, num: int = NUM) -> Draws:
    return Draws(0, step, 0, num, num, CPU)


def hash_of(module: torch.nn.Module) -> str:
    return hashlib.sha256(
        b"".join(each.detach().numpy().tobytes() for each in module.state_dict().values())
    ).hexdigest()


def frozen_of(method: ADD) -> list[torch.nn.Module]:
    return [
        method._x0_of_teacher.frozen.network,
        method._discriminator.features.network,
        method._autoencoder.network,
    ]


def test_the_student_sees_noise_alone_at_the_first_time_and_noised_images_at_others(build, batch):
    method = build()
    seen: list[Any] = []
    method._student.denoiser.forward = lambda x, t, conditioning, scales: seen.append((x, t)) or x
    made = method.forward((STUDENT,), batch, draws())
    ((x, t),) = seen
    again = draws()
    assert torch.equal(method._student.draw_times(again, (1, 1, 1, 1)), t)
    eps = again.normal(tuple(x.shape[1:]))
    latents = method._latents.hr(batch, again)
    schedule = method._student.denoiser.schedule
    alpha, sigma = (column(each.float()) for each in schedule.alpha_sigma(t))
    is_first = t == 999
    assert is_first.any()
    assert not is_first.all()
    assert torch.equal(x[is_first], eps[is_first])
    assert torch.equal(x[~is_first], (alpha * latents + sigma * eps)[~is_first])
    assert made.images.shape == made.real.shape


def test_backward_simulation_gives_it_what_its_own_steps_reach(build, batch):
    method = build(backward_simulation=True, conditioning="text")
    student = method._student
    conditioning = method._teacher.encode_prompts(list(batch.texts["txt"]))
    t = torch.tensor([999, 749, 499, 249] * 2).double()
    eps = draws().normal(tuple(student.denoiser.latent_shape))
    found = student.simulated_state(eps, t, conditioning, None)
    # Every state is a point of the trajectory with which four steps sample.
    x = eps
    for number, time in enumerate((999.0, 749.0, 499.0, 249.0)):
        rows = slice(number, None, 4)
        torch.testing.assert_close(found[rows], x[rows])
        if time == 249:
            break
        at = torch.full((NUM,), time, dtype=torch.float64)
        after = torch.full((NUM,), time - 250, dtype=torch.float64)
        with torch.no_grad():
            eps_made = student.denoiser(x, at, conditioning, None)
        alpha, sigma = (column(each.float()) for each in student.denoiser.schedule.alpha_sigma(at))
        x0 = (x - sigma * eps_made) / alpha
        alpha, sigma = (
            column(each.float()) for each in student.denoiser.schedule.alpha_sigma(after)
        )
        x = alpha * x0 + sigma * eps_made
    assert "moments.npy" not in method.fields


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"distill_space": "latent", "distill_weighting": "sds", "guidance": 3},
        {"distill_weighting": "nfsd", "head_norm": "group", "game": "softplus"},
        {"mismatched_weight": 1.0, "conditioning": "text", "blur_sigma": 2, "blur_steps": 5},
        {"backward_simulation": True, "conditioning": "none", "discriminator_updates": 2},
    ],
)
def test_no_gradient_crosses_and_what_is_frozen_stays(build, batch, changes):
    method = build(**changes)
    before = [hash_of(each) for each in frozen_of(method)]
    heads, network = method._discriminator.heads, method._student.denoiser.network
    for step in range(2):
        shared = method.forward((DISCRIMINATOR, STUDENT), batch, draws(step))
        loss, _ = method.loss(DISCRIMINATOR, shared, batch, draws(step))
        loss.backward()
        assert all(each.grad is None for each in network.parameters())
        assert any(each.grad.abs().max() > 0 for each in heads.parameters())
        heads.zero_grad(set_to_none=True)
        loss, _ = method.loss(STUDENT, shared, batch, draws(step))
        loss.backward(inputs=list(network.parameters()))
        assert all(each.grad is None for each in heads.parameters())
        assert any(each.grad.abs().max() > 0 for each in network.parameters())
        network.zero_grad(set_to_none=True)
        method.after_step(step)
    for each, was in zip(frozen_of(method), before, strict=True):
        assert hash_of(each) == was
        assert all(weight.grad is None for weight in each.parameters())


def test_the_penalty_is_that_of_the_inputs_of_the_heads_on_real_images_alone(build, batch):
    method = build(r1_gamma=1.0)
    shared = method.forward((DISCRIMINATOR,), batch, draws())
    _, figures = method.loss(DISCRIMINATOR, shared, batch, draws())
    discriminator = method._discriminator
    with torch.no_grad():
        tokens = discriminator.tokens(shared.real, draws())
    for each in tokens:
        each.requires_grad_(True)
    logits = discriminator.judge(tokens, shared.judged)
    slopes = [
        torch.autograd.grad(one.sum(), each, retain_graph=True)[0].square().flatten(1).sum(1)
        for one, each in zip(logits, tokens, strict=True)
    ]
    assert float(figures["r1"]) == pytest.approx(float(torch.stack(slopes).mean()), rel=1e-5)


def test_in_pixels_the_distance_is_that_of_decoded_images(build, batch):
    method = build()
    shared = method.forward((STUDENT,), batch, draws())
    _, figures = method.loss(STUDENT, shared, batch, draws())
    again = draws()
    method._discriminator.student_loss(shared.images, shared.judged, again)
    x0, weight = method._x0_of_teacher.of(shared.latents.detach(), shared.conditioning, again)
    with torch.no_grad():
        difference = shared.images - method._autoencoder.decode(x0)
        expected = (weight * difference.square().flatten(1).mean(1)).mean()
    assert float(figures["distill"]) == pytest.approx(float(expected), rel=1e-5)


def test_without_distillation_no_teacher_is_loaded(build, batch):
    method = build(distill_weight=0)
    assert method._x0_of_teacher is None
    shared = method.forward((STUDENT,), batch, draws())
    assert method.loss(STUDENT, shared, batch, draws())[1].keys() == {"gan", "latent_std"}


def test_where_the_student_saw_noise_alone_heads_can_be_kept_from_the_real_image(build, batch):
    method = build(image_at_noise="drop")
    judged = method.forward((STUDENT,), batch, draws()).judged
    saw_noise = method._student.draw_times(draws(), (1, 1, 1, 1)) == 999
    assert (judged.image[saw_noise] == 0).all()
    assert (judged.image[~saw_noise].square().mean(1) - 1).abs().max() < 1e-5
    kept = build(image_at_noise="keep").forward((STUDENT,), batch, draws()).judged
    assert (kept.image[saw_noise] != 0).any()


def test_annotated_embeddings_are_read(build):
    members = {
        "clip_text.npy": {"dtype": "float16", "shape": [5]},
        "dino_cls.npy": {"dtype": "float16", "shape": [7]},
    }
    method = build(members)
    assert {"clip_text.npy", "dino_cls.npy"} <= set(method.fields)
    assert method._conditions.width == 12
    assert not {"clip_text.npy", "dino_cls.npy"} & set(build().fields)
    assert "dino_cls.npy" not in build(members, conditioning="text").fields


def test_captions_are_exchanged_in_twos_and_equal_ones_do_not_count(build, batch):
    method = build(mismatched_weight=1.0, head_norm="group", r1_gamma=0)
    shared = method.forward((DISCRIMINATOR,), batch, draws())
    others, differ = shared.judged.exchanged()
    texts = batch.texts["txt"]
    assert differ.tolist() == [texts[i] != texts[i ^ 1] for i in range(NUM)]
    assert torch.equal(others.text, shared.judged.text[[i ^ 1 for i in range(NUM)]])
    assert torch.equal(others.image, shared.judged.image)
    alike = Made(
        shared.real,
        shared.latents,
        shared.images,
        shared.conditioning,
        type(shared.judged)(shared.judged.text[:1].expand(NUM, -1), shared.judged.image),
    )
    _, figures = method.loss(DISCRIMINATOR, alike, batch, draws())
    assert figures["mismatched"] == 0


@pytest.mark.parametrize("num", [1, 3])
def test_a_batch_may_be_short(build, batch, num):
    method = build(mismatched_weight=1.0)
    few = batch.rows(0, num)
    shared = method.forward((DISCRIMINATOR, STUDENT), few, draws(num=num))
    for player in (DISCRIMINATOR, STUDENT):
        loss, _ = method.loss(player, shared, few, draws(num=num))
        assert loss.isfinite()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"accumulate": 4}, "multiple of norm_batch, 8 samples .* got 2: set norm_batch=2"),
        ({"mismatched_weight": 1, "conditioning": "image"}, "conditioning must be text or both"),
        ({"mismatched_weight": 1, "batch_size": 3, "norm_batch": 1}, "must be even, got 3"),
        ({"blur_sigma": 2}, "belong together"),
        ({"feature_blocks": 9}, "feature_blocks must be from 1 to 2"),
        ({"features_px": 30}, "multiple of the 14 px"),
        ({"features": "none-such"}, "features must be a folder or a hub id such as"),
        ({"backward_simulation": True}, "conditioning must be none or text, got both"),
        ({"image_at_noise": "drop", "conditioning": "image"}, "used with conditioning=both only"),
        ({"distill_weight": 0, "guidance": 7}, "guidance is used with distill_weight above 0 only"),
        ({"head_norm": "group", "norm_batch": 3}, "used with head_norm=local_batch only"),
        ({"student_steps": 3}, "times must hold those that student_steps=3 visits, 999, 666, 332"),
        ({"guidance_embedding": True}, "guidance_embedding must be false: the samples of the"),
        ({"time_weights": "1,2"}, "a weight for each of the 4 times"),
    ],
)
def test_what_cannot_be_is_one_sentence(photographs, train, options, changes, message):
    with pytest.raises(ConfigError, match=message):
        train(photographs, steps=1, **{**options, **changes})


def test_a_run_that_stopped_goes_on_in_the_same_bits(photographs, train, options):
    given = {**options, "checkpoint_every": 2, "discriminator_updates": 2}
    whole = train(photographs, "whole", steps=4, **given).folder
    train(photographs, "parts", steps=2, **given)
    parts = train(photographs, "parts", steps=4, resume=True, **given).folder
    assert_equal(tensors(parts), tensors(whole))
    assert "student/distill" in metrics(whole)[-1]
    assert "discriminator/right" in metrics(whole)[-1]


def num_read(run: Path) -> int:
    """Return how many sets samples are read from, overlays included."""
    state = json.loads((run / "checkpoints/00000001/state.json").read_text())
    (read,) = state["loader"]["sets"]
    return len(read["fingerprints"])


def test_annotations_are_read_as_long_as_they_are_of_the_images(
    photographs, dino, train, options, tmp_path
):
    data = tmp_path / "set"
    shutil.copytree(photographs, data)
    pairgen.annotate(str(data), add="dino", model=str(dino), executor="serial")
    run = train(data, "whole", steps=1, **options).folder
    assert num_read(run) == 2
    assert "Embeddings are computed anew" not in " ".join(train.said)
    cropped = train(data, "cropped", steps=1, **options, crop=8).folder
    assert num_read(cropped) == 1
    assert "Embeddings are computed anew: the dino_cls.npy of" in " ".join(train.said)


def test_embeddings_of_another_picture_are_not_those_of_the_real_image(
    photographs, dino, train, options, tmp_path
):
    data = tmp_path / "set"
    shutil.copytree(photographs, data)
    annotate = {"model": str(dino), "executor": "serial"}
    pairgen.annotate(str(data), add="dino", options={"image": "lr4.png"}, **annotate)
    run = train(data, "of_lr", steps=1, **options).folder
    assert num_read(run) == 1
    overlay = f"{data}.annotations/dino"
    reason = (
        f"Embeddings are computed anew: the dino_cls.npy of {overlay} is of lr4.png, not of HR."
    )
    assert reason in train.said
    moments = {"options": {"image": "lr4.png"}, "model": options["model"], "executor": "serial"}
    pairgen.annotate(str(data), add="moments", **moments)
    assert num_read(train(data, "of_lr_too", steps=1, **options).folder) == 1
    told = f"anew: the moments.npy of {data}.annotations/moments is of lr4.png, not of HR."
    assert told in " ".join(train.said)
    shutil.rmtree(f"{data}.annotations")
    pairgen.annotate(str(data), add="dino", options={"image": "png"}, **annotate)
    assert num_read(train(data, "of_hr", steps=1, **options).folder) == 2


def test_in_half_precision_every_weight_learns_behind_simulated_steps(build, batch):
    """Casts of weights that the simulated steps made have no graph."""
    method = build(backward_simulation=True, conditioning="text")
    with torch.autocast("cpu", torch.bfloat16):
        shared = method.forward((DISCRIMINATOR, STUDENT), batch, draws())
        loss, _ = method.loss(STUDENT, shared, batch, draws())
    loss.backward()
    weights = dict(method._student.denoiser.network.named_parameters())
    assert loss.isfinite()
    assert [name for name, each in weights.items() if each.grad is None] == []


def test_adapters_of_the_student_leave_the_teacher_as_it_was(photographs, train, options, build):
    before = hash_of(build()._x0_of_teacher.frozen.network)
    run = train(photographs, steps=2, **options, **{"student.lora_rank": 2}).folder
    trained = load_file(run / "checkpoints/00000002/student.safetensors")
    assert all("lora" in name for name in trained)
    assert hash_of(build()._x0_of_teacher.frozen.network) == before


def test_embeddings_of_two_models_are_not_read_together(
    photographs, dino, train, options, tmp_path
):
    other = write_dino(tmp_path / "other")
    network = Dinov2Model.from_pretrained(other)
    torch.nn.init.zeros_(network.layernorm.bias)
    torch.nn.init.ones_(network.embeddings.cls_token)
    network.save_pretrained(other)
    sets = [tmp_path / "a", tmp_path / "b"]
    for data, model in zip(sets, (dino, other), strict=True):
        shutil.copytree(photographs, data)
        pairgen.annotate(str(data), add="dino", model=str(model), executor="serial")
    given = {**options, "data": [str(each) for each in sets], "steps": 1}
    run_train({**OPTIONS, **given, "out": str(tmp_path / "run")}, train.said.append)
    assert "are made differently" in " ".join(train.said)
