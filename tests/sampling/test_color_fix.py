"""Colours of a restored image: exact moments, and OSEDiff's formulas."""

import pytest
import torch
import torch.nn.functional as F

from pairgen.sampling.color_fix import COLOR_FIXES, adain, blend, wavelet


def images(height, width, seed=0):
    generator = torch.Generator().manual_seed(seed)
    restored, given = (torch.rand(3, height, width, generator=generator) for _ in range(2))
    return restored, (given * 0.5 + 0.2)


def test_adain_gives_each_channel_the_mean_and_deviation_of_the_given_image():
    restored, given = images(31, 17)
    fixed = adain(restored.clone(), given)
    torch.testing.assert_close(fixed.mean((1, 2)), given.mean((1, 2)))
    torch.testing.assert_close(fixed.std((1, 2)), given.std((1, 2)), rtol=1e-3, atol=0)
    # A line in each channel.
    slopes = (fixed - fixed.mean((1, 2), keepdim=True)) / (
        restored - restored.mean((1, 2), keepdim=True)
    )
    torch.testing.assert_close(slopes, slopes[:, :1, :1].expand_as(slopes), rtol=1e-3, atol=1e-3)


def published_low_frequencies(image):
    """As OSEDiff computes them: a 3 x 3 kernel, dilated."""
    row = torch.tensor([0.25, 0.5, 0.25])
    kernel = (row[:, None] * row).expand(3, 1, 3, 3)
    image = image[None]
    for level in range(5):
        padded = F.pad(image, [2**level] * 4, mode="replicate")
        image = F.conv2d(padded, kernel, groups=3, dilation=2**level)
    return image[0]


@pytest.mark.parametrize("size", [(70, 45), (17, 3), (1, 1), (1, 33)])
def test_wavelet_keeps_the_high_frequencies_and_takes_the_low_ones(size):
    restored, given = images(*size)
    high = restored - published_low_frequencies(restored)
    expected = high + published_low_frequencies(given)
    torch.testing.assert_close(wavelet(restored.clone(), given), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [(70, 45), (1, 1), (1, 33)])
def test_blend_is_the_mean_of_both_and_changes_the_image_in_place(size):
    restored, given = images(*size)
    untouched = given.clone()
    expected = (adain(restored.clone(), given) + wavelet(restored.clone(), given)) / 2
    fixed = blend(restored, given)
    assert fixed is restored and torch.equal(given, untouched)
    torch.testing.assert_close(fixed, expected, rtol=0, atol=1e-6)


def test_what_is_wrong_with_one_fix_is_half_as_wrong_in_the_blend():
    """A cast on the left half alone: `adain` spreads it over the channel, `wavelet` takes it off.

    Far from the border between the halves, and with no texture, the low frequencies are the image.
    """
    given = torch.full((3, 8, 256), 0.5)
    given[..., 128:] = 0.25
    restored = given.clone()
    restored[..., :128] += 0.2
    fixes = {name: fix(restored.clone(), given) for name, fix in COLOR_FIXES.items()}
    inner = slice(40, 88)
    torch.testing.assert_close(fixes["wavelet"][..., inner], given[..., inner])
    off = {name: (each - given)[..., inner].abs().mean() for name, each in fixes.items()}
    torch.testing.assert_close(off["blend"], off["adain"] / 2, rtol=1e-4, atol=1e-6)


def test_an_image_that_is_the_given_one_stays_and_so_does_a_single_pixel():
    _, given = images(9, 12)
    for fix in COLOR_FIXES.values():
        torch.testing.assert_close(fix(given.clone(), given), given, rtol=0, atol=1e-6)
    pixel, wanted = torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0.4, 0.5, 0.6])
    fixed = adain(pixel.view(3, 1, 1), wanted.view(3, 1, 1))
    torch.testing.assert_close(fixed.flatten(), wanted)
    restored, given = images(4, 4)
    assert COLOR_FIXES["none"](restored, given) is restored
