"""The losses of two players."""

import math

import pytest
import torch

from pairgen.losses.adversarial import gradient_penalty, loss_if_made, loss_if_real, score


def maps(*values):
    """Return one readout of one place for each value, of a batch of one."""
    return [torch.tensor(value).view(1, 1, 1, 1) for value in values]


def test_the_formulas():
    for value in (-3.0, 0.0, 2.5):
        sigmoid = 1 / (1 + math.exp(-value))
        assert float(loss_if_real(maps(value))) == pytest.approx(-math.log(sigmoid), rel=1e-6)
        assert float(loss_if_made(maps(value))) == pytest.approx(-math.log(1 - sigmoid), rel=1e-6)


def test_readouts_count_alike_whatever_their_size():
    logits = [torch.full((2, 1, 4, 4), 3.0), torch.full((2, 1, 1, 1), -1.0)]
    assert score(logits).tolist() == [1.0, 1.0]
    expected = (math.log1p(math.exp(-3)) + math.log1p(math.exp(1))) / 2
    assert loss_if_real(logits).tolist() == pytest.approx([expected] * 2)


def test_huge_logits_stay_finite():
    for value in (-1e4, 1e4):
        for loss in (loss_if_real, loss_if_made):
            assert math.isfinite(float(loss(maps(value))))


def test_the_penalty_is_the_analytic_one_of_a_small_network():
    """D(x) = v . tanh(W x): grad D = W^T (v (1 - tanh^2)); and its gradient, from autograd."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(5, 12, generator=generator, dtype=torch.float64).requires_grad_(True)
    v = torch.randn(5, generator=generator, dtype=torch.float64)
    x = torch.randn(3, 3, 2, 2, generator=generator, dtype=torch.float64).requires_grad_(True)

    def discriminate(x):
        return [(torch.tanh(x.flatten(1) @ weight.T) @ v).view(-1, 1, 1, 1)]

    found = gradient_penalty(discriminate(x), x)
    hidden = torch.tanh(x.detach().flatten(1) @ weight.T)
    analytic = ((v * (1 - hidden.square())) @ weight).square().sum(1)
    # The penalty is in float32.
    torch.testing.assert_close(found.double(), analytic, atol=0, rtol=1e-5)
    (ours,) = torch.autograd.grad(found.sum(), weight)
    (expected,) = torch.autograd.grad(analytic.sum(), weight)
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-5)


def test_no_gradient_of_the_penalty_is_lost_between_readouts():
    x = torch.ones(1, 1, 2, 2, requires_grad=True)
    a, b = torch.tensor(2.0, requires_grad=True), torch.tensor(4.0, requires_grad=True)
    logits = [a * x, b * x.mean((2, 3), keepdim=True)]
    penalty = gradient_penalty(logits, x)
    # D = (a sum(x) + b mean(x)) / 2; each of 4 pixels has the slope (a + b / 4) / 2.
    assert float(penalty.detach()) == pytest.approx(4 * 1.5**2)
    penalty.sum().backward()
    assert float(a.grad) == pytest.approx(4 * 2 * 1.5 / 2)
    assert float(b.grad) == pytest.approx(4 * 2 * 1.5 / 8)


def test_the_penalty_of_a_place_does_not_fade_with_the_size():
    """A convolution of slope 3 everywhere: |grad D|^2 is 9 a pixel, at any size."""
    for size in (2, 8):
        x = torch.ones(2, 1, size, size, requires_grad=True)
        assert gradient_penalty([3 * x], x).tolist() == [9.0 * size**2] * 2
