"""The single ODE convention: x_t = alpha(t) x0 + sigma(t) eps.

A teacher's network predicts eps, v, x0 or a flow; this module converts its output to (x0, eps), so
nothing else in pairgen depends on it. A schedule gives alpha and sigma at real-valued times.
"""

from typing import Literal, Protocol

import torch
from torch import Tensor

Prediction = Literal["epsilon", "v_prediction", "sample", "flow"]


class Schedule(Protocol):
    """alpha(t) and sigma(t) of a teacher, t from `last_time` (data) to `first_time` (noise).

    Attributes:
        steps_offset: What the spacing `leading` adds to its times.
    """

    first_time: float
    last_time: float
    num_train_steps: int
    steps_offset: int

    def alpha_sigma(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return (alpha, sigma), each float64 and shaped as `t`, on the device of `t`."""
        ...

    def time_of(self, half_log_snr: Tensor) -> Tensor:
        """Return the times at which log(alpha / sigma) has the given values, float64."""
        ...


class DiscreteSchedule:
    """A variance-preserving schedule known at the integer times 0 .. T-1.

    At integers, alpha and sigma are computed in float32 exactly as in diffusers, so that float32
    sampling matches it bit for bit. Between integers, log(alpha / sigma) is linear in t; before a
    last alpha of 0, where it has no end, alpha is.

    Args:
        alphas_cumprod: alpha(t)^2 for t = 0 .. T-1, [T] float32, strictly decreasing in (0, 1); the
            last may be 0 (zero terminal SNR).
        steps_offset: What the spacing `leading` adds to its times.

    Raises:
        ValueError: `alphas_cumprod` is not strictly decreasing or leaves (0, 1).

    Reference:
        Lu et al. 2022 (DPM-Solver), arXiv:2206.00927, Section 3.4: sampling from discrete-time
        models at any time. Lin et al. 2023, arXiv:2305.08891, Algorithm 1: zero terminal SNR.
    """

    def __init__(self, alphas_cumprod: Tensor, steps_offset: int = 1) -> None:
        alphas_cumprod = alphas_cumprod.detach().cpu().float()
        inside = bool(((alphas_cumprod[:-1] > 0) & (alphas_cumprod[:-1] < 1)).all())
        if (
            not inside
            or not 0 <= alphas_cumprod[-1] < 1
            or not bool((alphas_cumprod.diff() < 0).all())
        ):
            raise ValueError("alphas_cumprod must be strictly decreasing and in [0, 1).")
        self.num_train_steps = len(alphas_cumprod)
        self.first_time = float(self.num_train_steps - 1)
        self.last_time = 0.0
        self.steps_offset = steps_offset
        self._alphas = (alphas_cumprod**0.5).double()
        self._sigmas = ((1 - alphas_cumprod) ** 0.5).double()
        self._half_log_snrs = torch.log(self._alphas / self._sigmas)

    def alpha_sigma(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return (alpha, sigma) at `t`, see `Schedule`."""
        if self._alphas.device != t.device:
            # Once per device: the tables move with the times, so sampling never waits for a copy.
            self._alphas = self._alphas.to(t.device)
            self._sigmas = self._sigmas.to(t.device)
            self._half_log_snrs = self._half_log_snrs.to(t.device)
        t = t.double()
        below = t.floor().long().clamp(0, self.num_train_steps - 1)
        above = (below + 1).clamp(max=self.num_train_steps - 1)
        fraction = t - below
        half_log_snr = torch.lerp(self._half_log_snrs[below], self._half_log_snrs[above], fraction)
        on_integer = fraction == 0
        alpha = torch.where(on_integer, self._alphas[below], torch.sigmoid(2 * half_log_snr).sqrt())
        sigma = torch.where(
            on_integer, self._sigmas[below], torch.sigmoid(-2 * half_log_snr).sqrt()
        )
        endless = self._half_log_snrs[above].isneginf() & ~on_integer
        alpha = torch.where(endless, (1 - fraction) * self._alphas[below], alpha)
        return alpha, torch.where(endless, (1 - alpha**2).sqrt(), sigma)

    def time_of(self, half_log_snr: Tensor) -> Tensor:
        """Return the times of the given values of log(alpha / sigma), see `Schedule`."""
        # The table decreases with t; searchsorted needs it ascending.
        rising = self._half_log_snrs.to(half_log_snr.device).flip(0).contiguous()
        above = torch.searchsorted(rising, half_log_snr.double().contiguous())
        above = above.clamp(1, self.num_train_steps - 1)
        low, high = rising[above - 1], rising[above]
        # Between the last two times of zero terminal SNR there is no length to divide.
        part = torch.where(low.isneginf(), half_log_snr > low, (half_log_snr - low) / (high - low))
        position = (above - 1) + part
        return ((self.num_train_steps - 1) - position).clamp(self.last_time, self.first_time)


class FlowSchedule:
    """The straight path from noise to data: sigma = t / T, alpha = 1 - t / T, t from T to 0.

    Args:
        num_train_steps: T; the network takes times in this range.

    Reference:
        Liu et al. 2022, arXiv:2209.03003, Equation 1 (rectified flow), with time reversed.
    """

    def __init__(self, num_train_steps: int = 1000) -> None:
        self.num_train_steps = num_train_steps
        self.first_time = float(num_train_steps)
        self.last_time = 0.0
        self.steps_offset = 1

    def alpha_sigma(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return (alpha, sigma) at `t`, see `Schedule`."""
        sigma = t.double() / self.num_train_steps
        return 1 - sigma, sigma

    def time_of(self, half_log_snr: Tensor) -> Tensor:
        """Return the times of the given values of log(alpha / sigma), see `Schedule`."""
        return self.num_train_steps * torch.sigmoid(-half_log_snr.double())


def to_x0_eps(
    prediction: Prediction, output: Tensor, x: Tensor, alpha: Tensor, sigma: Tensor
) -> tuple[Tensor, Tensor]:
    """Convert a network's output at x_t into (x0, eps).

    Args:
        prediction: What the network predicts. `epsilon`: eps. `v_prediction`: alpha eps - sigma x0.
            `sample`: x0. `flow`: eps - x0, for alpha = 1 - t, sigma = t.
        output: The network's output, [B, C, H, W].
        x: The state x_t, [B, C, H, W].
        alpha: alpha at the time of `x`, [B, 1, 1, 1].
        sigma: sigma at the time of `x`, [B, 1, 1, 1], positive.

    Raises:
        ValueError: `prediction` is unknown.

    Reference:
        Salimans & Ho 2022, arXiv:2202.00512, Section 4 and Appendix D (v-prediction); Liu et al.
        2022, arXiv:2209.03003, Equation 1 (the straight path behind `flow`).
    """
    if prediction == "epsilon":
        return (x - sigma * output) / alpha, output
    if prediction == "v_prediction":
        return alpha * x - sigma * output, alpha * output + sigma * x
    if prediction == "sample":
        return output, (x - alpha * output) / sigma
    if prediction == "flow":
        return x - sigma * output, x + alpha * output
    raise _unknown(prediction)


def to_output(
    prediction: Prediction, x0: Tensor, eps: Tensor, alpha: Tensor, sigma: Tensor
) -> Tensor:
    """Return what a perfect network outputs at alpha x0 + sigma eps: the inverse of `to_x0_eps`.

    Args:
        prediction: What the network predicts, as for `to_x0_eps`.
        x0: The clean latents, [B, C, H, W].
        eps: The noise, [B, C, H, W].
        alpha: alpha at the time of the state, [B, 1, 1, 1].
        sigma: sigma at the time of the state, [B, 1, 1, 1].

    Raises:
        ValueError: `prediction` is unknown.
    """
    if prediction == "epsilon":
        return eps
    if prediction == "v_prediction":
        return alpha * eps - sigma * x0
    if prediction == "sample":
        return x0
    if prediction == "flow":
        return eps - x0
    raise _unknown(prediction)


def column(values: Tensor) -> Tensor:
    """Reshape the values of samples, [B], to [B, 1, 1, 1], as the functions above take them."""
    return values.view(-1, 1, 1, 1)


def _unknown(prediction: str) -> ValueError:
    return ValueError(
        f"prediction must be epsilon, v_prediction, sample or flow, got {prediction!r}."
    )
