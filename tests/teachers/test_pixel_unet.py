"""Parity with diffusers on small random pixel-space models, labels, and what is refused.

Everything here is float32 on the CPU with one thread, where equal arithmetic gives equal bits.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DDIMPipeline, DDIMScheduler, UNet2DModel
from torch import Tensor

from pairgen.errors import ConfigError, TeacherLoadError
from pairgen.sampling.grid import make_grid
from pairgen.sampling.sampler import sample
from pairgen.sampling.solvers import SOLVERS
from pairgen.teachers import pixel_unet
from pairgen.teachers._pretrained.quiet import quiet
from tests.true_classes import write_pixels

NAMES = ("cat", "dog")
NULL = 2
BATCH = 4

pytestmark = pytest.mark.usefixtures("one_thread")


def build(folder: Path, negative_prompt: str = "", **options: Any) -> Any:
    return pixel_unet.build(
        location=str(folder),
        device=torch.device("cpu"),
        dtype=torch.float32,
        negative_prompt=negative_prompt,
        **options,
    )


def make_noise(channels: int = 3) -> Tensor:
    return torch.randn(BATCH, channels, 8, 8, generator=torch.Generator().manual_seed(1))


def run_ours(
    teacher: Any, prompts: list[str], guidance: float | None, spacing: str, steps: int
) -> Tensor:
    conditioning = teacher.encode_prompts(prompts)
    scales = None if guidance is None else torch.full((BATCH,), guidance)
    latent, _ = sample(
        lambda x, t: teacher.predict(x, t, conditioning, scales),
        make_noise(teacher.latent_shape[0]),
        make_grid(teacher.schedule, spacing, steps, "t0"),
        SOLVERS["ddim"],
    )
    return latent


def ddim_scheduler(folder: Path, spacing: str) -> DDIMScheduler:
    with quiet():
        return DDIMScheduler.from_pretrained(
            folder,
            subfolder="scheduler",
            timestep_spacing=spacing,
            set_alpha_to_one=False,
            clip_sample=False,
        )


@pytest.mark.parametrize(("spacing", "steps"), [("leading", 10), ("trailing", 20)])
def test_ddim_equals_the_pipeline_of_diffusers_bit_for_bit(unconditional_folder, spacing, steps):
    with quiet():
        pipeline = DDIMPipeline.from_pretrained(unconditional_folder)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = ddim_scheduler(unconditional_folder, spacing)
    theirs = pipeline(
        batch_size=BATCH,
        generator=torch.Generator().manual_seed(1),
        num_inference_steps=steps,
        output_type="pt",
    ).images
    teacher = build(unconditional_folder)
    ours = run_ours(teacher, ["anything", "a", "b", ""], None, spacing, steps)
    assert torch.equal(teacher.decode(ours) / 2 + 0.5, theirs)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("guidance", [None, 3.0])
def test_ddim_with_classes_equals_a_loop_of_diffusers(tmp_path, prediction, guidance):
    # No pipeline of diffusers takes class labels for this network: its scheduler and network do.
    folder = write_pixels(tmp_path / "model", NAMES, prediction=prediction)
    unet = UNet2DModel.from_pretrained(folder / "unet").requires_grad_(False)
    scheduler = ddim_scheduler(folder, "trailing")
    scheduler.set_timesteps(20)
    labels, null = torch.tensor([0, 1, 1, 0]), torch.full((BATCH,), NULL)
    x = make_noise()
    for t in scheduler.timesteps:
        if guidance is None:
            output = unet(x, t, labels).sample
        else:
            both = unet(torch.cat([x, x]), t, torch.cat([null, labels])).sample
            unprompted, prompted = both.chunk(2)
            output = unprompted + guidance * (prompted - unprompted)
        x = scheduler.step(output, t, x).prev_sample
    teacher = build(folder, null_label=NULL)
    ours = run_ours(teacher, ["cat", "dog", "1", "0"], guidance, "trailing", 20)
    assert torch.equal(ours, x)


def test_a_label_is_a_number_or_a_name_and_classes_differ(tmp_path):
    teacher = build(write_pixels(tmp_path / "model", NAMES), null_label=NULL)
    encoded = teacher.encode_prompts(["dog", "1", "cat", "2"]).tensors["class_labels"]
    assert encoded.dtype == torch.int64
    assert encoded.tolist() == [1, 1, 0, 2]
    latents = run_ours(teacher, ["dog"] * BATCH, None, "trailing", 5)
    assert not torch.equal(latents, run_ours(teacher, ["cat"] * BATCH, None, "trailing", 5))
    for wrong in ("dof", "3", "", "Cat"):
        with pytest.raises(ConfigError, match="is no class label"):
            teacher.encode_prompts([wrong])


def test_names_come_from_the_options_before_the_folder(tmp_path):
    folder = write_pixels(tmp_path / "model", NAMES)
    labels = ["Katze", "Hund"]
    teacher = build(folder, labels=labels, null_label=NULL)
    assert teacher.encode_prompts(["Hund"]).tensors["class_labels"].tolist() == [1]
    described = pixel_unet.describe(location=str(folder), labels=labels, null_label=NULL)
    assert described.labels is not None and described.labels.names == ("Katze", "Hund")
    # Names do not change a picture; the null label does.
    assert described.identity == pixel_unet.describe(location=str(folder), null_label=2).identity
    other = pixel_unet.describe(location=str(folder), labels=["a", "b", "c"]).identity
    assert described.identity != other


def test_guidance_leads_away_from_the_null_label_or_the_negative_prompt(tmp_path):
    folder = write_pixels(tmp_path / "model", NAMES)
    assert build(folder, null_label=NULL).negative.tensors["class_labels"].tolist() == [NULL]
    negative = build(folder, "dog", null_label=NULL).negative
    assert negative.tensors["class_labels"].tolist() == [1]
    with pytest.raises(ConfigError, match="'blurry' is no class label"):
        build(folder, "blurry", null_label=NULL)


@pytest.mark.parametrize("names", [(), NAMES])
def test_without_a_null_label_there_is_no_guidance(tmp_path, names):
    folder = write_pixels(tmp_path / "model", names, null_class=False)
    assert not pixel_unet.describe(location=str(folder)).guidable
    with pytest.raises(ConfigError, match="Guidance needs a null_label"):
        run_ours(build(folder), ["0"] * BATCH, 3.0, "trailing", 5)


def test_an_unconditional_model_ignores_prompts_and_says_so(unconditional_folder):
    described = pixel_unet.describe(location=str(unconditional_folder))
    assert described.identity["conditioning"] == "none, prompts are ignored"
    assert described.labels is None
    teacher = build(unconditional_folder)
    latents = run_ours(teacher, ["a fox", "", "3", "x"], None, "trailing", 5)
    assert torch.equal(latents, run_ours(teacher, ["an owl"] * BATCH, None, "trailing", 5))


def test_gray_pictures_are_shown_three_times_and_come_back(tmp_path):
    teacher = build(write_pixels(tmp_path / "model", channels=1))
    assert teacher.latent_shape == (1, 8, 8)
    latent = run_ours(teacher, [""] * BATCH, None, "trailing", 5)
    pictures = teacher.decode(latent)
    assert pictures.shape == (BATCH, 3, 8, 8)
    again = teacher.encode(pictures, torch.Generator())
    torch.testing.assert_close(again, latent.clamp(-1, 1))


def test_half_precision_keeps_every_8_bit_level_of_a_pixel(unconditional_folder):
    levels = torch.arange(256).repeat(3).view(1, 3, 16, 16)
    pixels = levels.float() / 127.5 - 1
    halved = build(unconditional_folder).decode(pixels.half())
    assert torch.equal(((halved + 1) * 127.5).round().long(), levels)
    # A sixteenth of a level is the largest step, so half of that the largest error.
    assert ((halved + 1) * 127.5 - levels).abs().max() <= 1 / 32 + 1e-4


def test_a_network_beside_the_index_is_the_same_model(unconditional_folder, tmp_path):
    folder = tmp_path / "flat"
    shutil.copytree(unconditional_folder / "unet", folder)
    shutil.copytree(unconditional_folder / "scheduler", folder, dirs_exist_ok=True)
    shutil.copy(unconditional_folder / "model_index.json", folder)
    ours = run_ours(build(folder), [""] * BATCH, None, "trailing", 5)
    theirs = run_ours(build(unconditional_folder), [""] * BATCH, None, "trailing", 5)
    assert torch.equal(ours, theirs)


def edit_json(path: Path, **values: Any) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(data | values), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_pixels(tmp_path / "model", NAMES)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": ["a"]}, "labels must name the 3 classes of .*, got 1 name"),
        ({"labels": ["a", "b"]}, "labels must name the 3 classes"),
        ({"labels": "cat"}, "labels must be a list of names, got 'cat'"),
        ({"labels": [0, 1, 2]}, "labels must be text, got 0"),
        ({"labels": ["a", "b", " "]}, "name of class 2 must be a word, got ' '"),
        ({"labels": ["1", "0", "a"]}, "name of class 0 is the number of another: '1'"),
        ({"null_label": 3}, r"null_label must be an integer in 0\.\.2, got 3"),
        ({"null_label": NULL, "revision": "main"}, "revision 'main' is for a hub id"),
    ],
)
def test_an_option_that_does_not_fit_is_one_sentence(folder, options, message):
    with pytest.raises(ConfigError, match=message) as caught:
        pixel_unet.describe(location=str(folder), **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("option", [{"labels": ["a"]}, {"null_label": 0}])
def test_labels_of_an_unconditional_model_are_refused(unconditional_folder, option):
    with pytest.raises(ConfigError, match="has no classes"):
        pixel_unet.describe(location=str(unconditional_folder), **option)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("model_index.json", {"_class_name": "DiTPipeline"}, "is a DiTPipeline"),
        ("model_index.json", {"id2label": {"1": "cat", "2": "dog"}}, "does not map 0, 1, 2"),
        ("unet/config.json", {"_class_name": "UNet2DConditionModel"}, "_class_name in unet/config"),
        ("unet/config.json", {"sample_size": None}, "sample_size in unet/config"),
        ("unet/config.json", {"in_channels": 4}, "in_channels in unet/config"),
        ("unet/config.json", {"out_channels": 6}, "also predicts a variance"),
        ("unet/config.json", {"class_embed_type": "timestep"}, "embeds classes as 'timestep'"),
        ("scheduler/scheduler_config.json", {"prediction_type": "flow"}, "predicts 'flow'"),
    ],
)
def test_a_model_of_another_kind_is_refused(folder, name, values, message):
    edit_json(folder / name, **values)
    with pytest.raises(TeacherLoadError, match=message) as caught:
        pixel_unet.describe(location=str(folder), null_label=NULL)
    assert "\n" not in str(caught.value)


def test_the_identity_follows_the_weights_and_configs_and_not_the_place(folder, tmp_path):
    def identity(place: Path) -> Any:
        return pixel_unet.describe(location=str(place), null_label=NULL).identity

    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    assert identity(copy) == identity(folder)
    assert len(identity(copy)["weights_sha256"]) == 64
    weights = copy / "unet/diffusion_pytorch_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    changed = identity(copy)
    assert changed != identity(folder)
    edit_json(copy / "scheduler/scheduler_config.json", beta_end=0.03)
    assert identity(copy) != changed
    weights.rename(weights.with_suffix(".bin"))
    for call in (lambda place: build(place, null_label=NULL), identity):
        with pytest.raises(TeacherLoadError, match="pickled files are never read"):
            call(copy)
