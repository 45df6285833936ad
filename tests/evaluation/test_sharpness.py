"""Band energies: exact values, scipy's filter, and what blur and grain do to them."""

import math

import numpy as np
import pytest
import scipy.ndimage
import torch

from pairgen.evaluation.sharpness import FLOOR, NUM_BANDS, band_energies


def some_pictures(num: int) -> torch.Tensor:
    return torch.rand(num, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_a_flat_picture_has_the_energy_of_rounding_alone():
    flat = torch.full((2, 3, 64, 64), 0.25)
    assert band_energies(flat).tolist() == [[pytest.approx(math.log(FLOOR))] * NUM_BANDS] * 2


def test_a_checkerboard_lies_in_the_finest_band():
    rows, columns = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    board = (1.0 - 2 * ((rows + columns) % 2)).expand(1, 3, 64, 64)
    finest, second, third = band_energies(board)[0].tolist()
    # Inside, (1, 2, 1) / 4 takes it to 0; at the border half of it stays.
    assert finest == pytest.approx(0, abs=0.05)
    assert max(second, third) < finest - 4


def test_bands_are_those_of_scipys_filter():
    pictures = some_pictures(2)
    kernel, level = np.outer((1, 2, 1), (1, 2, 1))[None, None] / 16, pictures.double().numpy()
    for found in band_energies(pictures).T.tolist():
        smooth = scipy.ndimage.convolve(level, kernel, mode="nearest")
        expected = np.log(np.square(level - smooth).mean(axis=(1, 2, 3)) + FLOOR)
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        level = smooth[..., ::2, ::2]


def test_blur_lowers_and_grain_raises_the_finest_band_most():
    smooth = torch.nn.functional.interpolate(some_pictures(4)[..., :16, :16], (64, 64))
    blurred = torch.nn.functional.avg_pool2d(smooth, 3, stride=1, padding=1)
    grain = 0.2 * torch.randn(smooth.shape, generator=torch.Generator().manual_seed(1))
    before = band_energies(smooth)
    lost, gained = before - band_energies(blurred), band_energies(smooth + grain) - before
    for change in (lost, gained):
        assert (change[:, 0] > change[:, 1]).all()
        assert (change[:, 0] > 0.1).all()
