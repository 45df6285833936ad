"""The autoencoder with gradients: diffusers' numbers, draws per sample, halves, checkpointing."""

import pytest
import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file

from pairgen import plugins

CPU = torch.device("cpu")


def build(folder, teacher="latent_diffusion", **options):
    return plugins.call(
        "teachers", teacher, "build_autoencoder", location=str(folder), device=CPU, **options
    )


@pytest.fixture
def images():
    return torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize("folder", ["sd15_folder", "sdxl_folder"])
def test_it_computes_what_diffusers_computes(request, folder, images):
    folder = request.getfixturevalue(folder)
    autoencoder = build(folder)
    vae = AutoencoderKL.from_pretrained(folder / "vae").eval()
    scale = vae.config.scaling_factor
    with torch.no_grad():
        posterior = vae.encode(images).latent_dist
        assert torch.equal(autoencoder.encode(images), posterior.mode() * scale)
        noise = torch.randn(posterior.mean.shape, generator=torch.Generator().manual_seed(2))
        sampled = posterior.sample(torch.Generator().manual_seed(2))
        torch.testing.assert_close(autoencoder.encode(images, noise), sampled * scale)
        latents = posterior.mode() * scale
        assert torch.equal(autoencoder.decode(latents), vae.decode(latents / scale).sample)


def test_each_sample_has_its_own_draw(sd15_folder, images):
    autoencoder = build(sd15_folder)
    shape = autoencoder.encode(images).shape
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(2))
    whole = autoencoder.encode(images, noise)
    for row in range(len(images)):
        alone = autoencoder.encode(images[row : row + 1], noise[row : row + 1])
        torch.testing.assert_close(alone, whole[row : row + 1], rtol=1e-5, atol=1e-5)


def test_gradients_reach_the_inputs_and_only_they_while_it_is_frozen(sd15_folder, images):
    autoencoder = build(sd15_folder)
    images.requires_grad_(True)
    latents = autoencoder.encode(images)
    (through,) = torch.autograd.grad(autoencoder.decode(latents).square().mean(), images)
    assert through.abs().max() > 0
    assert not any(each.requires_grad for each in autoencoder.network.parameters())


def test_recomputed_activations_give_the_same_gradients(sd15_folder, images):
    found = []
    for recompute in (False, True):
        autoencoder = build(sd15_folder)
        torch.manual_seed(0)
        autoencoder.encoder.adapt(rank=2, alpha=4)
        for each in autoencoder.encoder.adapter.parameters():
            torch.nn.init.normal_(each, std=0.1)
        if recompute:
            autoencoder.encoder.checkpoint_gradients()
            assert autoencoder.network.is_gradient_checkpointing
        x = images.clone().requires_grad_(True)
        autoencoder.decode(autoencoder.encode(x)).square().mean().backward()
        named = dict(autoencoder.encoder.adapter.named_parameters())
        found.append({"x": x.grad, **{name: each.grad for name, each in named.items()}})
    for name, expected in found[0].items():
        assert expected.abs().max() > 0, name
        assert (found[1][name] - expected).abs().max() <= 1e-5 * expected.abs().max(), name


def test_one_half_is_adapted_and_the_other_trained(sd15_folder, images, tmp_path):
    autoencoder = build(sd15_folder)
    autoencoder.encoder.adapt(rank=2, alpha=2, trained=["quant_conv"])
    autoencoder.decoder.unfreeze()
    names = {name for name, each in autoencoder.encoder.named_parameters() if each.requires_grad}
    assert all(name.startswith("adapter.") for name in names)
    assert "adapter.encoder.conv_in.lora_A.weight" in names
    assert "adapter.quant_conv.full.weight" in names
    trained = {name for name, each in autoencoder.decoder.named_parameters() if each.requires_grad}
    assert any("decoder.conv_out" in name for name in trained)
    with torch.no_grad():
        for each in autoencoder.encoder.adapter.parameters():
            each.add_(0.1)
    made = autoencoder.encode(images)
    autoencoder.encoder.merge()
    torch.testing.assert_close(autoencoder.encode(images), made)
    # What is saved is the merged VAE.
    autoencoder.network.save_pretrained(tmp_path / "vae")
    saved = load_file(tmp_path / "vae/diffusion_pytorch_model.safetensors")
    assert saved.keys() == load_file(sd15_folder / "vae/diffusion_pytorch_model.safetensors").keys()
    vae = AutoencoderKL.from_pretrained(tmp_path / "vae")
    torch.testing.assert_close(
        vae.encode(images).latent_dist.mode() * vae.config.scaling_factor, made
    )


def test_a_pixel_model_has_the_identity(pixel_folder, images):
    autoencoder = build(pixel_folder, "pixel_unet", null_label=3)
    latents = autoencoder.encode(images, None)
    assert torch.equal(autoencoder.decode(latents), images)
    assert torch.equal(autoencoder.encoder(images), images)


def test_a_network_takes_an_image_latent_that_changes_nothing_at_first(sd15_folder):
    plain, wider = (
        plugins.call(
            "teachers",
            "latent_diffusion",
            "build_denoiser",
            location=str(sd15_folder),
            device=CPU,
            **options,
        )
        for options in ({}, {"image_channels": 5})
    )
    teacher = plugins.build(
        "teachers",
        "latent_diffusion",
        location=str(sd15_folder),
        device=CPU,
        dtype=torch.float32,
        negative_prompt="",
    )
    conditioning = teacher.encode_prompts(["a cat", "a dog"])
    generator = torch.Generator().manual_seed(4)
    x, image = (torch.randn(2, n, 8, 8, generator=generator) for n in (4, 5))
    t = torch.tensor([999.0, 3.0], dtype=torch.float64)
    given = conditioning.with_image(image)
    assert (plain.image_channels, wider.image_channels) == (0, 5)
    assert wider.network.config.in_channels == 9
    torch.testing.assert_close(wider(x, t, given), plain(x, t, conditioning))
    image.requires_grad_(True)
    made = wider(x, t, conditioning.with_image(image)).square().sum()
    made.backward()
    # The new channels learn from the first step on.
    assert wider.network.conv_in.weight.grad[:, 4:].abs().max() > 0
