"""Parity with diffusers on small random models of the true classes, and what loading refuses.

Everything here is on the CPU with one thread, where equal arithmetic gives equal bits, and in
float32 where nothing else is said.
"""

import itertools
import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    HeunDiscreteScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
)
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

import pairgen
from pairgen.errors import ConfigError, TeacherLoadError
from pairgen.sampling.grid import make_grid
from pairgen.sampling.sampler import sample
from pairgen.sampling.solvers import SOLVERS
from pairgen.teachers import latent_diffusion
from pairgen.teachers._pretrained.quiet import quiet
from tests.true_classes import NUM_TOKENS, PROMPTS

PIPELINES = {
    "sd15_folder": StableDiffusionPipeline,
    "sd21_folder": StableDiffusionPipeline,
    "sdxl_folder": StableDiffusionXLPipeline,
}
GUIDANCE = 7.5

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module", params=list(PIPELINES))
def pair(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    """One model, loaded as pairgen's teacher and as the diffusers pipeline."""
    folder = request.getfixturevalue(request.param)
    return build(folder), load_pipeline(PIPELINES[request.param], folder)


def build(
    location: Path | str,
    negative_prompt: str = "",
    dtype: torch.dtype = torch.float32,
    **options: str,
) -> Any:
    return latent_diffusion.build(
        location=str(location),
        device=torch.device("cpu"),
        dtype=dtype,
        negative_prompt=negative_prompt,
        **options,
    )


def load_pipeline(cls: Any, folder: Path, dtype: torch.dtype | None = torch.float32) -> Any:
    extra: dict[str, Any] = {"safety_checker": None} if cls is StableDiffusionPipeline else {}
    if dtype is not None:
        extra["torch_dtype"] = dtype
    with quiet():
        pipeline = cls.from_pretrained(folder, **extra)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def make_noise(num: int) -> Tensor:
    return torch.randn(num, 4, 8, 8, generator=torch.Generator().manual_seed(1))


def run_ours(
    teacher: Any,
    solver: str,
    spacing: str,
    steps: int,
    end: str,
    *,
    prompts: tuple[str, ...] = PROMPTS,
    noise: Tensor | None = None,
    guidance: float | None = GUIDANCE,
) -> Tensor:
    noise = make_noise(len(prompts)) if noise is None else noise
    conditioning = teacher.encode_prompts(prompts)
    scales = None if guidance is None else torch.full((len(prompts),), guidance)
    latent, _ = sample(
        lambda x, t: teacher.predict(x, t, conditioning, scales),
        noise,
        make_grid(teacher.schedule, spacing, steps, end),
        SOLVERS[solver],
    )
    return latent


def run_diffusers(pipeline: Any, scheduler: Any, steps: int, **options: Any) -> Tensor:
    pipeline.scheduler = scheduler
    with quiet():
        return pipeline(
            prompt=list(PROMPTS),
            latents=options.pop("latents", make_noise(len(PROMPTS))),
            output_type="latent",
            guidance_scale=options.pop("guidance_scale", GUIDANCE),
            num_inference_steps=steps,
            **options,
        ).images


def ddim_scheduler(pipeline: Any, spacing: str, end: str) -> DDIMScheduler:
    return DDIMScheduler.from_config(
        pipeline.scheduler.config,
        timestep_spacing=spacing,
        steps_offset=1,
        set_alpha_to_one=end == "clean",
        clip_sample=False,
    )


def relative_difference(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).abs().max() / theirs.abs().max())


@pytest.mark.parametrize("end", ["t0", "clean"])
@pytest.mark.parametrize("steps", [10, 20, 50])
@pytest.mark.parametrize("spacing", ["leading", "trailing"])
def test_ddim_equals_diffusers_bit_for_bit(pair, spacing, steps, end):
    teacher, pipeline = pair
    theirs = run_diffusers(pipeline, ddim_scheduler(pipeline, spacing, end), steps)
    assert torch.equal(run_ours(teacher, "ddim", spacing, steps, end), theirs)


@pytest.mark.parametrize(
    ("spacing", "steps", "end"),
    [("trailing", 20, "t0"), ("trailing", 25, "clean"), ("linspace", 20, "t0")],
)
def test_dpmpp_2m_equals_diffusers(pair, spacing, steps, end):
    teacher, pipeline = pair
    # Algorithm 2 of the paper, which pairgen follows, is of order 2 up to the last step.
    # diffusers ends with order 1 instead when asked to (`lower_order_final`, below 15 steps) and
    # when it ends at sigma 0, as we do. `sigma_min` is its name for our end t0. Its `leading`
    # spacing divides by steps + 1, so it is another grid than DDIM's and ours.
    scheduler = DPMSolverMultistepScheduler.from_config(
        pipeline.scheduler.config,
        algorithm_type="dpmsolver++",
        solver_order=2,
        solver_type="midpoint",
        timestep_spacing=spacing,
        lower_order_final=False,
        final_sigmas_type="zero" if end == "clean" else "sigma_min",
    )
    theirs = run_diffusers(pipeline, scheduler, steps)
    ours = run_ours(teacher, "dpmpp_2m", spacing, steps, end)
    # Not bit for bit: diffusers keeps sigma / alpha and its logarithm in float32.
    assert relative_difference(ours, theirs) < 1e-5


# diffusers hands a tensor to np.array.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(("spacing", "steps"), [("leading", 10), ("leading", 50), ("trailing", 20)])
def test_heun_equals_diffusers(pair, spacing, steps):
    teacher, pipeline = pair
    # diffusers' Heun always ends at sigma 0, and its `linspace` has times between integers.
    scheduler = HeunDiscreteScheduler.from_config(
        pipeline.scheduler.config, timestep_spacing=spacing
    )
    scheduler.set_timesteps(steps)
    # It works on x / alpha, so the noise must start at sqrt(sigma^2 + 1). For `trailing` it
    # starts at sigma, a state that is 0.2 % short of unit variance; given back here.
    sigma = float(scheduler.sigmas.max())
    latents = make_noise(len(PROMPTS)) * (math.hypot(sigma, 1) / float(scheduler.init_noise_sigma))
    theirs = run_diffusers(pipeline, scheduler, steps, latents=latents)
    assert relative_difference(run_ours(teacher, "heun", spacing, steps, "clean"), theirs) < 1e-5


def test_no_guidance_equals_diffusers_without_guidance(pair):
    teacher, pipeline = pair
    scheduler = ddim_scheduler(pipeline, "trailing", "t0")
    theirs = run_diffusers(pipeline, scheduler, 10, guidance_scale=1.0)
    assert torch.equal(run_ours(teacher, "ddim", "trailing", 10, "t0", guidance=None), theirs)


@pytest.mark.parametrize("fixture", list(PIPELINES))
def test_the_negative_prompt_equals_diffusers(fixture, request):
    folder = request.getfixturevalue(fixture)
    pipeline = load_pipeline(PIPELINES[fixture], folder)
    scheduler = ddim_scheduler(pipeline, "trailing", "t0")
    negative = ["blurry"] * len(PROMPTS)
    theirs = run_diffusers(pipeline, scheduler, 10, negative_prompt=negative)
    teacher = build(folder, negative_prompt="blurry")
    assert torch.equal(run_ours(teacher, "ddim", "trailing", 10, "t0"), theirs)
    without = run_ours(build(folder), "ddim", "trailing", 10, "t0")
    assert relative_difference(without, theirs) > 1e-3


def test_an_empty_negative_prompt_is_zeros_only_where_sdxl_says_so(sdxl_folder, tmp_path):
    assert not build(sdxl_folder).negative.tensors["txt_emb"].any()
    folder = copy(sdxl_folder, tmp_path)
    edit_json(folder / "model_index.json", force_zeros_for_empty_prompt=False)
    teacher = build(folder)
    assert teacher.negative.tensors["txt_emb"].any()
    assert teacher.negative.tensors["pooled_emb"].any()
    assert identity(folder) != identity(sdxl_folder)


def test_a_truncated_prompt_equals_the_pipelines_truncation(pair):
    teacher, pipeline = pair
    prompts = ["a red heart " * 20, "short", PROMPTS[1]]
    with quiet():
        theirs = pipeline.encode_prompt(
            prompts, device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=False
        )
    ours = teacher.encode_prompts(prompts)
    assert torch.equal(ours.tensors["txt_emb"], theirs[0])
    if "pooled_emb" in ours.tensors:
        assert torch.equal(ours.tensors["pooled_emb"], theirs[2])
    # "a red heart" has 9 letters and two ends; blanks are no tokens.
    assert teacher.count_tokens(prompts)[:2] == [9 * 20 + 2, len("short") + 2]
    assert teacher.max_prompt_tokens == NUM_TOKENS


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("named", ["float16", "bfloat16"])
@pytest.mark.parametrize("key", ["dtype", "torch_dtype"])
@pytest.mark.parametrize("fixture", list(PIPELINES))
def test_embeddings_equal_diffusers_whatever_dtype_a_config_names(
    fixture, key, named, dtype, request, tmp_path
):
    source = request.getfixturevalue(fixture)
    folder = copy(source, tmp_path)
    for encoder in folder.glob("text_encoder*"):
        name_dtype(encoder, key, named)
    pipeline = load_pipeline(PIPELINES[fixture], folder, dtype)
    with quiet():
        theirs = pipeline.encode_prompt(
            list(PROMPTS), device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=False
        )
    before = build(source, dtype=dtype).encode_prompts(PROMPTS).tensors
    ours = build(folder, dtype=dtype).encode_prompts(PROMPTS).tensors
    assert torch.equal(ours["txt_emb"], theirs[0])
    assert torch.equal(ours["txt_emb"], before["txt_emb"])
    if "pooled_emb" in ours:
        assert torch.equal(ours["pooled_emb"], theirs[2])
        assert torch.equal(ours["pooled_emb"], before["pooled_emb"])


@pytest.mark.parametrize("fixture", list(PIPELINES))
def test_latents_and_pictures_are_the_same_whatever_dtype_the_configs_name(
    fixture, request, tmp_path
):
    source = request.getfixturevalue(fixture)
    folder = copy(source, tmp_path)
    for part in (*folder.glob("text_encoder*"), folder / "unet", folder / "vae"):
        name_dtype(part, "torch_dtype", "bfloat16")
    before, teacher = build(source), build(folder)
    ours = run_ours(teacher, "ddim", "trailing", 10, "t0")
    assert torch.equal(ours, run_ours(before, "ddim", "trailing", 10, "t0"))
    assert torch.equal(teacher.decode(ours), before.decode(ours))
    pipeline = load_pipeline(PIPELINES[fixture], folder)
    scheduler = ddim_scheduler(pipeline, "trailing", "t0")
    assert torch.equal(ours, run_diffusers(pipeline, scheduler, 10))


@pytest.mark.parametrize("stored", [torch.float32, torch.float16], ids=str)
@pytest.mark.parametrize("key", ["dtype", "torch_dtype"])
@pytest.mark.parametrize("fixture", list(PIPELINES))
def test_a_student_runs_in_diffusers_whatever_dtype_its_teachers_configs_name(
    fixture, key, stored, request, tmp_path
):
    folder = copy(request.getfixturevalue(fixture), tmp_path)
    for encoder in folder.glob("text_encoder*"):
        name_dtype(encoder, key, "float16")
        weights = encoder / "model.safetensors"
        tensors = {name: tensor.to(stored) for name, tensor in load_file(weights).items()}
        save_file(tensors, weights, metadata={"format": "pt"})
    student = export(folder, tmp_path)
    # As its card shows it: no dtype is asked for, and the UNet is in float32.
    pipeline = load_pipeline(PIPELINES[fixture], student, dtype=None)
    theirs = run_diffusers(pipeline, pipeline.scheduler, 1)
    assert torch.equal(run_ours(build(student), "ddim", "trailing", 1, "clean"), theirs)


@pytest.mark.parametrize("key", ["dtype", "torch_dtype"])
def test_a_student_keeps_the_config_of_a_text_encoder_that_names_float32(
    sd15_folder, tmp_path, key
):
    folder = copy(sd15_folder, tmp_path)
    name_dtype(folder / "text_encoder", key, "float32")
    config = "text_encoder/config.json"
    assert (export(folder, tmp_path) / config).read_bytes() == (folder / config).read_bytes()


class NextTimeDDIMScheduler(DDIMScheduler):
    """diffusers' own step formula, made to step to the next time of its own list."""

    def step(self, model_output: Tensor, timestep: Tensor, sample: Tensor, **options: Any) -> Any:
        times = [*self.timesteps.tolist(), 0]
        gap = int(timestep) - times[times.index(int(timestep)) + 1]
        # It goes to t - T // n, so an n is told for which that is the next time.
        self.num_inference_steps = next(n for n in range(1, 1001) if 1000 // n == gap)
        return super().step(model_output, timestep, sample, **options)


def test_diffusers_ddim_leaves_its_own_grid_when_n_does_not_divide_t(pair):
    # 30 trailing steps: the list of times goes 999, 966, 932, 899 ..., and every step of diffusers
    # goes down by 1000 // 30 = 33. So it reaches 933 and tells the network that it is at 932.
    teacher, pipeline = pair
    scheduler = ddim_scheduler(pipeline, "trailing", "t0")
    scheduler.set_timesteps(30)
    times = scheduler.timesteps.tolist()
    assert sum(t - 33 != t_next for t, t_next in itertools.pairwise(times)) == 10
    ours = run_ours(teacher, "ddim", "trailing", 30, "t0")
    assert relative_difference(ours, run_diffusers(pipeline, scheduler, 30)) > 1e-4
    mended = NextTimeDDIMScheduler.from_config(scheduler.config)
    assert torch.equal(ours, run_diffusers(pipeline, mended, 30))


def run_in_batch(teacher: Any, batch_size: int, slot: int, neighbour: int) -> Tensor:
    """Return sample 0, run at `slot` of a batch whose other samples start at `neighbour`."""
    rows = [neighbour + i for i in range(batch_size)]
    rows[slot] = 0
    prompts = tuple(f"prompt number {row}" for row in rows)
    noise = make_noise(64)[rows]
    return run_ours(teacher, "ddim", "trailing", 20, "t0", prompts=prompts, noise=noise)[slot]


def test_a_sample_depends_neither_on_its_slot_nor_on_its_neighbours(pair):
    teacher, _ = pair
    first = run_in_batch(teacher, 6, slot=0, neighbour=1)
    last = run_in_batch(teacher, 6, slot=5, neighbour=20)
    # Bit-equal where this was written; which rows share a register is the machine's choice.
    assert relative_difference(last, first) < 1e-6


def test_a_sample_changes_only_by_rounding_with_the_batch_size(pair):
    teacher, _ = pair
    reference = run_in_batch(teacher, 16, slot=3, neighbour=1)
    for batch_size in (1, 6):
        # Measured: up to 1.5e-6 of the largest entry after 20 guided steps.
        sample_0 = run_in_batch(teacher, batch_size, slot=0, neighbour=1)
        assert relative_difference(sample_0, reference) < 1e-5


class ScalarReads(TorchDispatchMode):
    """Counts what reads a tensor's value into Python: on a GPU the host waits for each."""

    def __init__(self) -> None:
        super().__init__()
        self.num = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.num += func in (
            torch.ops.aten._local_scalar_dense.default,
            torch.ops.aten.equal.default,
            torch.ops.aten.nonzero.default,
        )
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("solver", list(SOLVERS))
def test_the_host_never_waits_for_the_device(pair, solver):
    teacher, _ = pair
    conditioning = teacher.encode_prompts(PROMPTS)
    scales = torch.full((len(PROMPTS),), GUIDANCE)
    grid = make_grid(teacher.schedule, "logsnr", 4, "t0")
    with ScalarReads() as reads:
        sample(
            lambda x, t: teacher.predict(x, t, conditioning, scales),
            make_noise(len(PROMPTS)),
            grid,
            SOLVERS[solver],
        )
        assert reads.num == 0
        torch.ones(1).item()
        assert reads.num == 1


def test_pictures_and_latents_go_both_ways(pair):
    teacher, pipeline = pair
    latent = make_noise(2)
    pictures = teacher.decode(latent)
    assert pictures.shape == (2, 3, 16, 16)
    assert pictures.min() >= -1
    assert pictures.max() <= 1
    theirs = pipeline.vae.decode(latent / pipeline.vae.config.scaling_factor).sample
    assert torch.equal(pictures, theirs.clamp(-1, 1))
    again = [teacher.encode(pictures, torch.Generator().manual_seed(seed)) for seed in (5, 5, 6)]
    assert again[0].shape == latent.shape
    assert torch.equal(again[0], again[1])
    assert not torch.equal(again[0], again[2])


def test_a_teacher_comes_back_from_float32_unchanged(sdxl_folder):
    teacher = latent_diffusion.build(
        location=str(sdxl_folder),
        device=torch.device("cpu"),
        dtype=torch.bfloat16,
        negative_prompt="blurry",
    )
    x, t = make_noise(3), torch.full((3,), 500.0, dtype=torch.float64)
    scales = torch.full((3,), GUIDANCE)

    def predict() -> Tensor:
        return teacher.predict(x, t, teacher.encode_prompts(PROMPTS), scales)[0]

    before = predict()
    teacher.to_dtype(torch.float32)
    between = predict()
    teacher.to_dtype(torch.bfloat16)
    assert before.dtype == between.dtype == torch.float32
    assert 0 < relative_difference(before, between) < 0.5
    assert torch.equal(predict(), before)


def test_loading_prints_nothing(sdxl_folder, capfd):
    teacher = build(sdxl_folder)
    teacher.count_tokens(["a long prompt " * 50])
    teacher.encode_prompts(["a long prompt " * 50])
    teacher.to_dtype(torch.bfloat16)
    teacher.decode(make_noise(1))
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


def copy(folder: Path, tmp_path: Path, name: str = "copy") -> Path:
    return Path(shutil.copytree(folder, tmp_path / name))


def edit_json(path: Path, **values: Any) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(data | values), encoding="utf-8")


def name_dtype(part: Path, key: str, dtype: str) -> None:
    """Let a part's config name a dtype: transformers writes `dtype` since 4.56."""
    config = json.loads((part / "config.json").read_text(encoding="utf-8"))
    config.pop("dtype", None)
    (part / "config.json").write_text(json.dumps(config | {key: dtype}), encoding="utf-8")


def export(folder: Path, tmp_path: Path) -> Path:
    """Write a student that was not trained."""
    denoiser = latent_diffusion.build_denoiser(location=str(folder), device=torch.device("cpu"))
    student = tmp_path / "student"
    latent_diffusion.save_student(denoiser=denoiser, folder=student, location=str(folder))
    return student


def flip_last_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def identity(folder: Path) -> Any:
    return latent_diffusion.describe(location=str(folder)).identity


def test_the_identity_follows_the_content_and_not_the_place(sdxl_folder, tmp_path):
    folder = copy(sdxl_folder, tmp_path)
    assert identity(folder) == identity(sdxl_folder)
    flip_last_byte(folder / "vae/diffusion_pytorch_model.safetensors")
    (folder / "README.md").write_text("A note.")
    assert identity(folder) == identity(sdxl_folder)
    assert len(identity(folder)["weights_sha256"]) == 64


@pytest.mark.parametrize(
    "name",
    [
        "unet/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
        "text_encoder_2/model.safetensors",
    ],
)
def test_a_flipped_byte_of_the_weights_changes_the_identity(sdxl_folder, tmp_path, name):
    folder = copy(sdxl_folder, tmp_path)
    flip_last_byte(folder / name)
    assert identity(folder) != identity(sdxl_folder)


def test_another_schedule_or_tokenizer_changes_the_identity(sd15_folder, tmp_path):
    scheduler, tokenizer = copy(sd15_folder, tmp_path, "a"), copy(sd15_folder, tmp_path, "b")
    edit_json(scheduler / "scheduler/scheduler_config.json", beta_end=0.013)
    edit_json(tokenizer / "tokenizer/tokenizer_config.json", model_max_length=16)
    assert identity(scheduler) != identity(sd15_folder)
    assert identity(tokenizer) != identity(sd15_folder)


def test_a_variant_has_files_and_an_identity_of_its_own(sd15_folder, tmp_path):
    folder = copy(sd15_folder, tmp_path)
    for stem in ("unet/diffusion_pytorch_model", "text_encoder/model"):
        (folder / f"{stem}.safetensors").rename(folder / f"{stem}.fp16.safetensors")
    described = latent_diffusion.describe(location=str(folder), variant="fp16")
    assert described.identity != identity(sd15_folder)
    ours = run_ours(build(folder, variant="fp16"), "ddim", "trailing", 5, "t0")
    assert torch.equal(ours, run_ours(build(sd15_folder), "ddim", "trailing", 5, "t0"))


def test_pickled_weights_are_refused(sd15_folder, tmp_path):
    folder = copy(sd15_folder, tmp_path)
    weights = folder / "unet/diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    for call in (build, identity):
        with pytest.raises(TeacherLoadError, match="pickled files are never read"):
            call(folder)


def test_incomplete_weights_are_refused(sd15_folder, tmp_path):
    for name in ("unet/diffusion_pytorch_model", "text_encoder/model"):
        folder = copy(sd15_folder, tmp_path, name.split("/")[0])
        path = folder / f"{name}.safetensors"
        tensors = load_file(path)
        tensors.pop(sorted(tensors)[0])
        save_file(tensors, path, metadata={"format": "pt"})
        with pytest.raises(TeacherLoadError, match="1 tensor is missing"):
            build(folder)


def test_truncated_weights_are_refused(sd15_folder, tmp_path):
    folder = copy(sd15_folder, tmp_path)
    path = folder / "unet/diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(TeacherLoadError, match="cannot be loaded"):
        build(folder)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("model_index.json", {"_class_name": "FluxPipeline"}, "is a FluxPipeline"),
        (
            "scheduler/scheduler_config.json",
            {"rescale_betas_zero_snr": True},
            "predicts 'epsilon' and has rescale_betas_zero_snr",
        ),
        ("scheduler/scheduler_config.json", {"beta_schedule": "wavy"}, "beta_schedule 'wavy'"),
        ("scheduler/scheduler_config.json", {"prediction_type": "flow"}, "predicts 'flow'"),
        ("unet/config.json", {"in_channels": 3}, "is not a denoiser: its UNet has 3 input and 4"),
    ],
)
def test_a_model_of_another_kind_is_refused(sd15_folder, tmp_path, name, values, message):
    folder = copy(sd15_folder, tmp_path)
    edit_json(folder / name, **values)
    with pytest.raises(TeacherLoadError, match=message) as caught:
        latent_diffusion.describe(location=str(folder))
    assert "\n" not in str(caught.value)


def test_a_network_that_takes_an_image_too_is_refused_for_text_alone(sd15_folder, tmp_path):
    folder = copy(sd15_folder, tmp_path)
    denoiser = latent_diffusion.build_denoiser(
        location=str(folder), device=torch.device("cpu"), image_channels=5
    )
    denoiser.network.save_pretrained(folder / "unet")
    assert latent_diffusion.describe(location=str(folder)).image_channels == 5
    with pytest.raises(ConfigError, match=r"text alone, but the network of copy .* of 5 channels"):
        pairgen.ode(model=str(folder), out=str(tmp_path / "out"), executor="serial")
    assert not (tmp_path / "out").exists()
    teacher = build(folder)
    conditioning = teacher.encode_prompts(["a cat"])
    x, t = torch.zeros(1, 4, 8, 8), torch.tensor([999.0], dtype=torch.float64)
    for wrong, given in ((conditioning, 0), (conditioning.with_image(torch.zeros(1, 4, 8, 8)), 4)):
        with pytest.raises(ConfigError, match=f"of 5 channels .* is given one of {given}:"):
            teacher.predict(x, t, wrong, None)
    image = torch.randn(1, 5, 8, 8, generator=torch.Generator().manual_seed(0))
    given = conditioning.with_image(image)
    # Guidance is by the prompt: at 1, and without a prompt's effect, it changes nothing.
    plain, _ = teacher.predict(x, t, given, None)
    guided, _ = teacher.predict(x, t, given, torch.ones(1))
    torch.testing.assert_close(plain, guided, rtol=1e-4, atol=1e-4)


def test_a_place_without_a_model_is_refused(sd15_folder, tmp_path):
    with pytest.raises(TeacherLoadError, match=r"model_index\.json is missing"):
        latent_diffusion.describe(location=str(tmp_path))
    with pytest.raises(TeacherLoadError, match="There is no folder"):
        latent_diffusion.describe(location=str(tmp_path / "nothing" / "here"))
    with pytest.raises(ConfigError, match="revision 'main' is for a hub id"):
        latent_diffusion.describe(location=str(sd15_folder), revision="main")


def test_a_tokenizer_without_its_vocabulary_is_refused(sd15_folder, tmp_path):
    missing, broken = copy(sd15_folder, tmp_path, "a"), copy(sd15_folder, tmp_path, "b")
    (missing / "tokenizer/vocab.json").unlink()
    with pytest.raises(TeacherLoadError, match=r"lacks tokenizer/vocab\.json"):
        latent_diffusion.prompt_counter(location=str(missing))
    (broken / "tokenizer/vocab.json").write_text("{")
    with pytest.raises(TeacherLoadError, match="cannot be loaded"):
        latent_diffusion.prompt_counter(location=str(broken))


@pytest.mark.parametrize("name", ["tokenizer/merges.txt", "text_encoder/model.safetensors"])
def test_what_a_link_leads_to_is_not_exported(sd15_folder, tmp_path, name):
    folder = copy(sd15_folder, tmp_path)
    outside = tmp_path / "of_somebody"
    (folder / name).rename(outside)
    (folder / name).symlink_to(outside)
    with pytest.raises(TeacherLoadError) as caught:
        export(folder, tmp_path)
    assert f"{name} is a link out of the folder, to {outside}" in str(caught.value)
    assert not (tmp_path / "student").exists()
    # It samples from such a folder as before.
    build(folder)


def test_only_what_a_model_consists_of_is_exported(sd15_folder, tmp_path):
    folder = copy(sd15_folder, tmp_path)
    (tmp_path / "id_rsa").write_text("secret")
    for name in ("tokenizer/leak.txt", "vae/leak.json"):
        (folder / name).symlink_to(tmp_path / "id_rsa")
    (folder / "text_encoder/notes.txt").write_text("notes")
    student = export(folder, tmp_path)
    found = {str(path.relative_to(student)) for path in student.rglob("*") if path.is_file()}
    assert not {"tokenizer/leak.txt", "vae/leak.json", "text_encoder/notes.txt"} & found
    assert {"tokenizer/vocab.json", "tokenizer/merges.txt", "vae/config.json"} <= found


def test_a_link_into_the_cache_of_the_hub_is_copied(sd15_folder, tmp_path):
    folder = copy(sd15_folder, tmp_path, "snapshots/0123")
    blob = tmp_path / "blobs/4567"
    blob.parent.mkdir()
    (folder / "tokenizer/vocab.json").rename(blob)
    (folder / "tokenizer/vocab.json").symlink_to("../../../blobs/4567")
    assert (export(folder, tmp_path) / "tokenizer/vocab.json").read_bytes() == blob.read_bytes()
