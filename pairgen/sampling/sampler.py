"""Integrate the ODE for a batch of noises, with a grid, a solver and a teacher."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pairgen.sampling.grid import Grid
from pairgen.sampling.solvers import Solver

# Maps the state x [B, ...] and times t [B] to (x0, eps).
Predict = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


@torch.no_grad()
def sample(
    predict: Predict, noise: Tensor, grid: Grid, solver: Solver, path_indices: Sequence[int] = ()
) -> tuple[Tensor, Tensor | None]:
    """Integrate the ODE from noise to data.

    The state keeps the dtype of `noise` (float32 in production), whatever the network's dtype, and
    nothing in the loop makes the host wait for the device.

    Args:
        predict: The guided teacher, with conditioning bound.
        noise: x_T, [B, C, H, W], unit variance.
        grid: The grid to follow.
        solver: The step rule.
        path_indices: Grid points whose states to keep, in increasing order.

    Returns:
        The latent x_0 [B, C, H, W], and the kept states [B, K, C, H, W] (None if K = 0).
    """
    times = torch.tensor(grid.times, dtype=torch.float64).to(noise.device, non_blocking=True)

    def denoise(x: Tensor, i: int) -> tuple[Tensor, Tensor]:
        return predict(x, times[i].expand(len(x)))

    kept = [noise] if 0 in path_indices else []
    x = noise
    for i, x in enumerate(solver(denoise, noise, grid.alphas, grid.sigmas), start=1):
        if i in path_indices:
            kept.append(x)
    return x, torch.stack(kept, dim=1) if kept else None
