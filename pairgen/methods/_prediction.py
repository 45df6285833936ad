"""What a network in training predicts, as x0 and eps."""

from torch import Tensor

from pairgen.sampling.parameterization import column, to_x0_eps
from pairgen.teachers.base import Conditioning, Denoiser


def x0_eps_of(
    denoiser: Denoiser,
    x: Tensor,
    t: Tensor,
    conditioning: Conditioning,
    guidance_scale: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return x0 and eps by a network, [B, C, H, W] float64 each, with gradients.

    Args:
        denoiser: The network.
        x: State, [B, C, H, W].
        t: Times, [B] float64.
        conditioning: The prompts' conditioning, B rows.
        guidance_scale: Guidance scales, [B], for a network with a guidance embedding.
    """
    output = denoiser(x, t, conditioning, guidance_scale)
    alpha, sigma = (column(each) for each in denoiser.schedule.alpha_sigma(t))
    # In float64, because 1 / alpha is 15 at Stable Diffusion's first time.
    return to_x0_eps(denoiser.prediction, output.double(), x.double(), alpha, sigma)
