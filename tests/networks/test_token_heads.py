"""The heads of ADD, and their normalizations; `benchmarks/parity/add.py` has StyleGAN-T's."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import spectral_norm

from pairgen.networks.spectral_norm import iterate_spectral_norms, with_spectral_norm
from pairgen.networks.token_heads import LocalBatchNorm, TokenHeads

WIDTHS = [8, 12]


def new_heads(norm: str = "local_batch", condition: int = 5, batch: int = 4) -> TokenHeads:
    torch.manual_seed(0)
    return TokenHeads(WIDTHS, condition, 6, norm, batch)


def tokens(num: int, seed: int = 1) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(num, width, 9, generator=generator) for width in WIDTHS]


def test_the_spectral_norm_is_that_of_torch():
    torch.manual_seed(0)
    layer = nn.Conv1d(6, 10, 3)
    theirs = spectral_norm(copy.deepcopy(layer))
    ours = with_spectral_norm(layer)
    (norm,) = ours.parametrizations.weight
    norm.u.copy_(theirs.weight_u)
    norm.v.copy_(theirs.weight_v)
    # Theirs takes a step in every call of a training, ours when it is told to.
    x = torch.randn(2, 6, 9)
    expected = theirs(x)
    iterate_spectral_norms(ours)
    torch.testing.assert_close(ours(x), expected)
    torch.testing.assert_close(ours(x), expected)
    ours(x).square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(ours.parametrizations.weight.original.grad, theirs.weight_orig.grad)


def test_the_largest_singular_value_goes_to_one():
    torch.manual_seed(0)
    layer = with_spectral_norm(nn.Conv1d(6, 10, 3))
    for _ in range(200):
        iterate_spectral_norms(layer)
    largest = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)
    assert float(largest) == pytest.approx(1, abs=1e-5)


def test_a_group_of_samples_is_normalized_together_and_alone():
    norm = LocalBatchNorm(3, 4)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, 2.0, 3.0])[:, None])
        norm.bias.copy_(torch.tensor([0.0, -1.0, 1.0])[:, None])
    x = torch.randn(8, 3, 5, generator=torch.Generator().manual_seed(0))
    expected = torch.cat(
        [nn.functional.batch_norm(part, None, None, training=True) for part in x.split(4)]
    )
    torch.testing.assert_close(norm(x), expected * norm.weight + norm.bias)
    # Whatever is in another group changes nothing; so whole groups may be computed apart.
    torch.testing.assert_close(norm(x)[:4], norm(x[:4]))
    assert norm(x[:1]).isfinite().all()
    assert norm(x[:6]).shape == (6, 3, 5)


def test_with_groups_within_a_sample_samples_know_nothing_of_each_other():
    heads, condition = new_heads("group"), torch.randn(6, 5)
    whole = heads(tokens(6), condition)
    alone = heads([each[2:3] for each in tokens(6)], condition[2:3])
    for one, other in zip(whole, alone, strict=True):
        torch.testing.assert_close(one[2:3], other)


def test_the_condition_enters_by_a_product():
    heads = new_heads(condition=5)
    zero, one, two = (torch.full((4, 5), value) for value in (0.0, 1.0, 2.0))
    found = [torch.cat(heads(tokens(4), each), 2) for each in (zero, one, two)]
    # Logits are affine in it.
    torch.testing.assert_close(found[2] - found[1], found[1] - found[0])
    assert (found[1] != found[0]).any()
    assert [each.shape for each in heads(tokens(4), one)] == [(4, 1, 9)] * 2
    assert [each.shape for each in new_heads(condition=0)(tokens(4), None)] == [(4, 1, 9)] * 2


def test_the_sequence_of_tokens_is_a_ring():
    heads, condition = new_heads(), torch.randn(4, 5)
    turned = heads([each.roll(3, 2) for each in tokens(4)], condition)
    for one, other in zip(heads(tokens(4), condition), turned, strict=True):
        torch.testing.assert_close(one.roll(3, 2), other)
