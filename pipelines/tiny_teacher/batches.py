"""Training batches, each a pure function of (seed, step), painted one ahead in a thread."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from compositions import Composition, draw_where, vary_caption
from pictures import Painter
from torch import Tensor

T = TypeVar("T")


class Batch(NamedTuple):
    """Pictures [B, 3, 64, 64] in [-1, 1] and what they show."""

    pictures: Tensor
    captions: list[str]
    compositions: list[Composition]


def draw_seen(painter: Painter, generator: np.random.Generator) -> Composition:
    """Draw a composition that training may see."""
    return draw_where(generator, painter.concepts, lambda each: not each.held_out)


def paint_batch(painter: Painter, num: int, seed: int, step: int) -> Batch:
    """Paint one training batch."""
    generator = np.random.Generator(np.random.Philox(key=[seed, step]))
    compositions = [draw_seen(painter, generator) for _ in range(num)]
    captions = [vary_caption(composition, generator) for composition in compositions]
    return Batch(paint_all(painter, compositions, generator), captions, compositions)


def paint_all(
    painter: Painter, compositions: list[Composition], generator: np.random.Generator
) -> Tensor:
    """Return pictures [B, 3, 64, 64] in [-1, 1]."""
    pictures = np.stack([painter.paint(each, generator) for each in compositions])
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous() * 2 - 1


def prefetch(make: Callable[[int], T], start: int) -> Iterator[T]:
    """Yield make(start), make(start + 1), ...; each is made while the one before is used."""
    with ThreadPoolExecutor(1) as executor:
        ahead = executor.submit(make, start)
        while True:
            start += 1
            ready = ahead.result()
            ahead = executor.submit(make, start)
            yield ready
