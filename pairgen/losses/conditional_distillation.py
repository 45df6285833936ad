"""CoDi: consistency of the noise along the model's own path, and guidance to the real latent.

Letters: x = latents of the image to make, z_t = alpha_t x + sigma_t eps, xhat and epshat = what a
network says of x and eps at z_t, s = the time after t on the grid of learning steps, theta^- = the
averaged weights.

    zhat_s = alpha_s xhat_t + sigma_s epshat_t              the model's own DDIM step
    L      = d(epshat(zhat_s, s; theta^-), epshat_t) + d(x, xhat_t)

References:
    Mei et al. 2023 (CoDi), arXiv:2310.01407. Its equations are known to us from a note about the
    paper; no public code trains it as a whole, and how the two terms weigh at a time is ours.
    Luo et al. 2023 (latent consistency models), arXiv:2310.04378: the boundary, with the numbers of
    diffusers' `LCMScheduler`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pairgen.sampling.parameterization import column

# Where the two terms are measured.
X0, EPS, V = SPACES = ("x0", "eps", "v")
# Of diffusers' `LCMScheduler`: the deviation of data, and the scale of times.
SIGMA_DATA, TIMESTEP_SCALING = 0.5, 10.0


@dataclass(frozen=True)
class Predicted:
    """What a network says of a state.

    Attributes:
        x0: xhat, [B, C, H, W].
        eps: epshat, [B, C, H, W].
    """

    x0: Tensor
    eps: Tensor

    def detach(self) -> "Predicted":
        """Return the same without gradients."""
        return Predicted(self.x0.detach(), self.eps.detach())


def bounded(found: Predicted, z_t: Tensor, t: Tensor) -> Predicted:
    """Return c_skip z_t + c_out xhat in the place of xhat, which is z_t itself at t = 0.

    epshat stays: its limit at t = 0 is not known.

    Args:
        found: What the network says of z_t.
        z_t: The state, [B, C, H, W].
        t: Times, [B].
    """
    scaled = t.double() * TIMESTEP_SCALING
    variance = scaled.square() + SIGMA_DATA**2
    c_skip, c_out = column(SIGMA_DATA**2 / variance), column(scaled / variance.sqrt())
    return Predicted(c_skip * z_t + c_out * found.x0, found.eps)


def next_state(found: Predicted, alpha_s: Tensor, sigma_s: Tensor) -> Tensor:
    """Return zhat_s, one DDIM step from what a network says, [B, C, H, W], without gradients.

    Args:
        found: What it says of z_t.
        alpha_s: alpha at s, [B].
        sigma_s: sigma at s, [B].
    """
    step = column(alpha_s) * found.x0 + column(sigma_s) * found.eps
    return step.detach()


def consistency_loss(now: Predicted, later: Predicted, space: str, counted: Tensor) -> Tensor:
    """Return the mean squared distance of what is said at z_t to what is said at zhat_s, a scalar.

    Args:
        now: What the network says of z_t.
        later: What the averaged network says of zhat_s; no gradient reaches it.
        space: `eps` or `x0`.
        counted: Whether a row has a time after its own, [B] bool; the others count as 0.
    """
    later = later.detach()
    one, other = (now.eps, later.eps) if space == EPS else (now.x0, later.x0)
    error = (one - other).square().flatten(1).mean(1)
    return torch.where(counted, error, 0.0).mean()


def target_loss(x0: Tensor, x: Tensor, space: str, alpha: Tensor, sigma: Tensor) -> Tensor:
    """Return the mean squared distance of xhat to the real latent, a scalar.

    Args:
        x0: xhat, [B, C, H, W].
        x: The real latents, [B, C, H, W].
        space: `x0`; `eps`: (alpha / sigma)^2 times that, the distance of the noises that both
            imply; `v`: 1 / sigma^2 times that.
        alpha: alpha at the times, [B].
        sigma: sigma at the times, [B].
    """
    error = (x0 - x).square().flatten(1).mean(1)
    weights = {X0: torch.ones_like(sigma), EPS: (alpha / sigma).square(), V: sigma**-2}
    return (weights[space] * error).mean()
