"""Condition branches: no effect at first, the formulas, parity with diffusers, files, refusals."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    ControlNetModel,
    DDIMScheduler,
    LCMScheduler,
    StableDiffusionControlNetPipeline,
    StableDiffusionXLControlNetPipeline,
)
from torch import Tensor

from pairgen.adapters.adapter import Adapter
from pairgen.sampling.conditioning import FUSIONS, MIXTURE, SUM, Conditioning
from pairgen.sampling.grid import make_grid
from pairgen.sampling.sampler import sample
from pairgen.sampling.solvers import SOLVERS
from pairgen.teachers import latent_diffusion
from pairgen.teachers._pretrained.quiet import quiet
from tests.branches import new_denoiser, write_branch
from tests.true_classes import PROMPTS

CPU = torch.device("cpu")
FOLDERS = ("sd15_folder", "sd21_folder", "sdxl_folder")
TIMES = torch.tensor([999.0, 420.0], dtype=torch.float64)

pytestmark = pytest.mark.usefixtures("one_thread")


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def condition(num: int = 2, channels: int = 3, seed: int = 1) -> Tensor:
    """Return conditions for latents of 8 x 8."""
    return torch.rand((num, channels, 16, 16), generator=torch.Generator().manual_seed(seed))


def build(location: Path, dtype: torch.dtype = torch.float32, **options: Any) -> Any:
    """Load the teacher."""
    where = {"location": str(location), "device": CPU, "dtype": dtype, "negative_prompt": ""}
    return latent_diffusion.build(**where, **options)


def prompts(location: Path, num: int = 2) -> Conditioning:
    found: Conditioning = build(location).encode_prompts(PROMPTS[:num])
    return found


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("fixture", FOLDERS)
def test_a_new_branch_changes_no_bit_and_learns_from_the_first_step(fixture, fusion, request):
    folder = request.getfixturevalue(fixture)
    plain = latent_diffusion.build_denoiser(location=str(folder), device=CPU)
    branched = new_denoiser(folder, 4, fusion)
    assert (plain.condition_channels, branched.condition_channels) == (0, 4)
    text, x = prompts(folder), normal(2, 4, 8, 8)
    made = branched(x, TIMES, text.with_condition(condition(channels=4)))
    assert torch.equal(made, plain(x, TIMES, text))
    branched.network.requires_grad_(False)
    made.square().sum().backward()
    learns = {name for name, each in branched.branch.named_parameters() if each.grad is not None}
    passed_on = {name for name in learns if "controlnet_down_blocks" in name}
    if fusion == SUM:
        assert passed_on
        assert branched.branch.network.controlnet_mid_block.weight.grad.abs().max() > 0
    else:
        # The copies of the encoder's layers learn, what only passes their features on does not.
        assert "mu" in learns and not passed_on
        first = branched.branch.network.controlnet_cond_embedding.conv_out
        assert first.weight.grad.abs().max() > 0


@pytest.mark.parametrize("fixture", FOLDERS)
def test_a_mixture_hands_the_decoder_a_mean_of_both_encoders(fixture, request):
    folder = request.getfixturevalue(fixture)
    denoiser = new_denoiser(folder, 3, MIXTURE, seed=5)
    unet, branch = denoiser.network, denoiser.branch
    text = prompts(folder).with_condition(condition())
    x = normal(2, 4, 8, 8)
    with torch.no_grad():
        found = denoiser(x, TIMES, text)
        # What both encoders compute, in the order in which it is handed on.
        features: dict[Any, list[Tensor]] = {unet: [], branch.network: []}
        handles = [
            layer.register_forward_hook(partial(_keep, features[network]))
            for network in features
            for layer in (network.down_blocks[0], network.down_blocks[1], network.mid_block)
        ]
        denoiser(x, TIMES, text)
        for handle in handles:
            handle.remove()
        own, others = features[unet], features[branch.network]
        # The first is the image after the first layer: the UNet's without the condition.
        embedded = branch.network.controlnet_cond_embedding(condition())
        own.insert(0, unet.conv_in(x))
        others.insert(0, branch.network.conv_in(x) + embedded)
        assert len(own) == len(others) == 5
        # diffusers adds what it is given to the UNet's own.
        residuals = [0.7 * (b - a) for a, b in zip(own, others, strict=True)]
        plain = latent_diffusion.build_denoiser(location=str(folder), device=CPU)
        added = {
            "down_block_additional_residuals": residuals[:-1],
            "mid_block_additional_residual": residuals[-1],
        }
        forward = plain.network.forward
        plain.network.forward = lambda *args, **inputs: forward(*args, **inputs, **added)
        expected = plain(x, TIMES, prompts(folder))
        unchanged = new_denoiser(folder)(x, TIMES, text)
    assert float(branch.mu.detach()) == pytest.approx(0.7)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    assert (found - unchanged).abs().max() > 1e-3


def _keep(kept: list[Tensor], _: Any, __: Any, output: Any) -> None:
    """Keep what a block of an encoder hands on: several features, or that of the middle."""
    if isinstance(output, tuple):
        # The last feature of the smaller size is handed on, and goes to the next block.
        kept.extend(output[1])
    else:
        kept.append(output)


PIPELINES = {
    "sd15_folder": StableDiffusionControlNetPipeline,
    "sdxl_folder": StableDiffusionXLControlNetPipeline,
}


def pipeline_of(fixture: str, folder: Path, branch: Path) -> Any:
    """Load diffusers' own pipeline of a model and a ControlNet."""
    extra = {"safety_checker": None} if fixture == "sd15_folder" else {}
    with quiet():
        controlnet = ControlNetModel.from_pretrained(branch)
        found = PIPELINES[fixture].from_pretrained(folder, controlnet=controlnet, **extra)
    found.set_progress_bar_config(disable=True)
    return found


def by_diffusers(pipeline: Any, noise: Tensor, shown: Tensor, steps: int, **options: Any) -> Tensor:
    size = {"height": 16, "width": 16}
    with quiet():
        found: Tensor = pipeline(
            prompt=list(PROMPTS[: len(noise)]),
            image=shown,
            latents=noise,
            num_inference_steps=steps,
            output_type="latent",
            **size,
            **options,
        ).images
    return found


@pytest.mark.parametrize("guidance", [7.5, None])
@pytest.mark.parametrize("fixture", PIPELINES)
def test_a_sum_is_diffusers_controlnet_pipeline(fixture, guidance, request, tmp_path):
    folder = request.getfixturevalue(fixture)
    branch = write_branch(tmp_path / "branch", folder)
    pipeline = pipeline_of(fixture, folder, branch)
    pipeline.scheduler = DDIMScheduler.from_config(
        pipeline.scheduler.config, timestep_spacing="trailing", clip_sample=False
    )
    noise, shown = normal(2, 4, 8, 8), condition()
    theirs = by_diffusers(pipeline, noise, shown, 5, guidance_scale=guidance or 1.0)
    teacher = build(folder, branch=str(branch))
    text = teacher.encode_prompts(PROMPTS[:2]).with_condition(shown)
    scales = None if guidance is None else torch.full((2,), guidance)
    ours, _ = sample(
        lambda x, t: teacher.predict(x, t, text, scales),
        noise,
        make_grid(teacher.schedule, "trailing", 5, "t0"),
        SOLVERS["ddim"],
    )
    torch.testing.assert_close(
        ours.float(), theirs, rtol=1e-5, atol=1e-5 * float(theirs.abs().max())
    )
    # The condition has an effect.
    other = by_diffusers(pipeline, noise, 1 - shown, 5, guidance_scale=guidance or 1.0)
    assert (other - theirs).abs().max() > 1e-2


def test_a_sum_runs_with_the_scheduler_of_consistency_models(sd15_folder, tmp_path):
    """`LCMScheduler`: x0 at 1 to 4 times, each from x0 before and new noise."""
    branch = write_branch(tmp_path / "branch", sd15_folder)
    pipeline = pipeline_of("sd15_folder", sd15_folder, branch)
    pipeline.scheduler = LCMScheduler.from_config(pipeline.scheduler.config, clip_sample=False)
    noise, shown = normal(2, 4, 8, 8), condition()
    generator = torch.Generator().manual_seed(9)
    theirs = by_diffusers(pipeline, noise, shown, 4, guidance_scale=1.0, generator=generator)
    times = pipeline.scheduler.timesteps
    assert times.tolist() == [999, 759, 499, 259]
    teacher = build(sd15_folder, branch=str(branch))
    text = teacher.encode_prompts(PROMPTS[:2]).with_condition(shown)
    generator, x = torch.Generator().manual_seed(9), noise
    for number, time in enumerate(times):
        t = torch.full((2,), float(time), dtype=torch.float64)
        x0, _ = teacher.predict(x, t, text, None)
        if number < 3:
            alpha, sigma = (
                float(each) for each in teacher.schedule.alpha_sigma(times[number + 1].double())
            )
            x = alpha * x0 + sigma * torch.randn(x.shape, generator=generator)
    torch.testing.assert_close(x0, theirs, rtol=1e-4, atol=1e-5 * float(theirs.abs().max()))


@pytest.mark.parametrize("fusion", FUSIONS)
def test_saved_and_loaded_it_computes_the_same_bits(fusion, sd15_folder, tmp_path):
    denoiser = new_denoiser(sd15_folder, 4, fusion, seed=2)
    # A power of two, which is folded without rounding.
    denoiser.branch.mu.data.fill_(0.5)
    denoiser.branch.save(tmp_path / "branch")
    text = prompts(sd15_folder).with_condition(condition(channels=4))
    x = normal(2, 4, 8, 8)
    with torch.no_grad():
        expected = denoiser(x, TIMES, text)
    chosen = {"location": str(sd15_folder), "branch": str(tmp_path / "branch")}
    loaded = latent_diffusion.build_denoiser(device=CPU, **chosen)
    assert torch.equal(loaded(x, TIMES, text), expected)
    assert (loaded.branch.fusion, loaded.condition_channels) == (fusion, 4)
    assert float(loaded.branch.mu.detach()) == (1 if fusion == SUM else 0.5)
    assert (tmp_path / "branch/fusion.json").exists() == (fusion == MIXTURE)
    # Again, and by the last weights.
    loaded.branch.save(tmp_path / "again")
    for file in (tmp_path / "branch").iterdir():
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes()
    other = new_denoiser(sd15_folder, 4, fusion)
    other.branch.load_last(
        {name: each.clone() for name, each in denoiser.branch.last_weights().items()}
    )
    assert torch.equal(other(x, TIMES, text), expected)
    # What can be trained of a loaded one is that of a new one.
    trained = [
        {name for name, each in branch.named_parameters() if each.requires_grad}
        for branch in (denoiser.branch, loaded.branch)
    ]
    assert trained[0] == trained[1] and "mu" in trained[0]
    teacher = build(sd15_folder, branch=str(tmp_path / "branch"))
    x0, _ = teacher.predict(x, TIMES, text, None)
    alpha, sigma = (each.float().view(2, 1, 1, 1) for each in teacher.schedule.alpha_sigma(TIMES))
    torch.testing.assert_close(x0, (x - sigma * expected) / alpha, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("fusion", FUSIONS)
def test_it_runs_in_half_precision(fusion, dtype, sd15_folder, tmp_path):
    branch = write_branch(tmp_path / "branch", sd15_folder, fusion=fusion)
    text = prompts(sd15_folder).with_condition(condition())
    x, t = normal(2, 4, 8, 8), torch.full((2,), 420.0, dtype=torch.float64)
    exact, _ = build(sd15_folder, branch=str(branch)).predict(x, t, text, None)
    half = build(sd15_folder, dtype, branch=str(branch))
    given = half.encode_prompts(PROMPTS[:2]).with_condition(condition())
    found, _ = half.predict(x, t, given, None)
    assert found.dtype == torch.float32
    assert (found - exact).norm() / exact.norm() < 0.02
    # A sample that is not finite is tried again in float32.
    half.to_dtype(torch.float32)
    again, _ = half.predict(
        x, t, half.encode_prompts(PROMPTS[:2]).with_condition(condition()), None
    )
    assert (again - exact).norm() / exact.norm() < 0.02


@pytest.mark.parametrize("fusion", FUSIONS)
def test_gradients_are_the_same_with_activations_computed_again(fusion, sd15_folder):
    text = prompts(sd15_folder).with_condition(condition())

    def gradients(*, again: bool) -> dict[str, Tensor]:
        denoiser = new_denoiser(sd15_folder, fusion=fusion, seed=3)
        if again:
            denoiser.checkpoint_gradients()
            assert denoiser.branch.network.is_gradient_checkpointing
        denoiser.train()
        denoiser(normal(2, 4, 8, 8), TIMES, text).square().sum().backward()
        return {
            name: each.grad for name, each in denoiser.named_parameters() if each.grad is not None
        }

    stored, computed = gradients(again=False), gradients(again=True)
    assert stored.keys() == computed.keys() and "branch.mu" in stored
    for name, each in stored.items():
        assert torch.equal(each, computed[name]), name


def test_guidance_shows_the_condition_to_both_halves(sd15_folder, tmp_path):
    branch = write_branch(tmp_path / "branch", sd15_folder)
    teacher = build(sd15_folder, branch=str(branch))
    shown, x = condition(), normal(2, 4, 8, 8)
    text = teacher.encode_prompts(PROMPTS[:2]).with_condition(shown)
    _, guided = teacher.predict(x, TIMES, text, torch.tensor([3.0, 3.0]))
    _, by_text = teacher.predict(x, TIMES, text, None)
    opposite = teacher.negative.expand(2).with_condition(shown)
    _, without = teacher.predict(x, TIMES, opposite, None)
    torch.testing.assert_close(guided, without + 3 * (by_text - without), rtol=1e-4, atol=1e-4)


def test_two_branches_swap_on_one_loaded_backbone(sd15_folder, tmp_path):
    edges, depth = (
        write_branch(tmp_path / name, sd15_folder, seed=seed)
        for seed, name in enumerate(("edges", "depth"))
    )
    shown, noise = condition(), normal(2, 4, 8, 8)
    pipeline = pipeline_of("sd15_folder", sd15_folder, edges)
    by_edges = by_diffusers(pipeline, noise, shown, 2)
    pipeline.controlnet = ControlNetModel.from_pretrained(depth)
    by_depth = by_diffusers(pipeline, noise, shown, 2)
    alone = pipeline_of("sd15_folder", sd15_folder, depth)
    assert torch.equal(by_depth, by_diffusers(alone, noise, shown, 2))
    assert not torch.equal(by_depth, by_edges)
    # The same with pairgen's denoisers: two that call one network.
    first = latent_diffusion.build_denoiser(
        location=str(sd15_folder), device=CPU, branch=str(edges)
    )
    second = first.beside()
    second.branch = latent_diffusion.build_denoiser(
        location=str(sd15_folder), device=CPU, branch=str(depth)
    ).branch
    assert second.network is first.network and first.branch is not second.branch
    text = prompts(sd15_folder).with_condition(shown)
    found = [each(noise, TIMES, text) for each in (first, second, first)]
    assert torch.equal(found[0], found[2]) and not torch.equal(found[0], found[1])


@pytest.mark.parametrize("fusion", FUSIONS)
def test_an_adapter_of_the_network_is_used_beside_a_branch(fusion, sd15_folder):
    denoiser = new_denoiser(sd15_folder, fusion=fusion, seed=3)
    text, x = prompts(sd15_folder).with_condition(condition()), normal(2, 4, 8, 8)
    before = denoiser(x, TIMES, text)
    denoiser.adapt(rank=2, alpha=2)
    assert isinstance(denoiser.adapter, Adapter)
    assert torch.equal(denoiser(x, TIMES, text), before)
    for name, each in denoiser.adapter.named_parameters():
        torch.nn.init.normal_(each, std=0.1, generator=torch.Generator().manual_seed(len(name)))
    changed = denoiser(x, TIMES, text)
    assert (changed - before).abs().max() > 1e-3
    denoiser.merge()
    torch.testing.assert_close(denoiser(x, TIMES, text), changed, rtol=1e-4, atol=1e-4)
