"""What is changed of the images that a discriminator sees, sample by sample."""

import pytest
import torch

from pairgen.draws import Draws
from pairgen.losses.image_augmentation import (
    AUGMENTATIONS,
    augment_images,
    blur,
    resized,
    to_side,
    translate,
)

CPU = torch.device("cpu")


def draws(num: int = 4, start: int = 0) -> Draws:
    return Draws(0, 3, start, start + num, 8, CPU)


def images(num: int = 4, side: int = 16) -> torch.Tensor:
    return torch.rand(num, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("group", AUGMENTATIONS)
def test_every_sample_has_its_own_change_whatever_is_beside_it(group):
    x = images(1).expand(8, -1, -1, -1)
    whole = augment_images(x, (group,), draws(8))
    assert len({tuple(each.flatten().tolist()) for each in whole}) > 4
    torch.testing.assert_close(augment_images(x[2:6], (group,), draws(4, 2)), whole[2:6])


def test_nothing_is_changed_without_a_group():
    assert torch.equal(augment_images(images(), (), draws()), images())


def test_colours_change_by_the_published_strengths():
    x = images()
    found = augment_images(x, ("colour",), draws())
    brightness, contrast, saturation = draws().uniform((3,)).unbind(1)
    for number, each in enumerate(x):
        each = each + brightness[number] - 0.5
        grey = each.mean(0, keepdim=True)
        each = grey + 2 * saturation[number] * (each - grey)
        mean = each.mean()
        each = mean + (contrast[number] + 0.5) * (each - mean)
        torch.testing.assert_close(found[number], each, atol=1e-5, rtol=1e-5)


def test_images_move_by_whole_pixels_and_leave_grey_behind():
    x = images(2, 8)
    found = translate(x, torch.tensor([[0.25, -0.125], [0.0, 0.0]]))
    assert torch.equal(found[0, :, :7, 2:], x[0, :, 1:, :6])
    assert (found[0, :, :, :2] == 0).all()
    assert (found[0, :, 7:] == 0).all()
    assert torch.equal(found[1], x[1])


def test_a_quarter_is_cut_out_at_most():
    found = augment_images(torch.ones(8, 3, 16, 16), ("cutout",), draws(8))
    shares = (found == 0).float().mean((1, 2, 3))
    assert (shares <= 0.25).all()
    assert (shares >= 0.0625).all()


def test_gradients_pass_all_changes():
    x = images().requires_grad_(True)
    augment_images(x, AUGMENTATIONS, draws()).square().sum().backward()
    assert x.grad.isfinite().all()
    assert x.grad.abs().max() > 0


def test_a_window_is_the_samples_own_and_others_are_shown_whole():
    x = images(3, 16)
    is_cropped = torch.tensor([True, False, True])
    corner = torch.tensor([[0.0, 0.999], [0.5, 0.5], [0.999, 0.0]])
    found = to_side(x, 8, is_cropped, corner)
    assert torch.equal(found[0], x[0, :, 8:, :8])
    torch.testing.assert_close(found[1], resized(x, 8)[1])
    assert torch.equal(found[2], x[2, :, :8, 8:])
    torch.testing.assert_close(resized(x, 8)[0, 0, 0, 0], x[0, 0, :2, :2].mean())
    assert torch.equal(to_side(x, 16, is_cropped, corner), x)
    assert to_side(x, 24, is_cropped, corner).shape == (3, 3, 24, 24)


def test_a_blur_keeps_the_mean_and_fades_to_nothing():
    flat = torch.full((1, 3, 12, 12), 0.3)
    torch.testing.assert_close(blur(flat, 2.0), flat)
    point = torch.zeros(1, 1, 33, 33)
    point[..., 16, 16] = 1
    spread = blur(point, 3.0)
    places = torch.arange(33.0) - 16
    # Cut at three standard deviations.
    assert float((spread[0, 0].sum(0) * places.square()).sum()) == pytest.approx(9, rel=0.04)
    assert torch.equal(blur(point, 0.3), point)
    # Larger than the image.
    assert blur(point, 20.0).isfinite().all()
