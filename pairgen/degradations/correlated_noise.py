"""Gaussian noise with correlated channels, independent for each pixel."""

from collections.abc import Sequence
from typing import Annotated

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from pairgen.degradations._batch import Batch, to_device
from pairgen.degradations._threads import in_threads
from pairgen.degradations.base import (
    Draw,
    Image,
    Operation,
    Target,
    draw_field_seed,
    field_generator,
)
from pairgen.options import Option
from pairgen.rules import Number


class CorrelatedNoise(Operation):
    """Add Gaussian noise with a random covariance of R, G and B, and clip to [0, 1].

    The covariance is |U^T D U| s^2: D diagonal, uniform in [0, 1), U a random orthogonal matrix,
    |.| the absolute value of each entry.

    Reference:
        Zhang et al. 2021 (BSRGAN), arXiv:2103.14006, Section 3.3; as in its published code
        (utils_blindsr.py, add_Gaussian_noise).
    """

    sigma: Annotated[float, Number(0, 255), Option("Scale s of the noise, in 8-bit levels.")] = 25.0

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw covariance, in units of s^2, and the seed of the field."""
        diagonal = generator.random(3)
        # An orthogonal basis of the columns' span, as returned by scipy's `orth`.
        basis = np.linalg.svd(generator.random((3, 3)))[0]
        covariance = np.abs(basis.T @ np.diag(diagonal) @ basis)
        return {"covariance": covariance.tolist(), "field_seed": draw_field_seed(generator)}

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Add the noise field of this level."""
        field = _field(image.shape[:2], draw, target)
        noisy = image + cv2.transform(field, self._mixing(draw).T)
        return noisy.clip(0, 1, out=noisy)

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Add the noise fields, which are those of `apply`."""
        fields = batch.planes(in_threads(_field, batch.sizes, draws, targets))
        mixing = torch.from_numpy(np.stack([self._mixing(draw) for draw in draws]))
        mixing = to_device(mixing, fields.device)[..., None, None]
        # Added one by one, because the order of a matrix product's sum may depend on the batch.
        noise = fields[:, :1] * mixing[:, 0]
        for channel in (1, 2):
            noise = noise + fields[:, channel : channel + 1] * mixing[:, channel]
        return Batch((batch.pixels + noise).clamp(0, 1), batch.sizes)

    def _mixing(self, draw: Draw) -> NDArray[np.float32]:
        """Return the matrix [3, 3] that standard normal rows are multiplied by from the right."""
        # With absolute values, the matrix may have a negative eigenvalue; like NumPy's
        # multivariate_normal, this uses its singular values.
        _, values, rows = np.linalg.svd(np.asarray(draw["covariance"], np.float64))
        mixing: NDArray[np.float64] = np.sqrt(values)[:, None] * rows * (self.sigma / 255)
        return mixing.astype(np.float32)


def _field(size: tuple[int, ...], draw: Draw, target: Target) -> Image:
    """Return the field of a level, [H, W, 3]."""
    generator = field_generator(draw["field_seed"], target.level)
    return generator.standard_normal((*size, 3), np.float32)


build = CorrelatedNoise
