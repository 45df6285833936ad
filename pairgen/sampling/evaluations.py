"""The cost of a solver, in evaluations of its denoiser."""

import torch
from torch import Tensor

from pairgen.sampling.solvers import SOLVERS


def num_evaluations(solver: str, num_steps: int, end: str) -> int:
    """Return a solver's number of denoiser evaluations per sample; guidance doubles it.

    The count comes from a dry run of the solver, so it holds for any member of `SOLVERS`.

    Args:
        solver: Name of the solver.
        num_steps: Number of transitions of the grid.
        end: `t0`, or `clean` if the last sigma is 0.
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
