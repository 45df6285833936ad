"""Training batches, each a pure function of (seed, step), painted one ahead in a thread."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from pairgen.sources.painted.compositions import Composition, draw_where, with_article
from pairgen.sources.painted.painter import paint
from pairgen.sources.painted.scene import draw_scene

T = TypeVar("T")
# Side of the pictures that everything here learns from.
SIZE = 64


class Batch(NamedTuple):
    """Pictures [B, 3, 64, 64] in [-1, 1] and what they show."""

    pictures: Tensor
    captions: list[str]
    compositions: list[Composition]


def paint_batch(num: int, seed: int, step: int) -> Batch:
    """Paint one batch of compositions that training may see."""
    generator = np.random.Generator(np.random.Philox(key=[seed, step]))
    compositions = [draw_where(generator, lambda each: not each.held_out) for _ in range(num)]
    captions = [vary_caption(composition, generator) for composition in compositions]
    return Batch(paint_all(compositions, generator), captions, compositions)


def paint_all(compositions: list[Composition], generator: np.random.Generator) -> Tensor:
    """Return pictures [B, 3, 64, 64] in [-1, 1], of 8 bits."""
    pictures = np.stack([paint(draw_scene(each, generator), SIZE).picture for each in compositions])
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous() / 127.5 - 1


def vary_caption(composition: Composition, generator: np.random.Generator) -> str:
    """Say a composition as a person might: without articles, without naming the background."""
    caption = composition.caption
    if generator.random() < 0.15:
        caption = caption.split(" on ")[0]
    if composition.style == "3d" and generator.random() < 0.2:
        # A 3d picture is what one gets without asking.
        caption = with_article(caption.split(" ", 1)[1].removeprefix("3d "))
    if generator.random() < 0.3:
        caption = " ".join(word for word in caption.split() if word not in ("a", "an"))
    return caption


def prefetch(make: Callable[[int], T], start: int) -> Iterator[T]:
    """Yield make(start), make(start + 1), ...; each is made while the one before is used."""
    with ThreadPoolExecutor(1) as executor:
        ahead = executor.submit(make, start)
        while True:
            start += 1
            ready = ahead.result()
            ahead = executor.submit(make, start)
            yield ready
