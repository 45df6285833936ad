"""Batches on a CUDA device, copied while the training continues."""

from collections import deque
from collections.abc import Generator
from contextlib import closing

import torch

from pairgen.shards.loading.batch import Batch


def on_device(
    batches: Generator[Batch, None, None], device: torch.device
) -> Generator[Batch, None, None]:
    """Copy batches to a CUDA device without waiting for the copies."""
    held: deque[tuple[torch.cuda.Event, Batch]] = deque()
    with closing(batches):
        for batch in batches:
            moved = batch.to(device, non_blocking=True)
            event = torch.cuda.Event()
            event.record(torch.cuda.current_stream(device))
            # Do not refill the pinned memory before it was copied.
            held.append((event, batch))
            while held and held[0][0].query():
                held.popleft()
            yield moved
