"""Resize a batch, each image with its own mode, as `resample` does."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pairgen.degradations._batch import Batch, Size, largest, take, to_device
from pairgen.degradations._resample import size_by

# Source pixels of each result pixel, and their weights: both [N, K].
Taps = tuple[NDArray[np.int64], NDArray[np.float64]]
# Maps positions to weights, before these are normalized to sum to 1.
Weigh = Callable[[NDArray[np.int64]], NDArray[np.float64]]
# a of the cubic kernel; with antialias it is Pillow's.
CUBIC, ANTIALIASED_CUBIC = -0.75, -0.5


def resample_batch(batch: Batch, sizes: Sequence[Size], modes: Sequence[str]) -> Batch:
    """Resize each image to its size in `sizes`, with its mode in `modes`.

    The products of a pixel are added one by one, so neither the other images of the batch nor its
    largest size change a bit.
    """
    if tuple(sizes) == batch.sizes:
        return batch
    modes = [
        _either_way(old, new, mode)
        for old, new, mode in zip(batch.sizes, sizes, modes, strict=True)
    ]
    steps = [
        (old[0] / new[0], old[1] / new[1]) for old, new in zip(batch.sizes, sizes, strict=True)
    ]
    return _resampled(batch, sizes, modes, steps)


def resample_batch_by(batch: Batch, factors: Sequence[float], modes: Sequence[str]) -> Batch:
    """Resize each image by its factor, as `resample_by` does, with its mode in `modes`."""
    sizes = [size_by(size, factor) for size, factor in zip(batch.sizes, factors, strict=True)]
    steps = [
        (_step(old[0], new[0], factor, mode), _step(old[1], new[1], factor, mode))
        for old, new, factor, mode in zip(batch.sizes, sizes, factors, modes, strict=True)
    ]
    return _resampled(batch, sizes, modes, steps)


def _step(length: int, new_length: int, factor: float, mode: str) -> float:
    """Return the distance of new pixels in old ones."""
    # What keeps its length is copied by torch's `bilinear`, not by its `bicubic`.
    return 1.0 if mode == "bilinear" and length == new_length else 1 / factor


def _resampled(
    batch: Batch,
    sizes: Sequence[Size],
    modes: Sequence[str],
    steps: Sequence[tuple[float, float]],
) -> Batch:
    """Resize each image; `steps` are the distances of new pixels in old ones, down and across."""
    pixels = batch.pixels
    for dim, length in zip((2, 3), largest(sizes), strict=True):
        axis = dim - 2
        taps = [
            axis_taps(old[axis], new[axis], mode, step[axis])
            for old, new, mode, step in zip(batch.sizes, sizes, modes, steps, strict=True)
        ]
        pixels = _weighted(pixels, taps, length, dim)
    return Batch(pixels, tuple(sizes))


def _either_way(old: Size, new: Size, mode: str) -> str:
    """Return the mode for both axes: OpenCV weights areas only if neither axis grows."""
    grows = new[0] > old[0] or new[1] > old[1]
    return "area-stretched" if mode == "area-weighted" and grows else mode


def axis_taps(length: int, new_length: int, mode: str, step: float) -> Taps:
    """Return the source positions of each of `new_length` pixels, and their weights.

    `step` counts for `bilinear`, `bicubic` and `lanczos`; the other modes divide the whole length.
    """
    if mode == "area":
        return _area_taps(length, new_length)
    if mode == "area-weighted":
        return _covered_taps(length, new_length)
    if mode == "area-stretched":
        return _stretched_taps(length, new_length)
    if mode == "bicubic-antialias":
        return _antialiased_taps(length, new_length)
    # OpenCV rounds positions to float32.
    centre = ((np.arange(new_length) + 0.5) * step - 0.5).astype(np.float32)
    first = np.floor(centre)
    num_taps = {"bilinear": 2, "bicubic": 4, "lanczos": 8}[mode]
    places = first[:, None].astype(np.int64) + np.arange(1 - num_taps // 2, 1 + num_taps // 2)
    distances = (centre - first).astype(np.float64)[:, None] + first[:, None] - places
    if mode == "bilinear":
        weights = 1 - np.abs(distances)
    elif mode == "bicubic":
        weights = _cubic(distances, CUBIC)
    else:
        weights = np.sinc(distances) * np.sinc(distances / 4)
    weights /= weights.sum(1, keepdims=True)
    return places.clip(0, length - 1), weights


def _area_taps(length: int, new_length: int) -> Taps:
    """Weight all pixels that a new one touches equally, as adaptive average pooling does."""
    index = np.arange(new_length)
    start, stop = index * length // new_length, -(-(index + 1) * length // new_length)
    return _windows(start, stop - start, lambda places: np.ones(places.shape))


def _covered_taps(length: int, new_length: int) -> Taps:
    """Weight a pixel by the part of it that a new one covers, as OpenCV's area mode does."""
    scale = length / new_length
    low = np.arange(new_length) * scale
    high = np.minimum(low + scale, length)
    start, stop = np.floor(low).astype(np.int64), np.ceil(high).astype(np.int64)

    def weigh(places: NDArray[np.int64]) -> NDArray[np.float64]:
        covered = np.minimum(places + 1, high[:, None]) - np.maximum(places, low[:, None])
        # OpenCV ignores pixels that are covered by less.
        return np.where(covered > 1e-3, covered, 0)

    return _windows(start, np.minimum(stop, length) - start, weigh)


def _stretched_taps(length: int, new_length: int) -> Taps:
    """Repeat a pixel, and blend it with the next if a new one covers both, as OpenCV does."""
    growth = new_length / length
    index = np.arange(new_length)
    below = np.floor(index * (1 / growth)).astype(np.int64)
    part = ((index + 1) - (below + 1) * growth).astype(np.float32).astype(np.float64)
    part = np.where(part <= 0, 0, part - np.floor(part))
    places = np.stack([below, np.minimum(below + 1, length - 1)], axis=1)
    return places, np.stack([1 - part, part], axis=1)


def _antialiased_taps(length: int, new_length: int) -> Taps:
    scale = length / new_length
    stretch = max(scale, 1.0)
    centre = scale * (np.arange(new_length) + 0.5)
    start = np.maximum((centre - 2 * stretch + 0.5).astype(np.int64), 0)
    stop = np.minimum((centre + 2 * stretch + 0.5).astype(np.int64), length)
    return _windows(
        start,
        stop - start,
        lambda places: _cubic((places - centre[:, None] + 0.5) / stretch, ANTIALIASED_CUBIC),
    )


def _windows(start: NDArray[np.int64], num: NDArray[np.int64], weigh: Weigh) -> Taps:
    """Return windows of `num` pixels from `start`, shorter ones padded with weight 0."""
    offsets = np.arange(num.max())
    places = start[:, None] + np.minimum(offsets, num[:, None] - 1)
    weights = np.where(offsets < num[:, None], weigh(places), 0)
    return places, weights / weights.sum(1, keepdims=True)


def _cubic(distances: NDArray[np.float64], a: float) -> NDArray[np.float64]:
    """Return Keys' kernel of cubic convolution: two pixels to each side."""
    d = np.abs(distances)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = a * (((d - 5) * d + 8) * d - 4)
    return np.where(d < 1, near, np.where(d < 2, far, 0))


def _weighted(pixels: Tensor, taps: Sequence[Taps], length: int, dim: int) -> Tensor:
    """Return the weighted sums of each image's taps along `dim`, padded to `length`."""
    num_taps = max(places.shape[1] for places, _ in taps)
    places = np.zeros((num_taps, len(taps), length), np.int64)
    weights = np.zeros((num_taps, len(taps), length), np.float32)
    for row, (place, weight) in enumerate(taps):
        places[: place.shape[1], row, : place.shape[0]] = place.T
        weights[: weight.shape[1], row, : weight.shape[0]] = weight.T
    shape = (num_taps, len(taps), 1, -1, 1) if dim == 2 else (num_taps, len(taps), 1, 1, -1)
    at = to_device(torch.from_numpy(places), pixels.device)
    by = to_device(torch.from_numpy(weights), pixels.device).reshape(shape)
    total = take(pixels, at[0], dim) * by[0]
    for number in range(1, num_taps):
        # Not a fused operation, because whether that rounds once or twice depends on the shape.
        total += take(pixels, at[number], dim) * by[number]
    return total
