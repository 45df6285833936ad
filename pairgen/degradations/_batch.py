"""Several images on one device, each with its own size."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Size = tuple[int, int]


@dataclass(frozen=True)
class Batch:
    """Images as one tensor.

    Attributes:
        pixels: RGB images, [B, 3, H, W] float32, where H and W are the largest height and width.
            Values outside an image's size are undefined and never read.
        sizes: (height, width) of each image in pixels.
    """

    pixels: Tensor
    sizes: tuple[Size, ...]

    @staticmethod
    def from_images(images: Sequence[NDArray[np.float32]], device: torch.device) -> "Batch":
        """Build a batch from float32 images [H, W, 3]."""
        return Batch(_join(images, device), _sizes(images))

    @staticmethod
    def from_levels(images: Sequence[NDArray[np.uint8]], device: torch.device) -> "Batch":
        """Build a batch from 8-bit images [H, W, 3]."""
        return Batch(_join(images, device) * (1 / 255), _sizes(images))

    def select(self, rows: Sequence[int]) -> "Batch":
        """Return the images at `rows`."""
        sizes = tuple(self.sizes[row] for row in rows)
        height, width = largest(sizes)
        chosen = torch.tensor(rows, device=self.pixels.device)
        return Batch(self.pixels[:, :, :height, :width].index_select(0, chosen), sizes)

    def images(self) -> list[NDArray[np.float32]]:
        """Return each image, [H, W, 3]."""
        return _split(self.pixels, self.sizes)

    def levels(self) -> list[NDArray[np.uint8]]:
        """Return each image clipped to [0, 1] and rounded to 8 bits, [H, W, 3]."""
        return _split((self.pixels.clamp(0, 1) * 255).round().to(torch.uint8), self.sizes)

    def column(self, values: Sequence[float]) -> Tensor:
        """Return one number per image as a tensor, [B, 1, 1, 1] float32."""
        found = to_device(torch.tensor(values, dtype=torch.float32), self.pixels.device)
        return found[:, None, None, None]

    def planes(self, fields: Sequence[NDArray[Any]]) -> Tensor:
        """Stack one field per image, [H, W, 1] or [H, W, 3], to [B, 1 or 3, H, W]."""
        return _join(fields, self.pixels.device)


def largest(sizes: Sequence[Size]) -> Size:
    """Return the largest height and the largest width."""
    return max(height for height, _ in sizes), max(width for _, width in sizes)


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Move a tensor from the CPU to a device."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def take(pixels: Tensor, places: Tensor, dim: int) -> Tensor:
    """Gather the rows (dim 2) or columns (dim 3) `places` [B, N] of each image of [B, C, H, W]."""
    shape = [*pixels.shape]
    shape[dim] = places.shape[1]
    index = places[:, None, :, None] if dim == 2 else places[:, None, None, :]
    return pixels.gather(dim, index.expand(shape))


def in_groups(
    batch: Batch,
    keys: Sequence[Key],
    draws: Sequence[Item],
    targets: Sequence[Any],
    run: Callable[[Key, Batch, list[Item], list[Any]], Batch],
) -> Batch:
    """Run each group of images with the same key, and restore the order of the results.

    Args:
        batch: B images.
        keys: One key per image.
        draws: One draw per image.
        targets: One target per image.
        run: Called with a key and the images, draws and targets of its group.
    """
    groups: dict[Key, list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    done = []
    for key, rows in groups.items():
        part = batch if len(groups) == 1 else batch.select(rows)
        done.append(run(key, part, [draws[i] for i in rows], [targets[i] for i in rows]))
    if len(groups) == 1:
        return done[0]
    sizes = dict(
        pair
        for rows, part in zip(groups.values(), done, strict=True)
        for pair in zip(rows, part.sizes, strict=True)
    )
    pixels = batch.pixels.new_zeros(len(sizes), 3, *largest([*sizes.values()]))
    for rows, part in zip(groups.values(), done, strict=True):
        height, width = part.pixels.shape[2:]
        chosen = torch.tensor(rows, device=pixels.device)
        pixels[:, :, :height, :width].index_copy_(0, chosen, part.pixels)
    return Batch(pixels, tuple(sizes[row] for row in range(len(sizes))))


def _sizes(images: Sequence[NDArray[Any]]) -> tuple[Size, ...]:
    return tuple((image.shape[0], image.shape[1]) for image in images)


def _join(images: Sequence[NDArray[Any]], device: torch.device) -> Tensor:
    """Stack images [H, W, C] to [B, C, H, W]; 8-bit ones become float32 on the device."""
    channels = max(image.shape[2] for image in images)
    shape = (len(images), *largest(_sizes(images)), channels)
    joined = np.zeros(shape, images[0].dtype)
    for row, image in zip(joined, images, strict=True):
        row[: image.shape[0], : image.shape[1]] = image
    planes = to_device(torch.from_numpy(joined), device).permute(0, 3, 1, 2)
    return (planes.float() if planes.dtype == torch.uint8 else planes).contiguous()


def _split(pixels: Tensor, sizes: Sequence[Size]) -> list[NDArray[Any]]:
    """Split planes [B, C, H, W] into images [H, W, C] on the CPU."""
    joined = pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return [
        np.ascontiguousarray(image[:height, :width])
        for image, (height, width) in zip(joined, sizes, strict=True)
    ]
