"""Gaussian noise whose channels go together, each pixel by itself."""

import cv2
import numpy as np

from pairgen.degradations.base import Draw, Image, Target, draw_field_seed, field_generator
from pairgen.errors import ConfigError


class CorrelatedNoise:
    """Add Gaussian noise with a random covariance of R, G and B, and clip to [0, 1].

    The covariance is |U^T D U| s^2: D diagonal, uniform in [0, 1), U a random orthogonal matrix,
    |.| the absolute value of each entry.

    Args:
        sigma: s, in levels of 8 bits.

    Raises:
        ConfigError: `sigma` is not in [0, 255].

    Reference:
        Zhang et al. 2021 (BSRGAN), arXiv:2103.14006, Section 3.3; as in its published code
        (utils_blindsr.py, add_Gaussian_noise).
    """

    def __init__(self, sigma: float = 25.0) -> None:
        if not isinstance(sigma, int | float) or not 0 <= sigma <= 255:
            raise ConfigError(f"sigma must be a number in [0, 255], got {sigma!r}.")
        self.sigma = float(sigma)

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw covariance, in units of s^2, and the seed of the field."""
        diagonal = generator.random(3)
        # The columns' span in an orthogonal basis, as scipy's `orth` gives it.
        basis = np.linalg.svd(generator.random((3, 3)))[0]
        covariance = np.abs(basis.T @ np.diag(diagonal) @ basis)
        return {"covariance": covariance.tolist(), "field_seed": draw_field_seed(generator)}

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Add the field of this level."""
        # The absolute values may leave the matrix with a negative eigenvalue; its singular values
        # are what NumPy's multivariate_normal takes too.
        _, values, rows = np.linalg.svd(np.asarray(draw["covariance"], np.float64))
        mixing = (np.sqrt(values)[:, None] * rows * (self.sigma / 255)).astype(np.float32)
        generator = field_generator(draw["field_seed"], target.level)
        field = generator.standard_normal(image.shape, np.float32)
        noisy = image + cv2.transform(field, mixing.T)
        return noisy.clip(0, 1, out=noisy)


build = CorrelatedNoise
