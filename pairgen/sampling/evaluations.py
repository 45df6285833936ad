"""What a solver costs, in evaluations of its denoiser."""

import torch
from torch import Tensor

from pairgen.sampling.solvers import SOLVERS


def num_evaluations(solver: str, num_steps: int, end: str) -> int:
    """Return how often a solver asks its denoiser on the way of one sample; guidance doubles it.

    Counted by letting it walk, so it holds for any member of `SOLVERS`.

    Args:
        solver: Its name.
        num_steps: Transitions of the grid.
        end: `t0`, or `clean` where the last sigma is 0.
    """
    sigmas = [float(num_steps - i) for i in range(num_steps)] + [0.0 if end == "clean" else 0.5]
    count = 0

    def denoise(x: Tensor, i: int) -> tuple[Tensor, Tensor]:
        del i
        nonlocal count
        count += 1
        return x, x

    for _ in SOLVERS[solver](denoise, torch.zeros(1), [1.0] * len(sigmas), sigmas):
        pass
    return count
