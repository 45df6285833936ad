"""Convolve a batch, each image with its own kernel."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from pairgen.degradations._batch import Batch, take, to_device
from pairgen.degradations._kernels import Kernel


def convolve_batch(batch: Batch, kernels: Sequence[Kernel]) -> Batch:
    """Convolve each image with its kernel [K, K], as `convolve` does; K may differ."""
    return _filtered(batch, _stacked(kernels))


def separable_batch(batch: Batch, taps: Sequence[NDArray[Any]]) -> Batch:
    """Convolve each image with the outer product of its filter [K] with itself; K may differ."""
    vertical = _filtered(batch, _stacked([each[:, None] for each in taps]))
    return _filtered(vertical, _stacked([each[None, :] for each in taps]))


def _stacked(kernels: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
    """Stack kernels of odd sizes to [B, K, L], each centered and padded with zeros."""
    height = max(kernel.shape[0] for kernel in kernels)
    width = max(kernel.shape[1] for kernel in kernels)
    stacked = np.zeros((len(kernels), height, width), np.float32)
    for row, kernel in zip(stacked, kernels, strict=True):
        top, left = (height - kernel.shape[0]) // 2, (width - kernel.shape[1]) // 2
        row[top : top + kernel.shape[0], left : left + kernel.shape[1]] = kernel
    return stacked


def _filtered(batch: Batch, kernels: NDArray[np.float32]) -> Batch:
    """Correlate each image with its kernel of [B, K, L].

    This is one convolution with a group for every plane. It adds the products of a pixel in the
    order of the kernel, so neither zero padding nor the other images of the batch change a bit.
    """
    _, height, width = kernels.shape
    pixels = batch.pixels
    for dim, margin in ((2, height // 2), (3, width // 2)):
        if margin:
            lengths = [size[dim - 2] for size in batch.sizes]
            places = _mirrored(lengths, margin, pixels.shape[dim])
            pixels = take(pixels, to_device(places, pixels.device), dim)
    planes = pixels.reshape(1, -1, *pixels.shape[2:])
    weights = to_device(torch.from_numpy(kernels), pixels.device)
    weights = weights.repeat_interleave(pixels.shape[1], dim=0).unsqueeze(1)
    found = F.conv2d(planes, weights, groups=len(weights))
    return Batch(found.reshape(batch.pixels.shape), batch.sizes)


def _mirrored(lengths: Sequence[int], margin: int, length: int) -> Tensor:
    """Return the positions of the pixels of images [B] with margins, [B, length + 2 margin].

    Each image is mirrored about the center of its own border pixel, repeatedly if needed.
    """
    last = np.array(lengths)[:, None] - 1
    period = np.maximum(2 * last, 1)
    place = np.abs(np.arange(-margin, length + margin)) % period
    return torch.from_numpy(np.minimum(place, period - place))
