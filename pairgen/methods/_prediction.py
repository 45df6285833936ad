"""What a network in training predicts, as x0 and eps."""

from typing import Protocol

from torch import Tensor

from pairgen.sampling.conditioning import Conditioning
from pairgen.sampling.parameterization import Prediction, Schedule, column, to_x0_eps


class Predicting(Protocol):
    """A network that can be asked: a denoiser, or its average."""

    @property
    def prediction(self) -> Prediction:
        """The quantity that it predicts."""
        ...

    @property
    def schedule(self) -> Schedule:
        """Alpha and sigma over time."""
        ...

    def __call__(
        self,
        x: Tensor,
        t: Tensor,
        conditioning: Conditioning,
        guidance_scale: Tensor | None = None,
    ) -> Tensor:
        """Return the network's own output, see `Denoiser.__call__`."""
        ...


def x0_eps_of(
    denoiser: Predicting,
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
    return x0_eps_from(denoiser, denoiser(x, t, conditioning, guidance_scale), x, t)


def x0_eps_from(
    denoiser: Predicting, output: Tensor, x: Tensor, t: Tensor
) -> tuple[Tensor, Tensor]:
    """Return x0 and eps by the output of a network, [B, C, H, W] float64 each.

    Args:
        denoiser: The network.
        output: Its output at x, [B, C, H, W].
        x: State, [B, C, H, W].
        t: Times, [B] float64.
    """
    alpha, sigma = (column(each) for each in denoiser.schedule.alpha_sigma(t))
    # In float64, because 1 / alpha is 15 at Stable Diffusion's first time.
    return to_x0_eps(denoiser.prediction, output.double(), x.double(), alpha, sigma)
