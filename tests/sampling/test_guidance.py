"""Classifier-free guidance."""

import torch

from pairgen.sampling.guidance import guided

NEGATIVE, PROMPTED = torch.randn(2, 3, 4, 8, 8, generator=torch.Generator().manual_seed(0))


def scales(*values: float) -> torch.Tensor:
    return torch.tensor(values).view(-1, 1, 1, 1)


def test_scale_0_is_the_negative_prompt():
    assert torch.equal(guided(NEGATIVE, PROMPTED, scales(0, 0, 0)), NEGATIVE)


def test_scale_1_is_the_prompt():
    torch.testing.assert_close(guided(NEGATIVE, PROMPTED, scales(1, 1, 1)), PROMPTED)


def test_guidance_extrapolates_as_the_paper_does():
    # Equation 6 of arXiv:2207.12598: (1 + w) eps(z, c) - w eps(z), here with w = 6.5.
    expected = 7.5 * PROMPTED - 6.5 * NEGATIVE
    torch.testing.assert_close(guided(NEGATIVE, PROMPTED, scales(7.5, 7.5, 7.5)), expected)


def test_every_sample_has_its_own_scale():
    mixed = guided(NEGATIVE, PROMPTED, scales(1, 3, 7.5))
    for row, scale in enumerate((1, 3, 7.5)):
        alone = guided(NEGATIVE[row : row + 1], PROMPTED[row : row + 1], scales(scale))
        assert torch.equal(mixed[row : row + 1], alone)
