"""Kernels, noise and codec of the published chain, from a recorded draw.

Written from the published training code, apart from pairgen's own: tensors [1, 3, H, W], kernels
padded to 21 px, noise as basicsr forms it. Only the noise fields and the codec are the ones that
pairgen uses, since those are what a draw cannot pin down.
"""

import cv2
import numpy as np
import scipy.stats
import torch

from pairgen.degradations._jpeg_tables import through_jpeg
from pairgen.degradations.base import field_generator
from tests.degradations.oracle import basicsr, rgb_to_grayscale

KERNEL_SIZE = 21


def kernel_of(name: str, draw: dict) -> np.ndarray:
    oracle, size = basicsr("data/degradations"), draw["kernel_size"]
    if name == "sinc_filter":
        return oracle.circular_lowpass_kernel(draw["cutoff"], size, pad_to=KERNEL_SIZE)
    sigma_x = draw.get("sigma", draw.get("sigma_x"))
    shape = (size, sigma_x, draw.get("sigma_y", sigma_x), draw.get("angle", 0.0))
    kernel = {
        "isotropic_blur": lambda: oracle.bivariate_Gaussian(*shape, isotropic=True),
        "anisotropic_blur": lambda: oracle.bivariate_Gaussian(*shape, isotropic=False),
        "generalized_blur": lambda: oracle.bivariate_generalized_Gaussian(
            *shape, draw["beta"], isotropic=shape[1] == shape[2]
        ),
        "plateau_blur": lambda: oracle.bivariate_plateau(
            *shape, draw["beta"], isotropic=shape[1] == shape[2]
        ),
    }[name]()
    return np.pad(kernel, (KERNEL_SIZE - size) // 2)


def noise(x: torch.Tensor, name: str, draw: dict, level: int) -> torch.Tensor:
    generator = field_generator(draw["field_seed"], level)
    if name == "gaussian_noise":
        shape = (*x.shape[-2:], 1 if draw["gray"] else 3)
        field = generator.standard_normal(shape, np.float32)
        return torch.from_numpy(field).permute(2, 0, 1)[None] * draw["sigma"] / 255.0
    means = rgb_to_grayscale(x) if draw["gray"] else x
    means = (means * 255.0).round().clamp(0, 255) / 255.0
    vals = 2 ** np.ceil(np.log2(len(torch.unique(means))))
    counts = quantiles((means * vals).permute(0, 2, 3, 1)[0].numpy(), generator)
    counts = torch.from_numpy(counts).permute(2, 0, 1)[None].float()
    return (counts / vals - means) * draw["scale"]


def quantiles(means: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return the Poisson counts that scipy finds for the field of uniform numbers."""
    numbers = generator.integers(2**32, size=means.shape, dtype=np.uint32)
    return scipy.stats.poisson.ppf((numbers + 0.5) / 2**32, means.astype(np.float64)).clip(0)


def jpeg(x: torch.Tensor, quality: float) -> torch.Tensor:
    levels = (x.clamp(0, 1) * 255).round()[0].permute(1, 2, 0).numpy().astype(np.uint8)
    if isinstance(quality, float):
        decoded = through_jpeg(np.ascontiguousarray(levels), quality)
    else:
        encoded = cv2.imencode(".jpg", levels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1].copy()
    return torch.from_numpy(decoded).permute(2, 0, 1)[None].to(x) / 255
