"""The embedded teacher: Stable Diffusion's classes, small, and it draws what it is asked for."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from diffusers import DDIMScheduler, StableDiffusionPipeline
from safetensors.torch import load_file

import pairgen
from pairgen.config import packaged_assets, packaged_configs
from pairgen.evaluation.agreement import caption_ranks, top_k_agreement
from pairgen.evaluation.judge import load_judge
from pairgen.sampling.grid import make_grid
from pairgen.sampling.sampler import sample
from pairgen.sampling.solvers import SOLVERS
from pairgen.seeding import noise_for
from pairgen.teachers import latent_diffusion
from pairgen.teachers._pretrained.quiet import quiet

FOLDER = packaged_assets() / "tiny"
PROMPTS = (packaged_configs() / "prompts/tiny.txt").read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def teacher() -> Any:
    return latent_diffusion.build(
        location=str(FOLDER), device=torch.device("cpu"), dtype=torch.float32, negative_prompt=""
    )


@pytest.fixture(scope="module")
def pipeline() -> Iterator[StableDiffusionPipeline]:
    with quiet():
        loaded = StableDiffusionPipeline.from_pretrained(FOLDER, safety_checker=None)
    loaded.set_progress_bar_config(disable=True)
    yield loaded


def noises(num: int) -> torch.Tensor:
    return torch.from_numpy(np.stack([noise_for(0, i, (4, 16, 16), "float32") for i in range(num)]))


def sampled(teacher: Any, prompts: list[str], steps: int, guidance: float) -> torch.Tensor:
    """Return pictures [N, 3, 64, 64] in [-1, 1]."""
    conditioning = teacher.encode_prompts(prompts)
    scales = torch.full((len(prompts),), guidance)
    latent, _ = sample(
        lambda x, t: teacher.predict(x, t, conditioning, scales),
        noises(len(prompts)),
        make_grid(teacher.schedule, "logsnr", steps, "t0"),
        SOLVERS["dpmpp_2m"],
    )
    with torch.no_grad():
        return teacher.decode(latent).clamp(-1, 1)


def test_it_is_small_and_stored_in_half_precision() -> None:
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 20e6
    for path in FOLDER.rglob("*.safetensors"):
        assert {tensor.dtype for tensor in load_file(path).values()} <= {
            torch.float16,
            torch.int64,
        }


def test_diffusers_loads_it_as_stable_diffusion_1_5(pipeline: StableDiffusionPipeline) -> None:
    num_parameters = sum(weight.numel() for weight in pipeline.unet.parameters())
    assert 4e6 <= num_parameters <= 7e6
    assert pipeline.unet.config.down_block_types[0] == "DownBlock2D"
    assert pipeline.vae.config.latent_channels == 4
    scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    assert scheduler.config.prediction_type == "epsilon"
    assert float(scheduler.alphas_cumprod[-1]) == pytest.approx(0.00466, abs=1e-5)


def test_pairgen_and_diffusers_make_the_same_latents(
    teacher: Any, pipeline: StableDiffusionPipeline
) -> None:
    prompts = PROMPTS[:2]
    config = {**pipeline.scheduler.config, "timestep_spacing": "trailing"}
    pipeline.scheduler = DDIMScheduler.from_config(config)
    theirs = pipeline(
        prompts,
        latents=noises(2),
        num_inference_steps=4,
        guidance_scale=4.0,
        output_type="latent",
    ).images
    conditioning = teacher.encode_prompts(prompts)
    ours, _ = sample(
        lambda x, t: teacher.predict(x, t, conditioning, torch.full((2,), 4.0)),
        noises(2),
        make_grid(teacher.schedule, "trailing", 4, "t0"),
        SOLVERS["ddim"],
    )
    assert torch.allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_its_prompts_are_words_it_knows_and_none_is_cut(teacher: Any) -> None:
    counts = teacher.count_tokens(PROMPTS)
    assert max(counts) <= teacher.max_prompt_tokens
    # Start, one token a word ("3d" is two), end.
    assert counts == [
        len(prompt.replace("3d", "3 d").replace("-", " - ").split()) + 2 for prompt in PROMPTS
    ]


def test_pictures_fit_their_own_prompt_best(teacher: Any) -> None:
    pictures = sampled(teacher, PROMPTS, steps=15, guidance=4.0)
    judge = load_judge()
    captions = judge.embed_captions(PROMPTS)
    ranks = caption_ranks(judge.embed_pictures(pictures), captions, captions)
    # By chance it would be one in 32.
    assert top_k_agreement(ranks, 1) >= 0.5


def test_one_prompt_has_many_pictures(teacher: Any) -> None:
    pictures = sampled(teacher, ["a 3d red apple on a white background"] * 6, 15, 4.0)
    features = load_judge().features(pictures)
    distances = np.linalg.norm(features[:, None] - features[None], axis=-1)
    # The features have unit variance in each of 64 dimensions.
    assert distances[np.triu_indices(6, 1)].min() > 0.5


def test_its_autoencoder_restores_a_picture(teacher: Any) -> None:
    across = torch.linspace(-1, 1, 64)
    disc = ((across[:, None] ** 2 + across[None] ** 2) < 0.4).float()
    colour, ground = torch.tensor([0.8, -0.7, -0.7]), torch.tensor([0.9, 0.9, 0.95])
    picture = disc * colour.view(3, 1, 1) + (1 - disc) * ground.view(3, 1, 1)
    with torch.no_grad():
        latent = teacher.encode(picture[None], torch.Generator().manual_seed(0))
        restored = teacher.decode(latent).clamp(-1, 1)
    assert latent.shape == (1, 4, 16, 16)
    psnr = -10 * float((((restored - picture) / 2) ** 2).mean().log10())
    assert psnr > 25


def test_pairs_of_it_name_no_folder_of_this_installation(tmp_path):
    """They are trained on where the package lies elsewhere."""
    pairgen.ode(model="tiny", cfg=1, steps=1, num_samples=1, out=str(tmp_path / "pairs"))
    text = (tmp_path / "pairs/__meta__/plan.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(text)["teacher"]["location"] == "package:assets/tiny"
    assert str(packaged_assets().parent) not in text
