"""Several adapters on one set of weights: gradients with recomputed activations, and memory."""

from collections.abc import Iterator

import torch
from torch import Tensor

from gpu_checks import models
from gpu_checks.peaks import GIB
from gpu_checks.setting import Row, Setting, verdict
from pairgen.adapters.chosen import checkpoint_gradients
from pairgen.sampling.conditioning import Conditioning
from pairgen.teachers.base import Denoiser
from pairgen.teachers.latent_diffusion import build_denoiser

RANK = 4
# Of a tensor's largest gradient. Kernels of the backward pass may add in any order.
TOLERANCE = 1e-3


def check(setting: Setting) -> Iterator[Row]:
    """Compare gradients, then count what a second adapter and a second network take."""
    location = str(models.sd15(setting))
    first = build_denoiser(location=location, device=setting.device)
    second, frozen = first.beside(), first.beside()
    before = _allocated()
    for seed, denoiser in enumerate((first, second)):
        _adapt(denoiser, seed)
    held = (_allocated() - before) / GIB
    yield Row("two adapters on one set of weights", held, "GiB", f"rank {RANK}, beside the weights")
    kept = _gradients(first, second, frozen)
    checkpoint_gradients(first.network)
    again = _gradients(first, second, frozen)
    worst = max(float((again[n] - g).abs().max() / g.abs().max()) for n, g in kept.items())
    yield verdict(
        "gradients with recomputed activations",
        worst < TOLERANCE,
        f"largest difference {worst:.1e} of a tensor's largest gradient, while another adapter and "
        "none ran in between; float32",
    )


def _adapt(denoiser: Denoiser, seed: int) -> None:
    """Add an adapter that changes something: no part of it is zero."""
    torch.manual_seed(seed)
    denoiser.adapt(rank=RANK, alpha=RANK)
    with torch.no_grad():
        for each in denoiser.adapter.parameters():
            each.add_(0.02 * torch.randn_like(each))


def _gradients(first: Denoiser, second: Denoiser, frozen: Denoiser) -> dict[str, Tensor]:
    """Return the gradients of both adapters; each backward pass comes after the other's forward."""
    device, shape = next(first.parameters()).device, first.latent_shape
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, *shape, generator=generator).to(device)
    width = first.network.config.cross_attention_dim
    text = torch.randn(2, 77, width, generator=generator).to(device)
    t = torch.tensor([999.0, 500.0], device=device)
    given = (x, t, Conditioning({"txt_emb": text}))
    losses = [denoiser(*given).square().mean() for denoiser in (first, second)]
    with torch.no_grad():
        frozen(*given)
    found = {}
    for number, (denoiser, loss) in enumerate(zip((first, second), losses, strict=True)):
        loss.backward()
        for name, each in denoiser.adapter.named_parameters():
            found[f"{number}.{name}"] = each.grad.clone()
        denoiser.zero_grad(set_to_none=True)
    return found


def _allocated() -> int:
    return torch.cuda.memory_allocated() if torch.cuda.is_available() else 0
