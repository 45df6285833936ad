"""Compute a large array tile by tile, and blend what overlaps: memory is bounded by the tile.

Tiles are numbered along each axis by `Tiling.spans`; all have one size. Where several cover a
position, their results are averaged with Gaussian weights. The weights of a tile are a product of
those of its rows and columns, so the averages of an axis are known before anything is computed.

Reference:
    Jimenez 2023 (mixture of diffusers), arXiv:2302.02412, Section 3.1; weights and variance as in
    StableSR and OSEDiff, here centred on both axes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

# Variance of the weights; a tile is 1 wide.
VARIANCE = 0.01


@dataclass(frozen=True)
class Tiling:
    """The tiles of an axis, in latents.

    Attributes:
        size: Length of a tile; 0 for one tile of any length.
        overlap: Length that neighbours share, at least.
    """

    size: int = 0
    overlap: int = 0

    def spans(self, length: int) -> list[range]:
        """Return the tiles that cover an axis; the last one ends where the axis ends."""
        if not 0 < self.size < length:
            return [range(length)]
        last = length - self.size
        starts = [*range(0, last, self.size - self.overlap), last]
        return [range(start, start + self.size) for start in starts]

    def tiles(self, size: tuple[int, int]) -> list["Tile"]:
        """Return the tiles that cover an array of a height and width, row by row."""
        rows, columns = (self.spans(length) for length in size)
        return [Tile(row, column) for row in rows for column in columns]


WHOLE = Tiling()


@dataclass(frozen=True)
class Tile:
    """The place of a tile, in latents."""

    rows: range
    columns: range

    def of(self, array: Tensor, factor: int = 1) -> Tensor:
        """Return the tile of an array [..., H, W] that has `factor` values a latent and axis."""
        rows, columns = (
            slice(factor * each.start, factor * each.stop) for each in (self.rows, self.columns)
        )
        return array[..., rows, columns]


def axis_weights(spans: Sequence[range], factor: int = 1) -> list[Tensor]:
    """Return the weights of each tile along an axis: at every position they sum to 1.

    Args:
        spans: The tiles of the axis.
        factor: Values of the result a latent.

    Returns:
        One tensor [factor * size] a tile, float32; exactly 1 where one tile is alone.
    """
    size = factor * len(spans[0])
    place = (torch.arange(size, dtype=torch.float64) + 0.5) / size - 0.5
    weights = torch.exp(-(place**2) / (2 * VARIANCE))
    total = torch.zeros(factor * spans[-1].stop, dtype=torch.float64)
    parts = [slice(factor * span.start, factor * span.stop) for span in spans]
    for part in parts:
        total[part] += weights
    return [(weights / total[part]).float() for part in parts]


def blended(
    make: Callable[[Sequence[Tile]], Iterator[Tensor]],
    size: tuple[int, int],
    tiling: Tiling,
    *,
    device: torch.device,
    factor: int = 1,
    at_once: int = 1,
) -> Tensor:
    """Make an array tile by tile.

    Args:
        make: Returns what belongs to each of several tiles, [B, C, factor * h, factor * w].
        size: Height and width in latents.
        tiling: The tiles of both axes.
        device: Where the result is put together.
        factor: Values of the result a latent and axis.
        at_once: Number of tiles that `make` is given.

    Returns:
        The array, [B, C, factor * H, factor * W]; what `make` returns if one tile is enough.
    """
    tiles = tiling.tiles(size)
    if len(tiles) == 1:
        (only,) = make(tiles)
        return only.to(device)
    row_weights, column_weights = (
        dict(zip(spans, axis_weights(spans, factor), strict=True))
        for spans in map(tiling.spans, size)
    )
    whole: Tensor | None = None
    waiting = iter(tiles)
    while group := list(islice(waiting, at_once)):
        for tile, part in zip(group, make(group), strict=True):
            weights = row_weights[tile.rows][:, None] * column_weights[tile.columns]
            if whole is None:
                shape = (*part.shape[:2], *(factor * length for length in size))
                whole = torch.zeros(shape, device=device)
            tile.of(whole, factor).add_((part * weights.to(part.device)).to(device))
    assert whole is not None
    return whole
