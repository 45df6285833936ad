"""What a random transform of latents does, and that both sides of a distance get the same."""

import math
from dataclasses import fields
from itertools import product

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.ndimage import map_coordinates
from scipy.signal import upfirdn
from torch import Tensor

from pairgen.draws import Draws
from pairgen.errors import ConfigError
from pairgen.losses.latent_augmentation import (
    GROUPS,
    Augmentation,
    Blit,
    Colour,
    Geometry,
    augment,
    draw_augmentation,
)
from pairgen.losses.resampling import CENTRES, SYM6

CPU = torch.device("cpu")
# Latents of the models that we know, the smallest ones, and sides that are unequal, odd, or one.
SHAPES = [(4, 8, 8), (4, 16, 16), (4, 64, 64), (16, 16, 16), (4, 6, 12), (3, 7, 8), (1, 1, 5)]


def random_latents(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def drawn(num_samples: int, groups=GROUPS, seed: int = 0) -> Augmentation:
    return draw_augmentation(Draws(seed, 0, 0, num_samples, num_samples, CPU), groups)


def tensors_of(value) -> list[Tensor]:
    """Return every tensor of an augmentation, in order of the fields."""
    if value is None or isinstance(value, Tensor):
        return [] if value is None else [value]
    return [each for field in fields(value) for each in tensors_of(getattr(value, field.name))]


def blit(mirrored: int = 0, num_turns: int = 0, shift: tuple[float, float] = (0, 0)) -> Blit:
    return Blit(torch.tensor([mirrored]), torch.tensor([num_turns]), torch.tensor([shift]))


def geometry(
    scale: float = 1,
    turn: float = 0,
    stretch: float = 1,
    second_turn: float = 0,
    shift: tuple[float, float] = (0, 0),
) -> Geometry:
    numbers = (torch.tensor([float(each)]) for each in (scale, turn, stretch, second_turn))
    return Geometry(*numbers, shift=torch.tensor([shift], dtype=torch.float32))


def rolled(x: Tensor, right: int, down: int) -> Tensor:
    """Shift by whole pixels with torch's own reflection; shifts below one size."""
    height, width = x.shape[2:]
    padded = F.pad(x, (abs(right), abs(right), abs(down), abs(down)), mode="reflect")
    top, left = abs(down) - down, abs(right) - right
    return padded[:, :, top : top + height, left : left + width]


def smooth(size: int) -> Tensor:
    """A picture [1, 4, size, size] without fine detail, equal under no turn and no mirror."""
    coarse = random_latents(1, 4, size // 4, size // 4)
    return F.interpolate(coarse, size=(size, size), mode="bicubic")


def relative_error(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).square().mean().sqrt() / expected.square().mean().sqrt())


def test_the_filter_is_the_orthonormal_one_of_six_vanishing_moments():
    h = torch.tensor(SYM6, dtype=torch.float64)
    assert abs(h.sum() - math.sqrt(2)) < 1e-15
    assert abs(h.square().sum() - 1) < 1e-12
    for shift in range(2, 12, 2):
        assert abs((h[shift:] * h[:-shift]).sum()) < 1e-12
    # These and the equations above leave a handful of filters; sym6 is the most symmetric.
    alternating = h * (-1) ** torch.arange(12)
    for moment in range(6):
        assert abs((alternating * torch.arange(12) ** moment).sum()) < 1e-8


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_identity_is_given_back(shape):
    x = random_latents(2, *shape)
    assert augment(x, drawn(2, ())) is x
    assert torch.equal(augment(x[:1], Augmentation(blit=blit())), x[:1])
    # Measured: 1.5e-5 of numbers up to 4, at a side of 64; the fraction of the grid's positions.
    back = augment(x[:1], Augmentation(geometry=geometry()))
    torch.testing.assert_close(back, x[:1], rtol=0, atol=5e-5)
    # Measured: 1e-11, the twelve digits of the filter.
    exact = x[:1].double()
    back = augment(exact, Augmentation(geometry=geometry()))
    torch.testing.assert_close(back, exact, rtol=0, atol=5e-11)
    colour = Colour(torch.zeros(1), torch.ones(1), torch.ones(1))
    torch.testing.assert_close(augment(x[:1], Augmentation(colour=colour)), x[:1])


@pytest.mark.parametrize("size", [8, 9])
@pytest.mark.parametrize(("mirrored", "num_turns"), list(product((0, 1), range(4))))
def test_mirror_and_turns_move_pixels_exactly(mirrored, num_turns, size):
    x = random_latents(1, 4, size, size)
    expected = torch.rot90(x.flip(3) if mirrored else x, num_turns, (2, 3))
    assert torch.equal(augment(x, Augmentation(blit=blit(mirrored, num_turns))), expected)


@pytest.mark.parametrize("num_turns", range(4))
def test_a_turn_of_unequal_sides_goes_about_the_middle(num_turns):
    x = random_latents(1, 2, 6, 10)
    # What the turned picture lacks is its own reflection.
    square = F.pad(x, (0, 0, 2, 2), mode="reflect")
    expected = torch.rot90(square, num_turns, (2, 3))[:, :, 2:8]
    assert torch.equal(augment(x, Augmentation(blit=blit(num_turns=num_turns))), expected)


def test_a_turn_between_pixels_shows_no_pixel_twice():
    x = torch.arange(42.0).view(1, 1, 7, 6)
    turned = augment(x, Augmentation(blit=blit(num_turns=1)))
    # The first row is a reflection.
    assert len(turned[0, 0, 1:].unique()) == 36


@pytest.mark.parametrize(("right", "down"), [(3, 0), (0, -5), (-7, 2), (7, 7)])
def test_a_shift_moves_whole_pixels_and_reflects(right, down):
    x = random_latents(1, 4, 8, 16)
    # A share that is not a whole number of pixels is rounded.
    share = ((right + 0.4) / 16, (down - 0.4) / 8)
    found = augment(x, Augmentation(blit=blit(shift=share)))
    assert torch.equal(found, rolled(x, right, down))


def test_mirror_turn_and_shift_follow_each_other():
    x = random_latents(1, 4, 16, 16)
    found = augment(x, Augmentation(blit=blit(1, 3, (2 / 16, -1 / 16))))
    assert torch.equal(found, rolled(torch.rot90(x.flip(3), 3, (2, 3)), 2, -1))


def test_reflection_goes_on_without_end():
    x = random_latents(1, 4, 8, 8)
    # Eight pixels and their mirror image repeat after 14.
    for periods in (1, -3, 40):
        share = (periods * 14 / 8, 0.0)
        assert torch.equal(augment(x, Augmentation(blit=blit(shift=share))), x)
        warped = augment(x.double(), Augmentation(geometry=geometry(shift=share)))
        torch.testing.assert_close(warped, x.double(), rtol=0, atol=1e-9)


@pytest.mark.parametrize("right, down", [(5, -3), (-20, 11)])
def test_the_filtered_map_shifts_whole_pixels_as_the_exact_one_does(right, down):
    x = random_latents(1, 4, 16, 16, dtype=torch.float64)
    share = (right / 16, down / 16)
    exact = augment(x, Augmentation(blit=blit(shift=share)))
    filtered = augment(x, Augmentation(geometry=geometry(shift=share)))
    torch.testing.assert_close(filtered, exact, rtol=0, atol=5e-11)


@pytest.mark.parametrize("size", [16, 64])
@pytest.mark.parametrize("num_turns", [1, 2, 3])
def test_a_filtered_quarter_turn_is_close_to_the_exact_one(num_turns, size):
    """Not equal: the filter is not symmetric, and up and down it no longer meets itself."""
    turned = Augmentation(geometry=geometry(turn=num_turns * math.pi / 2))
    x = smooth(size)
    # Measured: up to 0.015; counted from the filter's middle tap, 0.24.
    assert relative_error(augment(x, turned), torch.rot90(x, num_turns, (2, 3))) < 0.03
    noise = random_latents(1, 4, size, size)
    # Measured: up to 0.41, white noise being all fine detail.
    assert relative_error(augment(noise, turned), torch.rot90(noise, num_turns, (2, 3))) < 0.5


def test_every_part_of_the_map_is_what_it_says():
    """On a linear ramp and away from the edges, where a map of positions can be read off."""
    size = 64
    y, x = torch.meshgrid(*(torch.arange(size) - (size - 1) / 2,) * 2, indexing="ij")
    ramps = torch.stack([x, y])[None]
    middle = slice(24, 40)
    cos, sin = math.cos(0.3), math.sin(0.3)
    for parts, expected in [
        ({"scale": 1.25}, (x / 1.25, y / 1.25)),
        ({"stretch": 1.25}, (x / 1.25, y * 1.25)),
        # Counter-clockwise, y downwards: what is right of the middle goes up.
        ({"turn": 0.3}, (cos * x - sin * y, sin * x + cos * y)),
        ({"second_turn": 0.3}, (cos * x - sin * y, sin * x + cos * y)),
        ({"shift": (0.05, -0.03)}, (x - 3.2, y + 1.92)),
        ({"scale": 1.25, "shift": (0.05, 0)}, ((x - 3.2) / 1.25, y / 1.25)),
        # First the turn, then the stretch; and the other way round.
        ({"turn": math.pi / 2, "stretch": 1.25}, (-y * 1.25, x / 1.25)),
        ({"stretch": 1.25, "second_turn": math.pi / 2}, (-y / 1.25, x * 1.25)),
    ]:
        found = augment(ramps, Augmentation(geometry=geometry(**parts)))[0, :, middle, middle]
        wanted = torch.stack(expected)[:, middle, middle]
        # The filter keeps ramps; its centre is where positions are counted from.
        torch.testing.assert_close(found, wanted, rtol=0, atol=2e-3)


def forward_matrix(augmentation: Augmentation, sample: int, size: int) -> np.ndarray:
    """Return where a position of the input goes, [3, 3]: each step applied after the one before."""

    def turn(angle: float) -> np.ndarray:
        cos, sin = math.cos(angle), math.sin(angle)
        return np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])

    def shift(right: float, down: float) -> np.ndarray:
        return np.array([[1, 0, right], [0, 1, down], [0, 0, 1]])

    moves, maps = augmentation.blit, augmentation.geometry
    scale, stretch = float(maps.scale[sample]), float(maps.stretch[sample])
    steps = [
        np.diag([1 - 2 * int(moves.mirrored[sample]), 1, 1]),
        turn(int(moves.num_turns[sample]) * math.pi / 2),
        shift(*np.round(moves.shift[sample].numpy() * size)),
        np.diag([scale, scale, 1]),
        turn(float(maps.turn[sample])),
        np.diag([stretch, 1 / stretch, 1]),
        turn(float(maps.second_turn[sample])),
        shift(*(maps.shift[sample].numpy() * size)),
    ]
    matrix = np.eye(3)
    for step in steps:
        matrix = step @ matrix
    return matrix


@pytest.mark.parametrize("centre", CENTRES)
def test_the_map_is_that_of_a_padded_picture_in_scipy(centre):
    tap = {"unbiased": 5.0983, "published": 5.0}[centre]
    assert CENTRES[centre] == pytest.approx(tap, abs=5e-5)
    tap = CENTRES[centre]
    size, padding = 12, 60
    x = random_latents(8, 1, size, size, dtype=torch.float64)
    augmentation = drawn(8, ("blit", "geometry"))
    found = augment(x, augmentation, centre)
    h = np.array(SYM6)
    for sample in range(8):
        fine = np.pad(x[sample, 0].numpy(), padding, mode="reflect")
        for axis in (0, 1):
            fine = upfirdn(math.sqrt(2) * h, fine, up=2, axis=axis)
        # Finer samples of the output, in pixels from the middle, and what they show.
        places = (np.arange(2 * size + 10) - tap) / 2 - (size - 1) / 2
        y, columns = np.meshgrid(places, places, indexing="ij")
        backward = np.linalg.inv(forward_matrix(augmentation, sample, size))
        sources = backward @ np.stack([columns, y, np.ones_like(y)]).reshape(3, -1)
        indices = 2 * (sources[1::-1] + (size - 1) / 2 + padding) + tap
        assert indices.min() >= 0
        assert indices.max() <= len(fine) - 1
        shown = map_coordinates(fine, indices, order=1).reshape(y.shape)
        for axis in (0, 1):
            windows = np.lib.stride_tricks.sliding_window_view(shown, 12, axis=axis)
            shown = windows.take(np.arange(0, 2 * size, 2), axis=axis) @ h / math.sqrt(2)
        torch.testing.assert_close(found[sample, 0], torch.from_numpy(shown), rtol=0, atol=1e-5)


def test_the_map_is_undone_up_to_the_filter():
    """A turn and the turn back, of a picture without fine detail, away from the edges."""
    x = smooth(64)
    there = augment(x, Augmentation(geometry=geometry(turn=0.7)))
    back = augment(there, Augmentation(geometry=geometry(turn=-0.7)))
    middle = slice(20, 44)
    assert relative_error(back[..., middle, middle], x[..., middle, middle]) < 0.03


def test_a_half_turn_by_the_published_centre_shifts_by_a_tenth_of_a_pixel():
    ramp = torch.arange(64.0, dtype=torch.float64).expand(1, 1, 64, 64)
    turned = Augmentation(geometry=geometry(turn=math.pi))
    middle = slice(20, 44)
    for centre, shift in (("unbiased", 0), ("published", 2 * (5.0983 - 5) / 2)):
        found = augment(ramp, turned, centre)[..., middle, middle]
        away = (found - ramp.flip(3)[..., middle, middle]).mean()
        assert abs(away) == pytest.approx(shift, abs=2e-3)


def test_the_published_centre_resamples_moves_of_whole_pixels_too():
    x = random_latents(1, 4, 16, 16)
    half_turn = Augmentation(blit=blit(num_turns=2))
    assert torch.equal(augment(x, half_turn), x.flip(2, 3))
    exact = augment(x, Augmentation(geometry=geometry(turn=math.pi)), "published")
    torch.testing.assert_close(augment(x, half_turn, "published"), exact, rtol=0, atol=2e-5)


def test_noise_is_not_amplified():
    x = random_latents(200, 4, 16, 16)
    energy = augment(x, drawn(200, ("blit", "geometry"))).square().mean(dim=(1, 2, 3))
    # Measured: 0.61 on average and 0.38 to 0.81; interpolation takes the rest.
    assert 0.5 < energy.mean() < 0.75
    assert energy.max() < 1


def test_colour_is_the_formula_sample_by_sample():
    x = random_latents(6, 4, 8, 8) + 0.7
    augmentation = drawn(6, ("colour",))
    found = augment(x, augmentation)
    colour = augmentation.colour
    for sample in range(6):
        y = x[sample] + colour.brightness[sample]
        y = y.mean() + (y - y.mean()) * colour.contrast[sample]
        for row, column in product(range(8), range(8)):
            grey = y[:, row, column].mean()
            expected = grey + (y[:, row, column] - grey) * colour.saturation[sample]
            torch.testing.assert_close(found[sample, :, row, column], expected)


def test_the_draws_fill_their_ranges():
    augmentation = drawn(4000)
    blits, maps, colour = augmentation.blit, augmentation.geometry, augmentation.colour
    for values, low, high in [
        (blits.shift, -0.125, 0.125),
        (maps.turn, -math.pi, math.pi),
        (maps.second_turn, -math.pi, math.pi),
        (colour.brightness, -0.5, 0.5),
        (colour.contrast, 0.5, 1.5),
        (colour.saturation, 0, 2),
        (augmentation.cutout, 0, 1),
    ]:
        assert low <= values.min() < low + 0.01 * (high - low)
        assert high >= values.max() > high - 0.01 * (high - low)
        assert abs(values.mean() - (low + high) / 2) < 0.03 * (high - low)
    for values, std in [
        (maps.scale.log2(), 0.2),
        (maps.stretch.log2(), 0.2),
        (maps.shift, 0.125),
    ]:
        assert abs(values.mean()) < 0.1 * std
        assert abs(values.std() / std - 1) < 0.05
    for values, num_values in ((blits.mirrored, 2), (blits.num_turns, 4)):
        shares = values.bincount(minlength=num_values) / 4000
        assert len(shares) == num_values
        assert (shares - 1 / num_values).abs().max() < 0.03
    assert all(len(each) == 4000 for each in tensors_of(augmentation))
    # No two numbers of a sample are one draw.
    columns = [
        each.flatten(1).T if each.ndim > 1 else each[None] for each in tensors_of(augmentation)
    ]
    correlation = torch.corrcoef(torch.cat([each.double() for each in columns]))
    assert (correlation - torch.eye(len(correlation))).abs().max() < 0.08


@pytest.mark.parametrize(("height", "width"), [(8, 8), (16, 24), (7, 9)])
def test_the_cutout_is_a_square_at_its_place(height, width):
    middles = torch.tensor([[0.5, 0.5], [0.3, 0.7], [0.01, 0.99], [0.0, 0.4]])
    x = random_latents(4, 3, height, width).abs() + 1
    found = augment(x, Augmentation(cutout=middles))
    for sample, (middle_x, middle_y) in enumerate(middles.tolist()):
        expected = x[sample].clone()
        for row, column in product(range(height), range(width)):
            if (
                abs((row + 0.5) / height - middle_y) < 0.25
                and abs((column + 0.5) / width - middle_x) < 0.25
            ):
                expected[:, row, column] = 0
        assert torch.equal(found[sample], expected)


def test_a_cutout_inside_takes_a_quarter_of_the_area():
    x = torch.ones(2, 4, 64, 64)
    inside = Augmentation(cutout=torch.tensor([[0.5, 0.5], [0.3, 0.7]]))
    assert (augment(x, inside) == 0).sum(dim=(1, 2, 3)).tolist() == [4 * 32 * 32] * 2
    corner = Augmentation(cutout=torch.zeros(2, 2))
    assert (augment(x, corner) == 0).sum(dim=(1, 2, 3)).tolist() == [4 * 16 * 16] * 2


@pytest.mark.parametrize("groups", [(group,) for group in GROUPS] + [GROUPS], ids="-".join)
def test_both_sides_get_the_same_affine_map(groups):
    first, second = (random_latents(5, 4, 8, 8, seed=seed, dtype=torch.float64) for seed in (1, 2))
    augmentation = drawn(5, groups)
    torch.testing.assert_close(augment(first.clone(), augmentation), augment(first, augmentation))
    constant = augment(torch.zeros_like(first), augmentation)
    linear = augment(first, augmentation) + 2 * augment(second, augmentation) - 2 * constant
    torch.testing.assert_close(augment(first + 2 * second, augmentation), linear)
    assert bool(constant.any()) == ("colour" in groups)


@pytest.mark.parametrize("groups", [(group,) for group in GROUPS], ids="-".join)
def test_samples_differ_and_the_batch_split_does_not_matter(groups):
    x = random_latents(1, 4, 16, 16).repeat(8, 1, 1, 1)
    whole = drawn(8, groups)
    together = augment(x, whole)
    assert len({tuple(each.flatten().tolist()) for each in together}) > 6
    for start, stop in ((0, 4), (4, 8)):
        part = draw_augmentation(Draws(0, 0, start, stop, 8, CPU), groups)
        for ours, theirs in zip(tensors_of(part), tensors_of(whole), strict=True):
            assert torch.equal(ours, theirs[start:stop])
        torch.testing.assert_close(augment(x[start:stop], part), together[start:stop])
    later = augment(x, draw_augmentation(Draws(0, 1, 0, 8, 8, CPU), groups))
    assert not torch.allclose(later, together)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_any_size_is_kept_and_stays_finite(shape):
    x = random_latents(16, *shape)
    found = augment(x, drawn(16))
    assert found.shape == x.shape
    assert found.dtype == torch.float32
    assert found.isfinite().all()


def test_a_constant_stays_one_under_every_map():
    """So nothing dark comes in from outside, and the weights of each pixel sum to one."""
    for shape in SHAPES:
        found = augment(torch.full((32, *shape), 3.0), drawn(32, ("blit", "geometry")))
        torch.testing.assert_close(found, torch.full_like(found, 3), rtol=0, atol=2e-5)


@pytest.mark.parametrize("groups", [(group,) for group in GROUPS] + [GROUPS], ids="-".join)
def test_gradients_are_those_of_finite_differences(groups):
    x = random_latents(2, 2, 5, 6, dtype=torch.float64).requires_grad_()
    augmentation = drawn(2, groups)
    assert torch.autograd.gradcheck(lambda each: augment(each, augmentation), (x,))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(dtype):
    x = random_latents(4, 4, 8, 8).to(dtype)
    augmentation = drawn(4)
    expected = augment(x.float(), augmentation)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = augment(x, augmentation)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


def test_groups_may_come_in_any_order_and_must_be_known():
    ours, theirs = drawn(3, GROUPS), drawn(3, GROUPS[::-1])
    for one, other in zip(tensors_of(ours), tensors_of(theirs), strict=True):
        assert torch.equal(one, other)
    assert tensors_of(drawn(3, ())) == []
    with pytest.raises(ConfigError, match=r"blit, geometry, colour, cutout, got 'color'.*'colour'"):
        drawn(1, ("blit", "color"))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_gives_what_the_cpu_gives():
    x = random_latents(8, 4, 64, 64)
    found = augment(x.cuda(), draw_augmentation(Draws(0, 0, 0, 8, 8, torch.device("cuda"))))
    torch.testing.assert_close(found.cpu(), augment(x, drawn(8)), rtol=0, atol=1e-3)
