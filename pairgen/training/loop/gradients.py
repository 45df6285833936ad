"""Average gradients and figures over ranks."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist
from torch import Tensor

if TYPE_CHECKING:
    from accelerate import Accelerator

# Bytes per message: enough to saturate a link, and little compared to the weights.
BUCKET_BYTES = 64 * 2**20


def average_gradients(parameters: Sequence[torch.nn.Parameter]) -> None:
    """Replace every gradient by its mean over the ranks; does nothing on a single rank.

    This happens once per step, after all micro-batches and players: networks need no wrapper, so a
    method may call them as often and in whatever order its losses require.
    """
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return
    gradients = [each.grad for each in parameters if each.grad is not None]
    for bucket in _buckets(gradients):
        flat = torch.cat([gradient.flatten() for gradient in bucket])
        dist.all_reduce(flat)
        flat /= dist.get_world_size()
        for gradient, mean in zip(
            bucket, flat.split([each.numel() for each in bucket]), strict=True
        ):
            gradient.copy_(mean.view_as(gradient))


def _buckets(gradients: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    bucket: list[Tensor] = []
    num_bytes = 0
    for gradient in gradients:
        if bucket and num_bytes + gradient.nbytes > BUCKET_BYTES:
            yield bucket
            bucket, num_bytes = [], 0
        bucket.append(gradient)
        num_bytes += gradient.nbytes
    if bucket:
        yield bucket


def average_figures(figures: Mapping[str, Tensor], accelerator: "Accelerator") -> dict[str, Tensor]:
    """Return the means of figures over all ranks, on the device."""
    if accelerator.num_processes == 1:
        return dict(figures)
    device = accelerator.device
    values = torch.stack([value.float().to(device) for value in figures.values()])
    dist.all_reduce(values)
    means = values / accelerator.num_processes
    return dict(zip(figures, means, strict=True))
