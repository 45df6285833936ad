"""The gradients of `everything` in plain torch and diffusers: no adapter, no trainer, no loader.

In float64, by merged weights W + (alpha / r) B A that autograd sees through, one network for each
player. Only the numbers come from pairgen: initial weights, and the draws of each sample.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor, nn
from torch.func import functional_call
from transformers import CLIPTextModel, CLIPTokenizer

from pairgen.draws import Draws
from pairgen.shards.loading.batch import Batch

T = 500
WEIGHT = 0.1


class Round:
    """The batch of a round, and its draws in the order of the calls."""

    def __init__(self, batch: Batch, number: int) -> None:
        self.batch = batch
        self._draws = Draws(0, 0, 0, len(batch), len(batch), torch.device("cpu"), number)

    def normal(self, shape: tuple[int, ...]) -> Tensor:
        return self._draws.normal(shape).double()

    def uniform(self) -> Tensor:
        return self._draws.uniform().double()


def pixels(images: Tensor) -> Tensor:
    """Return uint8 [B, H, W, 3] as [B, 3, H, W] in [-1, 1]."""
    return images.permute(0, 3, 1, 2).double() / 127.5 - 1


def widened(unet: UNet2DConditionModel) -> UNet2DConditionModel:
    """Give a UNet four more input channels of zero weights."""
    old = unet.conv_in
    unet.conv_in = nn.Conv2d(8, old.out_channels, 3, padding=1)
    with torch.no_grad():
        unet.conv_in.weight.zero_()
        unet.conv_in.weight[:, :4] = old.weight
        unet.conv_in.bias.copy_(old.bias)
    unet.register_to_config(in_channels=8)
    return unet


def merged(
    base: Mapping[str, Tensor], trained: Mapping[str, Tensor], scale: float
) -> dict[str, Tensor]:
    """Return W + scale B A for each adapted layer, and trained layers instead of their own."""
    weights = dict(base)
    for name, tensor in trained.items():
        layer = name.rpartition(".")[0]
        if ".full" in name or name.startswith("full"):
            weights[name.replace(".full.", ".")] = tensor
        elif layer.endswith(".lora_A"):
            layer = layer.removesuffix(".lora_A")
            a, b = tensor, trained[f"{layer}.lora_B.weight"]
            # A, then B at each place, is one convolution: the sum over the rank.
            delta = torch.einsum("or,r...->o...", b.flatten(1), a)
            key = f"{layer}.weight"
            weights[key] = weights[key] + scale * delta
    return weights


def gradients(
    folder: Path,
    initial: Mapping[str, Tensor],
    scales: Mapping[str, float],
    rounds: Sequence["Round"],
) -> dict[str, list[Tensor]]:
    """Return the gradient of each weight in each round that it is trained in.

    Args:
        folder: The Stable Diffusion folder.
        initial: The trained weights at the start: `unet.NAME`, `encoder.NAME`, `score.NAME` of
            adapters, `head.NAME`.
        scales: alpha / rank of `unet`, `encoder` and `score`.
        rounds: The batch and the draws of each round.
    """
    leaves = {name: each.double().requires_grad_(True) for name, each in initial.items()}
    unet = widened(UNet2DConditionModel.from_pretrained(folder / "unet")).double().eval()
    vae = AutoencoderKL.from_pretrained(folder / "vae").double().eval()
    torch.manual_seed(11)
    head = nn.utils.parametrizations.spectral_norm(nn.Conv2d(4, 4, 3)).double()
    text = encoded_text(folder).double()
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    alpha = (1 - betas).cumprod(0)[T].sqrt()
    sigma = (1 - alpha**2).sqrt()

    def of(name: str) -> dict[str, Tensor]:
        return {
            key.removeprefix(f"{name}."): each
            for key, each in leaves.items()
            if key.startswith(f"{name}.")
        }

    def denoise(network: str, x: Tensor, t: Tensor, latent: Tensor) -> Tensor:
        weights = merged(dict(unet.named_parameters()), of(network), scales[network])
        states = text.expand(len(x), -1, -1)
        given = (torch.cat([x, latent], 1), t)
        return functional_call(unet, weights, given, {"encoder_hidden_states": states}).sample

    def encode(image: Tensor, noise: Tensor | None, adapted: bool) -> Tensor:
        own = dict(vae.named_parameters())
        weights = merged(own, of("encoder"), scales["encoder"]) if adapted else own
        names = ("encoder.", "quant_conv.")
        kept = {name: each for name, each in weights.items() if name.startswith(names)}

        class Half(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.encoder, self.quant_conv = vae.encoder, vae.quant_conv

            def forward(self, x: Tensor) -> Tensor:
                return self.quant_conv(self.encoder(x))

        mean, log_var = functional_call(Half(), kept, (image,)).chunk(2, 1)
        spread = (0.5 * log_var.clamp(-30, 20)).exp()
        latent = mean if noise is None else mean + spread * noise
        return latent * vae.config.scaling_factor

    def judged(latent: Tensor) -> Tensor:
        return functional_call(head, of("head"), (latent.tanh(),)).mean((1, 2, 3))

    found: dict[str, list[Tensor]] = {name: [] for name in leaves}
    for each in rounds:
        target = pixels(each.batch["png"])
        given = nn.functional.interpolate(
            pixels(each.batch["lr2.png"]), scale_factor=2, mode="bicubic", align_corners=False
        ).clamp(-1, 1)
        size = (4, target.shape[-1] // 2, target.shape[-1] // 2)
        latent = encode(given, each.normal(size), True)
        z = each.normal(size)
        x0 = (z - sigma * denoise("unet", z, torch.full((len(z),), T), latent)) / alpha
        noise, u = each.normal(size), each.uniform().view(-1, 1, 1, 1)
        noised = u.cos() * x0.detach() + u.sin() * noise
        score = F.mse_loss(denoise("score", noised, 500 * u.flatten(), latent.detach()), noise)
        # The student sees the latent of the real image as its encoder makes it now.
        made, real = judged(x0.detach()), judged(encode(target, None, True).detach())
        game = F.softplus(made).mean() + F.softplus(-real).mean()
        critic = [name for name in leaves if name.startswith(("score.", "head."))]
        losses = {tuple(critic): score + game}
        if each is rounds[-1]:
            image = vae.decode(x0 / vae.config.scaling_factor).sample
            student = tuple(name for name in leaves if name.startswith(("unet.", "encoder.")))
            losses[student] = F.mse_loss(image, target) + WEIGHT * judged(x0).mean()
        for names, loss in losses.items():
            grads = torch.autograd.grad(loss, [leaves[name] for name in names], retain_graph=True)
            for name, grad in zip(names, grads, strict=True):
                found[name].append(grad)
    return found


def encoded_text(folder: Path) -> Tensor:
    """Return the states of the empty prompt, [1, L, D]."""
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    encoder = CLIPTextModel.from_pretrained(folder / "text_encoder").eval()
    ids = tokenizer(
        ["", ""],
        padding="max_length",
        truncation=True,
        max_length=encoder.config.max_position_embeddings,
        return_tensors="pt",
    ).input_ids
    with torch.no_grad():
        return encoder(ids)[0][:1]
