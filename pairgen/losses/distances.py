"""Distances between latents, pixel by pixel."""

import math

from torch import Tensor

# Factor of the dimension's square root: Song & Dhariwal's choice.
HUBER_SCALE = 0.00054


def mse(student: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared difference of [B, ...] in float32, a scalar."""
    return (student.float() - target.float()).square().mean()


def pseudo_huber(student: Tensor, target: Tensor) -> Tensor:
    """Return the mean over samples of sqrt(|d|^2 + c^2) - c, c = 0.00054 sqrt(D), in float32.

    d is the difference of a sample with D values: quadratic near 0, linear far from it.

    Args:
        student: The student's output, [B, ...].
        target: The target, [B, ...].

    Reference:
        Song & Dhariwal 2023, arXiv:2310.14189: the metric and its constant.
    """
    difference = (student.float() - target.float()).flatten(1)
    c = HUBER_SCALE * math.sqrt(difference.shape[1])
    return ((difference.square().sum(1) + c * c).sqrt() - c).mean()
