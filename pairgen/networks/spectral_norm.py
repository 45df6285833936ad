"""Spectral normalization whose power iteration takes a step when it is told to, not in every call.

So a training in micro-batches, or on several ranks, has the weights of one in a single batch.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

# Iterations with the first weights.
FIRST_ITERATIONS = 15
EPSILON = 1e-12


class SpectralNorm(nn.Module):
    """Divides a weight by an estimate of its largest singular value.

    Args:
        weight: The weight, [O, I, ...]; its axes but the first are taken as one.

    Reference:
        Miyato et al. 2018, arXiv:1802.05957, Algorithm 1.
    """

    u: Tensor
    v: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        matrix = weight.detach().flatten(1)
        self.register_buffer("u", F.normalize(torch.randn(len(matrix)), dim=0, eps=EPSILON))
        self.register_buffer("v", torch.zeros(matrix.shape[1]))
        for _ in range(FIRST_ITERATIONS):
            self.iterate(weight)

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weight over sigma = u^T W v, whose gradient takes u and v for constants."""
        sigma = torch.dot(self.u, torch.mv(weight.flatten(1), self.v))
        return weight / sigma

    @torch.no_grad()
    def iterate(self, weight: Tensor) -> None:
        """Take a step of the power iteration."""
        matrix = weight.flatten(1)
        self.v.copy_(F.normalize(torch.mv(matrix.T, self.u), dim=0, eps=EPSILON))
        self.u.copy_(F.normalize(torch.mv(matrix, self.v), dim=0, eps=EPSILON))


def with_spectral_norm(layer: nn.Conv1d) -> nn.Conv1d:
    """Normalize the weight of a layer, and return it."""
    parametrize.register_parametrization(layer, "weight", SpectralNorm(layer.weight))
    return layer


def iterate_spectral_norms(module: nn.Module) -> None:
    """Take a step of the power iteration of every normalized weight inside a module."""
    for each in module.modules():
        if isinstance(each, parametrize.ParametrizationList):
            for norm in each:
                if isinstance(norm, SpectralNorm):
                    norm.iterate(each.original)
