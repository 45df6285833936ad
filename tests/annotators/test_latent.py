"""Latents and moments: diffusers' VAE bit for bit, levels, draws of each sample."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from PIL import Image

import pairgen
from pairgen.annotators.latent import draw_noise
from pairgen.errors import ConfigError, TeacherLoadError
from pairgen.jobs.replay.run import run_replay
from pairgen.sampling.enlarge import enlarge
from pairgen.sampling.signed import to_signed
from pairgen.shards.format.codec import decode_array
from tests.annotated_sets import SIDE, write_pictures
from tests.runs import samples

pytestmark = pytest.mark.usefixtures("one_thread")
BATCH = 3


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "set")


def images(parent: Path, name: str = "png") -> torch.Tensor:
    stack = [np.asarray(Image.open(io.BytesIO(each[name]))) for each in samples(parent)]
    return to_signed(torch.from_numpy(np.stack(stack)))


def batches(values: torch.Tensor) -> list[torch.Tensor]:
    """The batches of shards of 4: 3, and 1 that is padded."""
    found = []
    for start in range(0, len(values), 4):
        shard = values[start : start + 4]
        for first in range(0, len(shard), BATCH):
            part = shard[first : first + BATCH]
            found.append(torch.cat([part, *[part[-1:]] * (BATCH - len(part))])[:BATCH])
    return found


def kept(per_batch: list[torch.Tensor], num: int) -> torch.Tensor:
    sizes = [
        min(BATCH, min(4, num - start) - first)
        for start in range(0, num, 4)
        for first in range(0, min(4, num - start), BATCH)
    ]
    return torch.cat([each[:size] for each, size in zip(per_batch, sizes, strict=True)])


def stored(parent: Path, annotator: str, member: str) -> np.ndarray:
    return np.stack(
        [decode_array(each[member]) for each in samples(Path(f"{parent}.annotations/{annotator}"))]
    )


def annotate(parent: Path, name: str, model: Path, **options: object) -> None:
    (manifest,) = pairgen.annotate(
        parent, add=name, model=str(model), batch_size=BATCH, executor="serial", **options
    )
    assert manifest.complete and not manifest.num_failed
    assert manifest.receipts[0].made["batch_size"] == BATCH


@pytest.mark.parametrize("folder", ["sd15_folder", "sdxl_folder"])
def test_latents_are_the_means_of_diffusers_bit_for_bit(request, folder, parent: Path) -> None:
    folder = request.getfixturevalue(folder)
    annotate(parent, "latent", folder, levels="hr,lr4")
    vae = AutoencoderKL.from_pretrained(folder / "vae").eval()
    for member, pictures in (
        ("latent.npy", images(parent)),
        ("lr4_latent.npy", enlarge(images(parent, "lr4.png"), 4)),
    ):
        with torch.no_grad():
            means = [vae.encode(each).latent_dist.mode() for each in batches(pictures)]
        expected = kept([each * vae.config.scaling_factor for each in means], 10).half().numpy()
        found = stored(parent, "latent", member)
        assert found.dtype == np.float16 and found.shape == (10, 4, SIDE // 2, SIDE // 2)
        assert np.array_equal(found, expected)
    overlay = f"{parent}.annotations/latent"
    assert pairgen.verify(overlay).clean
    for key in (0, 3, 9):
        assert not run_replay(overlay, str(key)).differences


def test_moments_are_the_unscaled_parameters_of_the_posterior(sd15_folder, parent: Path) -> None:
    annotate(parent, "moments", sd15_folder)
    vae = AutoencoderKL.from_pretrained(sd15_folder / "vae").eval()
    with torch.no_grad():
        found = [vae.encode(each).latent_dist for each in batches(images(parent))]
    expected = kept([each.parameters for each in found], 10)
    moments = stored(parent, "moments", "moments.npy")
    assert moments.shape == (10, 8, SIDE // 2, SIDE // 2)
    assert np.array_equal(moments, expected.half().numpy())
    posterior = DiagonalGaussianDistribution(torch.from_numpy(moments).float())
    means = kept([each.mean for each in found], 10)
    torch.testing.assert_close(posterior.mean, means, atol=2e-3, rtol=2e-3)


def test_a_sample_of_the_posterior_is_drawn_for_each_sample(sd15_folder, parent: Path) -> None:
    annotate(parent, "latent", sd15_folder, sample=True, levels=["lr2", "hr"])
    vae = AutoencoderKL.from_pretrained(sd15_folder / "vae").eval()
    shape = (4, SIDE // 2, SIDE // 2)
    noise = torch.from_numpy(np.stack([draw_noise(5, i, shape) for i in range(10)]))
    with torch.no_grad():
        found = [vae.encode(each).latent_dist for each in batches(images(parent))]
    drawn = kept([each.mean for each in found], 10) + kept([each.std for each in found], 10) * noise
    expected = (drawn * vae.config.scaling_factor).half().numpy()
    assert np.array_equal(stored(parent, "latent", "latent.npy"), expected)
    assert not np.array_equal(noise[0], noise[1])
    assert not run_replay(f"{parent}.annotations/latent", "5").differences


def test_other_weights_of_the_same_name_are_refused(sd15_folder, tmp_path, parent: Path) -> None:
    import shutil

    folder = shutil.copytree(sd15_folder, tmp_path / "model")
    annotate(parent, "latent", folder)
    AutoencoderKL.from_pretrained(folder / "vae").half().save_pretrained(folder / "vae")
    with pytest.raises(TeacherLoadError, match="do not match the plan"):
        run_replay(f"{parent}.annotations/latent", "0")
    with pytest.raises(ConfigError, match="vae_sha256"):
        pairgen.annotate(parent, add="latent")


def test_what_cannot_be_encoded_is_refused(sd15_folder, parent: Path, tmp_path: Path) -> None:
    for options, message in (
        ({}, "model must be given: the set was made without one, so add --model"),
        ({"model": "gaussian"}, "model must have a VAE; gaussian has none"),
        ({"model": str(sd15_folder), "levels": "lr8"}, "no image 'lr8.png'"),
        ({"model": str(sd15_folder), "revision": "main"}, "revision 'main' is for a hub id"),
    ):
        with pytest.raises(ConfigError, match=message):
            pairgen.annotate(parent, add="latent", **options)
