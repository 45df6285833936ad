"""Batches: every image gets what it gets alone, whatever has another size beside it."""

import json
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from pairgen import plugins
from pairgen.degradations._convolve import convolve, separable
from pairgen.degradations._convolve_batch import convolve_batch, separable_batch
from pairgen.degradations._poisson import poisson_counts
from pairgen.degradations._poisson_batch import ordered_numbers, poisson_counts_batch
from pairgen.degradations._resample import MODES, RANDOM_MODES, resample, resample_by
from pairgen.degradations._resample_batch import resample_batch, resample_batch_by
from pairgen.degradations._threads import in_threads
from pairgen.degradations.base import Batch, BatchDegradation, Target
from pairgen.degradations.chain import Chain
from pairgen.trust import named_by_user, trusting
from tests.degradations.pictures import make_picture

CPU = torch.device("cpu")
NAMES = plugins.members("degradations")
SIZES = ((33, 40), (64, 20), (21, 21), (48, 57), (7, 90), (30, 31))
PICTURES = [make_picture(*size, seed=number) for number, size in enumerate(SIZES)]
TARGETS = [
    Target(level=2 + number % 3, size=(8 + number, 20 - number)) for number in range(len(SIZES))
]
# Compositions of everything, deep enough that images part and meet again.
NESTED = [
    {
        "one_of": {
            "choices": [
                {"probability": 0.4, "isotropic_blur": {}},
                {"probability": 0.3, "maybe": {"operations": ["sinc_filter", "resize"]}},
                {"probability": 0.3, "anisotropic_blur": {}},
            ]
        }
    },
    {"shuffled": {"groups": [["resize"], ["gaussian_noise", "jpeg"], ["unsharp_mask"]]}},
    {"resize": {"factor": [0.5, 2], "up": 0.5, "down": 0.5, "keep": 0}},
    {"maybe": {"operations": ["tests.degradations.own_negative", "webp"]}},
    "resize_to_target",
]


@pytest.fixture(autouse=True)
def own_operations() -> Iterator[None]:
    """Let the operation of these tests be imported, as a user's who has named it."""
    with trusting(named_by_user(["tests.degradations.own_negative"], everything=False)):
        yield


def generator(number: int) -> np.random.Generator:
    return np.random.default_rng([7, number])


def batch_of(pictures: list[np.ndarray]) -> Batch:
    return Batch.from_images(pictures, CPU)


def draws_of(operation, count: int = len(SIZES)) -> list[dict]:
    return [json.loads(json.dumps(operation.draw(generator(number)))) for number in range(count)]


def test_images_of_several_sizes_come_back_as_they_went_in():
    batch = batch_of(PICTURES)
    assert batch.pixels.shape == (6, 3, 64, 90)
    for picture, found in zip(PICTURES, batch.images(), strict=True):
        np.testing.assert_array_equal(found, picture)
    chosen = batch.select([4, 2])
    assert chosen.pixels.shape == (2, 3, 21, 90)
    np.testing.assert_array_equal(chosen.images()[1], PICTURES[2])
    levels = [np.rint(picture * 255).astype(np.uint8) for picture in PICTURES]
    for level, found in zip(levels, Batch.from_levels(levels, CPU).levels(), strict=True):
        np.testing.assert_array_equal(found, level)


@pytest.mark.parametrize("name", NAMES)
def test_every_operation_of_the_package_has_a_batch_form(name):
    assert isinstance(plugins.build("degradations", name), BatchDegradation)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_is_what_apply_makes_of_each_image(name):
    operation = plugins.build("degradations", name)
    for repeat in range(4):
        draws = [operation.draw(generator(10 * repeat + number)) for number in range(len(SIZES))]
        batch = batch_of(PICTURES)
        found = operation.apply_batch(batch, draws, TARGETS).images()
        for image, before in zip(batch.images(), PICTURES, strict=True):
            np.testing.assert_array_equal(image, before)
        for image, picture, draw, target in zip(found, PICTURES, draws, TARGETS, strict=True):
            expected = operation.apply(picture, draw, target)
            assert image.shape == expected.shape
            difference = np.abs(image - expected)
            # A gray value that rounds to the other of two levels has another count.
            allowed = 1e-4 if name != "poisson_noise" else 0.1
            assert difference.max() <= allowed, draw
            assert difference.mean() <= 1e-5, draw


@pytest.mark.parametrize("name", [*NAMES, "nested"])
def test_the_other_images_of_a_batch_change_no_bit(name):
    operation = (
        Chain(operations=NESTED) if name == "nested" else plugins.build("degradations", name)
    )
    draws = draws_of(operation)
    together = operation.apply_batch(batch_of(PICTURES), draws, TARGETS).images()
    for image, picture, draw, target in zip(together, PICTURES, draws, TARGETS, strict=True):
        alone = operation.apply_batch(batch_of([picture]), [draw], [target]).images()[0]
        assert alone.tobytes() == image.tobytes()


def test_compositions_part_the_images_and_put_them_back_in_order():
    chain = Chain(operations=NESTED)
    for repeat in range(3):
        pictures = [make_picture(40 + repeat, 30 + number) for number in range(16)]
        draws = [chain.draw(generator(16 * repeat + number)) for number in range(16)]
        targets = [Target(2, (12, 10 + number)) for number in range(16)]
        found = chain.apply_batch(batch_of(pictures), draws, targets).images()
        for image, picture, draw, target in zip(found, pictures, draws, targets, strict=True):
            expected = chain.apply(picture, draw, target)
            assert image.shape == expected.shape
            # Codecs stand between: a level that rounds otherwise moves a coefficient.
            assert np.abs(image - expected).mean() < 2e-3


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("factor", [0.06, 0.31, 0.5, 0.77, 1.0, 1.37, 2.0, 3.3])
def test_resampling_is_that_of_one_image(mode, factor):
    # torch 2.13's own result of `bicubic-antialias` is wrong where it is one pixel wide.
    sizes = [(max(1, int(h * factor)), max(2, round(w * factor))) for h, w in SIZES]
    found = resample_batch(batch_of(PICTURES), sizes, [mode] * len(SIZES)).images()
    for image, picture, size in zip(found, PICTURES, sizes, strict=True):
        np.testing.assert_allclose(image, resample(picture, size, mode), atol=1e-4)


@pytest.mark.parametrize("mode", RANDOM_MODES)
@pytest.mark.parametrize("factor", [0.01, 0.06, 0.31, 0.77, 1.0, 1.002, 1.02, 1.37])
def test_resampling_by_a_factor_is_that_of_one_image(mode, factor):
    found = resample_batch_by(batch_of(PICTURES), [factor] * len(SIZES), [mode] * len(SIZES))
    for image, picture in zip(found.images(), PICTURES, strict=True):
        np.testing.assert_allclose(image, resample_by(picture, factor, mode), atol=1e-4)


@pytest.mark.parametrize(
    ("name", "options"), [("resize", {"positions": "scale"}), ("jpeg", {"whole_quality": False})]
)
def test_published_draws_in_a_batch_are_those_of_one_image(name, options):
    operation = plugins.build("degradations", name, **options)
    draws = draws_of(operation)
    found = operation.apply_batch(batch_of(PICTURES), draws, TARGETS).images()
    for image, picture, draw, target in zip(found, PICTURES, draws, TARGETS, strict=True):
        np.testing.assert_allclose(image, operation.apply(picture, draw, target), atol=1e-4)
        alone = operation.apply_batch(batch_of([picture]), [draw], [target]).images()[0]
        assert alone.tobytes() == image.tobytes()


def test_every_image_has_its_own_mode_and_size():
    sizes = [(10, 70), (64, 20), (50, 5), (96, 30), (1, 1), (31, 30)]
    modes = [MODES[number % len(MODES)] for number in range(len(SIZES))]
    found = resample_batch(batch_of(PICTURES), sizes, modes).images()
    for image, picture, size, mode in zip(found, PICTURES, sizes, modes, strict=True):
        np.testing.assert_allclose(image, resample(picture, size, mode), atol=1e-4)


def test_every_image_has_its_own_kernel_and_border():
    kernels = []
    for number, size in enumerate((3, 21, 7, 13, 41, 1)):
        half = generator(number).random((size, size))
        kernels.append((half + half[::-1, ::-1]) / (half.sum() * 2))
    # As small as the kernel is wide, and smaller.
    pictures = [*PICTURES[:4], make_picture(9, 9), make_picture(12, 8)]
    pictures[2] = pictures[2][:1]
    for image, picture, kernel in zip(
        convolve_batch(batch_of(pictures), kernels).images(), pictures, kernels, strict=True
    ):
        np.testing.assert_allclose(image, convolve(picture, kernel), atol=1e-5)
    taps = [kernel[0] / kernel[0].sum() for kernel in kernels]
    for image, picture, tap in zip(
        separable_batch(batch_of(pictures), taps).images(), pictures, taps, strict=True
    ):
        np.testing.assert_allclose(image, separable(picture, tap, tap), atol=1e-5)


def test_poisson_counts_are_those_of_one_image():
    levels = np.tile(np.arange(256, dtype=np.uint8), 30).reshape(1, -1, 1).repeat(3, 2)
    for peak in (1, 16, 256):
        numbers = generator(peak).integers(2**32, size=levels.shape, dtype=np.uint32)
        numbers[0, 0], numbers[0, 1], numbers[0, 255] = 0, 2**32 - 1, 2**32 - 1
        counts = poisson_counts_batch(
            torch.from_numpy(levels.astype(np.int64)[None]),
            [peak],
            torch.from_numpy(ordered_numbers(numbers)[None]),
        )
        np.testing.assert_array_equal(counts[0].numpy(), poisson_counts(levels, peak, numbers))


def test_threads_keep_the_order():
    num_threads = torch.get_num_threads()
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            assert in_threads(lambda a, b: a - b, range(50), range(0, 100, 2)) == [
                -number for number in range(50)
            ]
    finally:
        torch.set_num_threads(num_threads)
