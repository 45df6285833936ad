"""Tiles cover, weights sum to one, and what is blended is what was there."""

from itertools import pairwise

import pytest
import torch

from pairgen.sampling.tiles import WHOLE, Tiling, axis_weights, blended

CPU = torch.device("cpu")


@pytest.mark.parametrize("length", [1, 7, 8, 9, 15, 16, 17, 40, 43])
@pytest.mark.parametrize(("size", "overlap"), [(0, 0), (8, 0), (8, 2), (8, 7), (1, 0), (8, 4)])
def test_tiles_cover_an_axis_with_their_overlap_and_weights_sum_to_one(length, size, overlap):
    spans = Tiling(size, overlap).spans(length)
    if size == 0 or size >= length:
        assert spans == [range(length)]
    assert {len(span) for span in spans} == {size if 0 < size < length else length}
    assert spans[0].start == 0 and spans[-1].stop == length
    for left, right in pairwise(spans):
        assert left.start < right.start and left.stop - right.start >= overlap
    total = torch.zeros(3 * length)
    for span, weights in zip(spans, axis_weights(spans, 3), strict=True):
        assert torch.equal(weights > 0, torch.ones(3 * len(span), dtype=torch.bool))
        total[3 * span.start : 3 * span.stop] += weights
    torch.testing.assert_close(total, torch.ones(3 * length))


def test_weights_are_gaussian_and_symmetric():
    left, right = axis_weights([range(0, 8), range(6, 14)])
    assert torch.equal(left[:6], torch.ones(6))
    torch.testing.assert_close(left, right.flip(0))
    # Where both meet: the third and fourth last values of a Gaussian of variance 0.01 of 8.
    far, near = (
        torch.exp(torch.tensor(-((place / 8) ** 2) / 0.02, dtype=torch.float64))
        for place in (3.5, 2.5)
    )
    torch.testing.assert_close(left[6].double(), near / (near + far), rtol=1e-6, atol=0)


@pytest.mark.parametrize("at_once", [1, 2, 5, 100])
def test_what_is_the_same_in_all_tiles_is_what_comes_out(at_once):
    image = torch.rand(2, 3, 2 * 21, 2 * 13, generator=torch.Generator().manual_seed(0))
    seen = []

    def make(tiles):
        seen.append(len(tiles))
        return [tile.of(image, 2) for tile in tiles]

    made = blended(make, (21, 13), Tiling(8, 3), device=CPU, factor=2, at_once=at_once)
    torch.testing.assert_close(made, image)
    assert sum(seen) == 4 * 2 and max(seen) == min(at_once, 8)


def test_one_tile_is_passed_through():
    image = torch.rand(1, 1, 4, 6)
    for tiling in (WHOLE, Tiling(6, 2), Tiling(100, 2)):
        assert blended(lambda _: [image], (4, 6), tiling, device=CPU) is image
