"""Step rules for the probability-flow ODE of x_t = alpha x0 + sigma eps.

A solver receives a denoiser and the alphas and sigmas of a grid, and knows no model, guidance or
schedule. It yields the state after every transition, so a new solver is one function with this
signature, its name in `SOLVER_NAMES` and its place in `SOLVERS`. The scalars are Python floats:
they neither change the dtype of `x` nor make a GPU wait.
"""

import math
from collections.abc import Callable, Iterator, Sequence

from torch import Tensor

from pairgen.sampling.names import SOLVER_NAMES

# Maps the state x [B, ...] at grid point i to (x0, eps), each [B, ...].
Denoiser = Callable[[Tensor, int], tuple[Tensor, Tensor]]
Solver = Callable[[Denoiser, Tensor, Sequence[float], Sequence[float]], Iterator[Tensor]]


def ddim(
    denoise: Denoiser, x: Tensor, alphas: Sequence[float], sigmas: Sequence[float]
) -> Iterator[Tensor]:
    """Keep x0 and eps fixed over a step. Order 1, one evaluation per step.

    Reference:
        Song et al. 2020, arXiv:2010.02502, Equation 12 with sigma_t = 0.
    """
    for i in range(len(alphas) - 1):
        x0, eps = denoise(x, i)
        x = alphas[i + 1] * x0 + sigmas[i + 1] * eps
        yield x


def dpmpp_2m(
    denoise: Denoiser, x: Tensor, alphas: Sequence[float], sigmas: Sequence[float]
) -> Iterator[Tensor]:
    """Extrapolate x0 linearly in log(alpha / sigma). Order 2, one evaluation per step.

    The first step has no history, and a step from alpha = 0 or to sigma = 0 has infinite length:
    these use order 1, and so does the step behind that from alpha = 0.

    Reference:
        Lu et al. 2022 (DPM-Solver++), arXiv:2211.01095, Algorithm 2.
    """
    x0_last, h_last = x, 0.0
    for i in range(len(alphas) - 1):
        x0, _ = denoise(x, i)
        if sigmas[i + 1] == 0:
            yield alphas[i + 1] * x0
            return
        h = _half_log_snr(alphas[i + 1], sigmas[i + 1]) - _half_log_snr(alphas[i], sigmas[i])
        d = x0
        if i > 0:
            r = h_last / h
            d = (1 + 1 / (2 * r)) * x0 - 1 / (2 * r) * x0_last
        x = sigmas[i + 1] / sigmas[i] * x - alphas[i + 1] * math.expm1(-h) * d
        x0_last, h_last = x0, h
        yield x


def heun(
    denoise: Denoiser, x: Tensor, alphas: Sequence[float], sigmas: Sequence[float]
) -> Iterator[Tensor]:
    """Average the slopes at both ends of a step. Order 2, two evaluations per step.

    It is written for x / alpha as a function of sigma / alpha, whose slope is eps. At sigma = 0 the
    slope is undefined, and at alpha = 0 both variables are infinite, so a step that ends or starts
    there is an Euler step (one evaluation).

    Reference:
        Karras et al. 2022, arXiv:2206.00364, Algorithm 1.
    """
    for i in range(len(alphas) - 1):
        x0, d = denoise(x, i)
        x_euler = alphas[i + 1] * x0 + sigmas[i + 1] * d
        if sigmas[i + 1] == 0:
            yield x_euler
            return
        if alphas[i] == 0:
            x = x_euler
            yield x
            continue
        _, d_prime = denoise(x_euler, i + 1)
        h = sigmas[i + 1] / alphas[i + 1] - sigmas[i] / alphas[i]
        x = alphas[i + 1] * (x / alphas[i] + h * (0.5 * d + 0.5 * d_prime))
        yield x


def _half_log_snr(alpha: float, sigma: float) -> float:
    return math.log(alpha / sigma) if alpha else -math.inf


SOLVERS: dict[str, Solver] = dict(zip(SOLVER_NAMES, (ddim, dpmpp_2m, heun), strict=True))
