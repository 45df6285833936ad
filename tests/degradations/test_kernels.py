"""Kernels: basicsr's to 1e-6 for the same parameters, and what mathematics says of them."""

import math

import numpy as np
import pytest

from pairgen.degradations._kernels import gaussian, generalized_gaussian, plateau, sinc
from tests.degradations.oracle import basicsr

SIZES = (7, 13, 21)
SHAPES = [(0.2, 0.2, 0.0), (1.7, 1.7, 0.0), (0.3, 3.0, 0.4), (2.9, 0.6, -2.5)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shape", SHAPES)
def test_gaussians_are_basicsrs(size, shape):
    sigma_x, sigma_y, angle = shape
    oracle = basicsr("data/degradations")
    same = {"isotropic": sigma_x == sigma_y}
    found = gaussian(size, (sigma_x, sigma_y), angle)
    expected = oracle.bivariate_Gaussian(size, sigma_x, sigma_y, angle, **same)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    for beta in (0.5, 1.0, 4.0):
        found = generalized_gaussian(size, (sigma_x, sigma_y), angle, beta)
        expected = oracle.bivariate_generalized_Gaussian(
            size, sigma_x, sigma_y, angle, beta, **same
        )
        np.testing.assert_allclose(found, expected, atol=1e-6)
        found = plateau(size, (sigma_x, sigma_y), angle, beta)
        expected = oracle.bivariate_plateau(size, sigma_x, sigma_y, angle, beta, **same)
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("cutoff", [math.pi / 5, 1.3, math.pi])
def test_sinc_is_basicsrs(size, cutoff):
    expected = basicsr("data/degradations").circular_lowpass_kernel(cutoff, size)
    np.testing.assert_allclose(sinc(size, cutoff), expected, atol=1e-6)


@pytest.mark.parametrize("size", SIZES)
def test_kernels_sum_to_1_and_are_symmetric_about_the_middle(size):
    kernels = (
        gaussian(size, (0.5, 2.0), 0.7),
        generalized_gaussian(size, (0.5, 2.0), 0.7, 0.6),
        plateau(size, (0.5, 2.0), 0.7, 1.5),
        sinc(size, 1.1),
    )
    for kernel in kernels:
        assert kernel.sum() == pytest.approx(1)
        np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=1e-15)


@pytest.mark.parametrize("size", SIZES)
def test_many_kernels_in_one_call_are_the_kernels_one_by_one(size):
    shapes = np.array(SHAPES)
    x, y, angle = shapes.T[..., None, None]
    beta, cutoff = np.linspace(0.5, 3, 4)[:, None, None], np.linspace(0.7, 3.1, 4)[:, None, None]
    many = (
        gaussian(size, (x, y), angle),
        generalized_gaussian(size, (x, y), angle, beta),
        plateau(size, (x, y), angle, beta),
        sinc(size, cutoff),
    )
    for i in range(4):
        sigma, turned = (x[i].item(), y[i].item()), angle[i].item()
        alone = (
            gaussian(size, sigma, turned),
            generalized_gaussian(size, sigma, turned, beta[i].item()),
            plateau(size, sigma, turned, beta[i].item()),
            sinc(size, cutoff[i].item()),
        )
        for kernels, kernel in zip(many, alone, strict=True):
            np.testing.assert_allclose(kernels[i], kernel, rtol=1e-13, atol=1e-16)


def test_the_variance_of_a_wide_enough_gaussian_is_sigma_squared_along_its_axes():
    kernel, axis = gaussian(41, (3.0, 1.5), math.pi / 2), np.arange(41) - 20
    # Turned by a right angle, x is y.
    assert (kernel.sum(axis=1) * axis**2).sum() == pytest.approx(3.0**2, rel=1e-3)
    assert (kernel.sum(axis=0) * axis**2).sum() == pytest.approx(1.5**2, rel=1e-3)


def test_beta_1_is_the_gaussian():
    np.testing.assert_allclose(
        generalized_gaussian(15, (1.0, 2.0), 0.3, 1.0), gaussian(15, (1.0, 2.0), 0.3), atol=1e-15
    )


def test_a_sinc_passes_what_is_below_its_cutoff_and_stops_what_is_above():
    kernel, axis = sinc(61, 1.0), np.arange(61) - 30
    for frequency, low, high in ((0.3, 0.9, 1.1), (2.0, -0.1, 0.1)):
        response = (kernel * np.cos(frequency * axis)[None]).sum()
        assert low < response < high
