"""The UNet discriminator on small random models of the true classes."""

import copy

import pytest
import torch
import torch.nn.functional as F

from pairgen import plugins
from pairgen.losses.adversarial import gradient_penalty, loss_if_made, loss_if_real
from pairgen.networks.unet_discriminator import UnetDiscriminator
from pairgen.sampling.conditioning import Conditioning

CPU = torch.device("cpu")


def new_denoiser(folder, teacher="latent_diffusion", **options):
    return plugins.call(
        "teachers", teacher, "build_denoiser", location=str(folder), device=CPU, **options
    )


def conditioning_of(denoiser, num, generator):
    """Return random embeddings of the widths that a UNet reads."""
    config = denoiser.network.config
    tensors = {"txt_emb": torch.randn(num, 77, config.cross_attention_dim, generator=generator)}
    if config.addition_embed_type:
        width = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
        tensors["pooled_emb"] = torch.randn(num, width, generator=generator)
    return Conditioning(tensors)


def inputs_of(denoiser, num=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (num, *denoiser.latent_shape)
    x, z = torch.randn(shape, generator=generator), torch.randn(shape, generator=generator)
    return x, z, conditioning_of(denoiser, num, generator)


@pytest.fixture(params=["sd15_folder", "sdxl_folder"])
def denoiser(request):
    torch.manual_seed(0)
    return new_denoiser(request.getfixturevalue(request.param))


def test_three_readouts_for_each_scale_of_the_decoder(denoiser):
    discriminator = UnetDiscriminator(denoiser, time=0.0)
    x, z, conditioning = inputs_of(denoiser)
    logits = discriminator(x, z, conditioning)
    blocks = list(denoiser.network.up_blocks)
    assert len(logits) == 3 * len(blocks)
    size = x.shape[-1] // 2 ** (len(blocks) - 1)
    for place in range(len(blocks)):
        for each in logits[3 * place : 3 * place + 3]:
            assert each.shape == (3, 1, size, size)
            assert each.dtype == torch.float32
        size = min(2 * size, x.shape[-1])
    # They are of different features: of the decoder's input, with the skip connection, and after.
    assert len({float(each.detach().sum()) for each in logits}) == len(logits)


def test_the_readouts_see_what_the_decoder_computes(denoiser):
    """Parity with the decoder's first scale and last layer, computed by hand."""
    discriminator = UnetDiscriminator(denoiser, time=0.0)
    x, z, conditioning = inputs_of(denoiser)
    seen = {}
    network = denoiser.network
    handles = [
        network.mid_block.register_forward_hook(lambda _, __, out: seen.update(mid=out)),
        network.down_blocks[-1].register_forward_hook(lambda _, __, out: seen.update(skip=out[1])),
        network.conv_norm_out.register_forward_pre_hook(lambda _, a: seen.update(last=a[0])),
    ]
    logits = discriminator(x, z, conditioning)
    for handle in handles:
        handle.remove()
    before, at, *_, after = discriminator.readouts
    assert torch.equal(logits[0], before(seen["mid"]))
    assert torch.equal(logits[1], at(torch.cat([seen["mid"], seen["skip"][-1]], 1)))
    assert torch.equal(logits[-1], after(seen["last"]))


def test_at_first_noise_and_resized_latents_change_nothing(denoiser):
    discriminator = UnetDiscriminator(denoiser, time=0.0)
    x, z, conditioning = inputs_of(denoiser)
    logits = discriminator(x, z, conditioning)
    other = discriminator(x, z.flip(0), conditioning)
    assert all(torch.equal(a, b) for a, b in zip(logits, other, strict=True))
    # The UNet itself is untouched, and nothing stays hooked to it.
    t = torch.zeros(3, dtype=torch.float64)
    alone = copy.deepcopy(denoiser)
    assert torch.equal(denoiser(x, t, conditioning), alone(x, t, conditioning))
    # The text is read from the first step on.
    told = discriminator(x, z, conditioning[[1, 2, 0]])
    assert not torch.equal(logits[-1], told[-1])


def test_every_trained_weight_learns_and_then_noise_and_scales_count(denoiser):
    discriminator = UnetDiscriminator(denoiser, time=0.0)
    x, z, conditioning = inputs_of(denoiser)
    trained = {n: p for n, p in discriminator.named_parameters() if p.requires_grad}
    frozen = {n for n, p in discriminator.named_parameters() if not p.requires_grad}
    assert {name.split(".")[2] for name in frozen} == {"conv_norm_out", "conv_out"}
    optimizer = torch.optim.AdamW(trained.values(), lr=1e-2)
    loss_if_real(discriminator(x, z, conditioning)).mean().backward()
    without = [name for name, p in trained.items() if p.grad is None or not p.grad.any()]
    # Attention to a single place has no use for queries and keys; nor dropped biases.
    assert not [name for name in without if "to_q" not in name and "to_k" not in name], without
    optimizer.step()
    with torch.no_grad():
        logits = discriminator(x, z, conditioning)
        for place, each in enumerate(discriminator(x, z.flip(0), conditioning)):
            assert not torch.equal(each, logits[place])
        convs = discriminator.scale_convs
        assert len(convs) == len(denoiser.network.down_blocks) - 1
        for conv in convs:
            kept = conv.weight.clone()
            conv.weight.zero_()
            changed = discriminator(x, z, conditioning)
            assert not torch.equal(changed[0], logits[0])
            conv.weight.copy_(kept)


def test_without_scales_there_is_one_readout_of_the_last_layer(denoiser):
    discriminator = UnetDiscriminator(denoiser, time=0.0, noise_condition=False, multi_scale=False)
    x, z, conditioning = inputs_of(denoiser)
    (logits,) = discriminator(x, z, conditioning)
    assert logits.shape == (3, 1, *x.shape[2:])
    assert discriminator.noise_conv is None
    assert not list(discriminator.scale_convs)


def test_one_sample_does_not_depend_on_the_others(denoiser):
    discriminator = UnetDiscriminator(denoiser, time=0.0)
    x, z, conditioning = inputs_of(denoiser)
    together = discriminator(x, z, conditioning)
    alone = discriminator(x[1:2], z[1:2], conditioning[1:2])
    for a, b in zip(together, alone, strict=True):
        torch.testing.assert_close(a[1:2], b, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_it_can_be_differentiated_twice_with_the_plain_attention(denoiser, checkpointing):
    discriminator = UnetDiscriminator(denoiser, time=0.0)
    if checkpointing:
        discriminator.network.enable_gradient_checkpointing()
    x, z, conditioning = inputs_of(denoiser, num=1)
    x.requires_grad_(True)
    with discriminator.differentiable_twice():
        penalty = gradient_penalty(discriminator(x, z, conditioning), x).sum()
    penalty.backward()
    assert discriminator.network.is_gradient_checkpointing == checkpointing
    assert penalty > 0
    weight = discriminator.network.mid_block.attentions[0].transformer_blocks[0].attn2.to_v.weight
    assert weight.grad.abs().max() > 0
    # Against a difference quotient along one direction.

    def judged(x):
        logits = discriminator(x, z, conditioning)
        return torch.stack([each.sum() for each in logits]).mean()

    direction = torch.randn_like(x)
    with torch.no_grad():
        step = 1e-2
        ahead, behind = judged(x + step * direction), judged(x - step * direction)
    x2 = x.detach().requires_grad_(True)
    (slope,) = torch.autograd.grad(judged(x2), x2)
    expected = (slope * direction).sum()
    torch.testing.assert_close((ahead - behind) / (2 * step), expected, atol=1e-2, rtol=5e-2)
    assert float(penalty.detach()) == pytest.approx(float(slope.square().sum()), rel=1e-3)


def test_a_pixel_teacher_with_classes_makes_one_too(pixel_folder):
    denoiser = new_denoiser(pixel_folder, "pixel_unet", null_label=3)
    discriminator = UnetDiscriminator(denoiser, time=0.0)
    shape = (2, *denoiser.latent_shape)
    conditioning = Conditioning({"class_labels": torch.tensor([0, 1])})
    logits = discriminator(torch.randn(shape), torch.randn(shape), conditioning)
    assert len(logits) == 3 * len(denoiser.network.up_blocks)
    assert loss_if_made(logits).shape == (2,)


def test_resizing_takes_the_mean_of_the_pixels_that_one_covers():
    x = torch.arange(16.0).view(1, 1, 4, 4)
    small = F.interpolate(x, (2, 2), mode="area")
    assert torch.equal(small, torch.tensor([[[[2.5, 4.5], [10.5, 12.5]]]]))
