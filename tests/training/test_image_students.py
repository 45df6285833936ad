"""Students that make images from images: trained, shown, exported, run by pairgen and diffusers."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from diffusers import AutoencoderKL, UNet2DConditionModel
from PIL import Image

import pairgen
from pairgen.errors import ConfigError
from pairgen.image_recipe import ImageRecipe
from pairgen.kinds.image_model import check_image_model, load_image_model
from pairgen.kinds.image_pictures import student_pictures
from pairgen.kinds.image_sampling import ImageSampling
from pairgen.kinds.image_student import (
    ImageModel,
    Noises,
    as_input,
    draw_noises,
    make_images,
    model_of,
)
from pairgen.model_config import find_model
from pairgen.model_files import FILES
from pairgen.sampling.enlarge import enlarge
from pairgen.seeding import noise_for
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from pairgen.teachers.base import Teacher
from pairgen.training.config import make_train_config
from pairgen.training.runs.start import find_start, make_setup
from pairgen.training.students.grid_file import MARGIN
from pairgen.training.students.image_to_image import load_shown
from tests.training.toy_restorer import ToyRestorer

TOY = "tests.training.toy_restorer"
CPU = torch.device("cpu")
# Both starts that later methods have.
AT_IMAGE = {"start": "image", "concat": False}
AT_NOISE = {"start": "noise", "concat": True, "time": 999.0}
STARTS = {"image": AT_IMAGE, "noise": AT_NOISE}
# A first layer that takes an image is new, so it is trained as a whole.
ADAPTED = {"train_encoder": True, "lora_rank": 2, "lr": 1e-2}
ADAPTED_STARTS = {
    "image": {**AT_IMAGE, **ADAPTED},
    "noise": {**AT_NOISE, **ADAPTED, "student.unet.trained_layers": "conv_in"},
}


@pytest.fixture
def restore(train, photographs, sd15_folder):
    """Train a toy restorer; return its folder."""

    def run(out: str = "run", **options) -> Path:
        given = {"method": TOY, "model": str(sd15_folder), "steps": 3, "batch_size": 4, **options}
        return train(photographs, out, **given).folder

    return run


def loaded(run: Path) -> tuple[ImageModel, Teacher]:
    model = find_model(str(run))
    check_image_model(model)
    return load_image_model(model, torch.float32, CPU)


def shown_pictures(run: Path) -> np.ndarray:
    """Return what the finished student makes of the images in its grids."""
    shown = load_shown(run / "validation.npz")
    model, teacher = loaded(run)
    made = student_pictures(
        model, teacher, shown.given, shown.prompts, 0, shown.indices.tolist(), 16
    )
    return np.concatenate(list(made))


@pytest.mark.parametrize("start", STARTS)
def test_grids_show_given_student_and_target_and_the_export_makes_the_same(restore, start):
    run = restore(**STARTS[start], grid_every=2, num_grid_prompts=3)
    assert sorted(path.name for path in (run / "grids").iterdir()) == [
        "00000002.png",
        "00000003.png",
    ]
    grid = np.array(Image.open(run / "grids/00000003.png"))
    cell = 16 + 2 * MARGIN
    assert grid.shape == (3 * cell, 3 * cell, 3)
    cells = grid.reshape(3, cell, 3, cell, 3).transpose(0, 2, 1, 3, 4)
    given, made, target = cells[:, :, MARGIN:-MARGIN, MARGIN:-MARGIN].swapaxes(0, 1)
    shown = load_shown(run / "validation.npz")
    assert shown.given.shape == (3, 4, 4, 3) and shown.prompts == ("a cat",) * 3
    assert np.array_equal(target, shown.targets)
    larger = torch.nn.functional.interpolate(
        as_input(shown.given, CPU), scale_factor=4, mode="bicubic"
    ).clamp(-1, 1)
    assert (as_input(given, CPU) - larger).abs().max() <= 1 / 127.5
    # The exported student is that of the last grid, but for rounding.
    assert np.abs(shown_pictures(run).astype(int) - made).max() <= 1


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("posterior", ["mean", "sample"])
def test_the_code_on_the_card_makes_the_same_image(restore, monkeypatch, start, posterior):
    run = restore(**ADAPTED_STARTS[start], posterior=posterior)
    (code,) = re.findall(r"^```python\n(.*?)^```$", (run / "README.md").read_text(), re.M | re.S)
    assert len([line for line in code.splitlines() if line]) <= 17
    shown = load_shown(run / "validation.npz")
    Image.fromarray(shown.given[0]).save(run / "given.png")
    monkeypatch.chdir(run)
    names: dict = {}
    exec(code, names)
    model, teacher = loaded(run)
    # In the order in which the code draws them.
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randn((1, 4, 8, 8), generator=generator) for _ in range(2)]
    noises = Noises(
        posterior=drawn.pop(0) if posterior == "sample" else None,
        start=drawn.pop(0) if start == "noise" else None,
    )
    expected = make_images(
        model, as_input(shown.given[:1], CPU), teacher.encode_prompts(["a cat"]), noises
    )
    torch.testing.assert_close(names["made"], expected, rtol=0, atol=1e-4)


@pytest.fixture
def toy(photographs, sd15_folder, one_thread):
    """Build the toy as the trainer does."""

    def build(**options) -> ToyRestorer:
        config = make_train_config(
            {"method": TOY, "data": str(photographs), "model": str(sd15_folder), **options}
        )
        plans = (read_plan(open_store(str(photographs))),)
        setup = make_setup(config, plans, find_start(config, plans[0]), CPU, 1, print)
        return ToyRestorer(setup=setup, **options)

    return build


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("posterior", ["mean", "sample"])
def test_one_step_is_the_methods_own(toy, photographs, start, posterior):
    method = toy(**STARTS[start], posterior=posterior)
    if start == "noise":
        # At first the image has no effect.
        torch.nn.init.normal_(method.denoiser.network.conv_in.weight, std=0.1)
    batch = next(iter(pairgen.Loader(photographs, fields=["lr4.png"], batch_size=3)))
    given = batch.image("lr4.png")
    model = model_of(method.student(), method.teacher.negative)
    noises = draw_noises(model, 5, [7, 8, 9], (4, 4), CPU)
    assert (noises.start is None, noises.posterior is None) == (
        start == "image",
        posterior == "mean",
    )
    with torch.no_grad():
        expected = method.make(given, None, noises.start, noises.posterior).clamp(-1, 1)
    texts = method.teacher.encode_prompts(["a cat"] * 3)
    made = make_images(model, given, texts, noises)
    torch.testing.assert_close(made, expected, rtol=0, atol=1e-4)
    assert expected.std() > 0.01
    # Every image has its own noises, whatever it is made beside.
    alone = make_images(model, given[1:2], texts[1:2], draw_noises(model, 5, [8], (4, 4), CPU))
    torch.testing.assert_close(made[1:2], alone, rtol=0, atol=1e-4)
    if start == "noise":
        noise = np.stack([noise_for(5, index, (4, 8, 8), "float32") for index in (7, 8, 9)])
        assert np.array_equal(noises.start.numpy(), noise)


def test_guidance_is_by_the_prompt_and_both_halves_see_the_image(toy):
    method = toy(**AT_NOISE)
    torch.nn.init.normal_(method.denoiser.network.conv_in.weight, std=0.1)
    student = method.student()
    student = replace(student, sampling={**student.sampling, "cfg": 3})
    model = model_of(student, method.teacher.negative)
    assert model.evaluations == 2
    given = torch.rand((2, 3, 4, 4)) * 2 - 1
    noises = draw_noises(model, 0, [0, 1], (4, 4), CPU)
    texts = [method.teacher.encode_prompts([prompt] * 2) for prompt in ("a cat", "")]
    made = make_images(model, given, texts[0], noises)
    latent = method.autoencoder.encode(enlarge(given, 4))
    t = torch.full((2,), 999.0, dtype=torch.float64)
    with torch.no_grad():
        by_text, without = (
            method.denoiser(noises.start, t, text.with_image(latent)) for text in texts
        )
        output = without + 3 * (by_text - without)
        alpha, sigma = (float(each[0]) for each in method.denoiser.schedule.alpha_sigma(t))
        expected = method.autoencoder.decode((noises.start - sigma * output) / alpha)
    torch.testing.assert_close(made, expected.clamp(-1, 1), rtol=0, atol=1e-3)


def test_it_may_take_several_steps(restore):
    """The code on the card is a loop then."""
    run = restore(**AT_NOISE)
    model, teacher = loaded(run)
    sampling = ImageSampling(steps=3, solver="ddim", spacing="trailing", end="t0")
    several = replace(model, sampling=sampling)
    assert several.evaluations == 3
    given = torch.rand((1, 3, 4, 4)) * 2 - 1
    noises = draw_noises(model, 0, [0], (4, 4), CPU)
    text = teacher.encode_prompts(["a cat"])
    latent = model.autoencoder.encode(enlarge(given, 4))
    x = noises.start
    grid = sampling.grid(model.schedule)
    for i in range(3):
        t = torch.full((1,), grid.times[i], dtype=torch.float64)
        x0, eps = teacher.predict(x, t, text.with_image(latent), None)
        x = grid.alphas[i + 1] * x0 + grid.sigmas[i + 1] * eps
    expected = model.autoencoder.decode(x).clamp(-1, 1).detach()
    torch.testing.assert_close(make_images(several, given, text, noises), expected)


@pytest.mark.parametrize("start", STARTS)
def test_the_export_loads_with_diffusers_and_its_adapters_give_the_same(
    restore, sd15_folder, start
):
    run = restore(**ADAPTED_STARTS[start])
    unet = UNet2DConditionModel.from_pretrained(run / "student/unet")
    assert unet.config.in_channels == (8 if start == "noise" else 4)
    vae = AutoencoderKL.from_pretrained(run / "student/vae")
    before = AutoencoderKL.from_pretrained(sd15_folder / "vae")
    picture = torch.rand((1, 3, 16, 16)) * 2 - 1
    with torch.no_grad():
        ours, theirs = (each.encode(picture).latent_dist.mean for each in (vae, before))
    assert (ours - theirs).abs().max() > 1e-4
    files = {"pytorch_lora_weights.safetensors", "vae.safetensors"}
    if start == "noise":
        files.add("unet.layers.safetensors")
        assert unet.conv_in.weight[:, 4:].abs().max() > 1e-3
    assert {path.name for path in (run / "lora").iterdir()} == files
    # On the teacher's VAE, the adapter makes the student's.
    before.load_lora_adapter(run / "lora", weight_name="vae.safetensors", prefix=None)
    with torch.no_grad():
        adapted = before.encode(picture).latent_dist.mean
    torch.testing.assert_close(adapted, ours, rtol=1e-3, atol=1e-4)


def test_a_pixel_model_restores_too(train, photographs, unconditional_folder, tmp_path):
    model = tmp_path / "pixels.yaml"
    numbers = "dtype: float32\nbatch_size: 4\nsamples_per_shard: 8\n"
    model.write_text(f"teacher: pixel_unet\nlocation: {unconditional_folder}\n{numbers}")
    options = {"method": TOY, "model": str(model), "steps": 2, "batch_size": 4}
    run = train(photographs, **options, num_grid_prompts=2).folder
    grid = np.array(Image.open(run / "grids/00000002.png"))
    cell = 16 + 2 * MARGIN
    made = grid[:cell, cell : 2 * cell][MARGIN:-MARGIN, MARGIN:-MARGIN]
    assert np.abs(shown_pictures(run)[0].astype(int) - made).max() <= 1
    assert "```python" not in (run / "README.md").read_text()


def test_a_conditional_student_has_prompts_of_its_own(restore):
    run = restore(kind="conditional", source="lr2.png", scale=2, prompts="txt", **AT_NOISE)
    assert set(load_shown(run / "validation.npz").prompts) == {"bridge"}
    card = (run / "README.md").read_text()
    assert "makes images from a prompt and an image like `lr2.png`" in card
    assert "Each image has a prompt of its own (`txt`)." in card
    assert list((run / "grids").iterdir())


def test_the_model_file_says_what_is_done(restore):
    run = restore(steps=1)
    text = (run / "model.yaml").read_text()
    written = yaml.safe_load(text)
    model = find_model(str(run))
    assert model.image == ImageRecipe(**written["image"])
    assert written["sampling"] == {
        "cfg": 1,
        "steps": 1,
        "solver": "ddim",
        "spacing": "700",
        "end": "clean",
    }

    # A user changes it on purpose.
    (run / FILES).unlink()

    def broken(**changes) -> str:
        section = {**written["image"], **changes}
        kept = {key: value for key, value in section.items() if value is not None}
        (run / "model.yaml").write_text(yaml.safe_dump({**written, "image": kept}))
        with pytest.raises(ConfigError) as found:
            find_model(str(run))
        assert str(run / "model.yaml") in str(found.value)
        return str(found.value)

    assert "image.kind must be one of restoration, conditional, got 'restore'" in broken(
        kind="restore"
    )
    assert "image.scale must be an integer in 1..64, got 0" in broken(scale=0)
    assert "image.start must be one of image, noise" in broken(start="middle")
    assert "image.concat must be true or false, got 'yes'" in broken(concat="yes")
    assert "image.posterior must be one of mean, sample" in broken(posterior="mode")
    assert "image.source must be text, got 4" in broken(source=4)
    assert "image.target must be the name of a member, got ''" in broken(target="")
    assert "image.concat or image.branch must be true if image.start is noise" in broken(
        start="noise"
    )
    assert "Unknown key 'begin'" in broken(begin="noise")
    assert "lacks source" in broken(source=None)
    (run / "model.yaml").write_text(yaml.safe_dump({**written, "image": "lr4.png"}))
    with pytest.raises(ConfigError, match="must hold `key: value` lines"):
        find_model(str(run))

    (run / "model.yaml").write_text(
        yaml.safe_dump({**written, "image": {**written["image"], "concat": True}})
    )
    with pytest.raises(ConfigError, match=r"concat of run must be false: its network takes no"):
        loaded(run)
    (run / "model.yaml").write_text(yaml.safe_dump({**written, "sampling": {"steps": 1}}))
    with pytest.raises(ConfigError, match="sampling of run lacks solver, spacing, end"):
        loaded(run)


def test_commands_that_make_images_from_text_refuse_it(restore, tmp_path):
    run = str(restore(steps=1))
    does = r"model must .* text alone, but run makes them from images \(restoration of lr4\.png\)"
    calls = {
        "ode": {"out": str(tmp_path / "set"), "executor": "serial"},
        "calibrate": {"out": str(tmp_path / "calibration"), "num_prompts": 2},
    }
    for name, options in calls.items():
        with pytest.raises(ConfigError, match=does):
            getattr(pairgen, name)(model=run, **options)
    with pytest.raises(ConfigError, match="condition must be given, such as pictures/: run makes"):
        pairgen.sample(model=run, prompts="a cat", out=str(tmp_path / "cat.png"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]


def test_what_does_not_fit_the_network_is_found_before_the_first_step(restore):
    for options, message in (
        ({"time": 5000.0}, r"spacing 5000 must name as many times .* in .0, 999"),
        ({"takes_image": True}, "concat of the student must be true: its network takes an image"),
        ({"scale": 0}, "image.scale must be an integer in 1..64, got 0"),
    ):
        with pytest.raises(ConfigError, match=message):
            restore(f"run{len(message)}", **options)


def test_grids_are_left_out_where_the_samples_cannot_be_shown(restore, train):
    """The toy trains on pairs of another scale than its recipe says; no grid could show them."""
    run = restore(scale=2, trained_scale=4)
    assert not (run / "grids").exists() and (run / "student").is_dir()
    (told,) = (said for said in train.said if "without validation grids" in said)
    assert "png of" in told and "must be 2 times as large as lr4.png, 8 x 8 px" in told
