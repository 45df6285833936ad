"""PSNR and SSIM under a protocol: closed forms, BasicSR, scikit-image, and the 1.322 dB."""

import math
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from pairgen.config import packaged_assets
from pairgen.errors import ConfigError
from pairgen.evaluation.fidelity import LUMA, psnr, ssim
from pairgen.evaluation.protocols import CLASSIC_SR, PROTOCOLS, REAL_ISR, RGB
from tests.evaluation.oracles import basicsr_metrics, scikit_metrics

SCALE = 4
# As OSEDiff's results: 512 px are slower and show nothing else.
SIZE = 96
# They stand in files of figures: a protocol that changes needs another name.
LABELS = ["real-isr 04816b17b73a", "classic-sr 5f92086007a6", "rgb e3ba8c8af373"]


@pytest.fixture(scope="module")
def images() -> tuple[np.ndarray, np.ndarray]:
    """Photographs beside themselves blurred and noisy, [3, 96, 96, 3] uint8 each."""
    rng = np.random.default_rng(0)
    targets, found = [], []
    for name in ("bridge", "citrus", "honey-bee"):
        with Image.open(packaged_assets() / f"photographs/{name}.jpg") as photograph:
            target = photograph.convert("RGB").crop((40, 40, 40 + SIZE, 40 + SIZE))
        small = target.resize((SIZE // SCALE,) * 2, Image.Resampling.BICUBIC)
        blurred = np.asarray(small.resize((SIZE, SIZE), Image.Resampling.BICUBIC), np.float64)
        noisy = blurred + rng.normal(scale=8, size=blurred.shape)
        targets.append(np.asarray(target))
        found.append(noisy.clip(0, 255).round().astype(np.uint8))
    return np.stack(found), np.stack(targets)


def luma(images: np.ndarray) -> np.ndarray:
    """Return Y of full range."""
    return images.astype(np.float64) @ np.array(LUMA)


def test_two_readings_of_y_lie_20_log10_of_255_over_219_apart(images):
    studio = replace(REAL_ISR, psnr_offset=0.0)
    full = replace(studio, levels=(0, 255))
    apart = 20 * math.log10(255 / 219)
    assert apart == pytest.approx(1.322, abs=5e-4)
    np.testing.assert_allclose(psnr(*images, studio) - psnr(*images, full), apart, rtol=1e-12)
    # With pyiqa's 1e-8 beside the error too, to a hundred thousandth of a dB here.
    lifted = psnr(*images, REAL_ISR) - psnr(*images, replace(full, psnr_offset=1e-8))
    np.testing.assert_allclose(lifted, apart, atol=1e-4)


def test_the_psnr_of_one_level_is_known():
    """An image one level above its reference: 20 log10(255) in RGB, less the luma's range in Y."""
    reference = np.full((1, 16, 16, 3), 100, np.uint8)
    for protocol in (RGB, CLASSIC_SR):
        low, high = protocol.levels
        expected = 20 * math.log10(255) - 20 * math.log10((high - low) / 255)
        assert psnr(reference + 1, reference, protocol, 2) == pytest.approx(expected)
    error = (219 / 255 / 255) ** 2 + 1e-8
    assert psnr(reference + 1, reference, REAL_ISR) == pytest.approx(-10 * math.log10(error))


def test_equal_images(images):
    target = images[1]
    assert psnr(target, target, REAL_ISR) == pytest.approx(80)
    assert np.isinf(psnr(target, target, RGB)).all()
    for protocol in PROTOCOLS.values():
        np.testing.assert_allclose(ssim(target, target, protocol, SCALE), 1, rtol=1e-12)


def test_classic_sr_is_what_basicsr_computes(images):
    metrics = basicsr_metrics()
    options = {"crop_border": SCALE, "test_y_channel": True}
    for ours, theirs in (
        (psnr, metrics.calculate_psnr),
        (ssim, metrics.calculate_ssim),
    ):
        expected = [
            theirs(a[..., ::-1], b[..., ::-1], **options) for a, b in zip(*images, strict=True)
        ]
        # It computes Y in float32.
        np.testing.assert_allclose(ours(*images, CLASSIC_SR, SCALE), expected, rtol=1e-6)


def test_rgb_is_what_basicsr_computes(images):
    metrics = basicsr_metrics()
    for ours, theirs in ((psnr, metrics.calculate_psnr), (ssim, metrics.calculate_ssim)):
        expected = [theirs(a, b, crop_border=0) for a, b in zip(*images, strict=True)]
        np.testing.assert_allclose(ours(*images, RGB, SCALE), expected, rtol=1e-10)


def test_ssim_is_that_of_scikit_image(images):
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    similarity, ratio = (
        scikit_metrics().structural_similarity,
        scikit_metrics().peak_signal_noise_ratio,
    )
    found, targets = images
    pairs = list(zip(found, targets, strict=True))
    expected = [similarity(a, b, channel_axis=2, **options) for a, b in pairs]
    np.testing.assert_allclose(ssim(found, targets, RGB), expected, rtol=1e-6)
    expected = [ratio(b, a) for a, b in pairs]
    np.testing.assert_allclose(psnr(found, targets, RGB), expected, rtol=1e-12)

    def studio(image: np.ndarray, border: int = 0) -> np.ndarray:
        y = 16 + 219 / 255 * luma(image)
        return y[border : SIZE - border, border : SIZE - border]

    expected = [
        similarity(studio(a, SCALE), studio(b, SCALE), data_range=255, **options) for a, b in pairs
    ]
    np.testing.assert_allclose(ssim(found, targets, CLASSIC_SR, SCALE), expected, rtol=1e-10)
    whole = [
        similarity(np.rint(studio(a)), np.rint(studio(b)), data_range=255, **options)
        for a, b in pairs
    ]
    signed = replace(REAL_ISR, ssim_nonnegative=False)
    np.testing.assert_allclose(ssim(found, targets, signed), whole, rtol=1e-10)


def test_negative_structure_counts_as_zero_only_where_the_protocol_says_so():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (1, 24, 24, 3), np.uint8)
    signed = replace(REAL_ISR, ssim_nonnegative=False)
    assert ssim(255 - image, image, signed)[0] < -0.5
    assert 0 <= ssim(255 - image, image, REAL_ISR)[0] < 0.01


def test_a_border_leaves_out_what_lies_in_it(images):
    found, targets = images
    spoiled = found.copy()
    spoiled[:, :SCALE] = 0
    spoiled[:, :, -SCALE:] = 255
    for measure in (psnr, ssim):
        kept = measure(spoiled, targets, CLASSIC_SR, SCALE)
        np.testing.assert_array_equal(kept, measure(found, targets, CLASSIC_SR, SCALE))
        assert (measure(spoiled, targets, REAL_ISR) < measure(found, targets, REAL_ISR)).all()


def test_images_in_0_to_1_are_rounded_to_8_bits(images):
    found, targets = images
    floats = found / 255 + np.where(found == 255, -0.001, 0.001)
    for measure in (psnr, ssim):
        np.testing.assert_array_equal(
            measure(floats, targets / np.float32(255), REAL_ISR), measure(found, targets, REAL_ISR)
        )


def test_every_field_is_part_of_the_hash():
    hashes = {each.facts()["sha256"] for each in PROTOCOLS.values()}
    changed = [
        replace(REAL_ISR, **change)
        for change in (
            {"name": "mine"},
            {"colour": "RGB"},
            {"levels": (0, 255)},
            {"border": 1},
            {"psnr_offset": 0.0},
            {"ssim_rounds": False},
            {"ssim_window": 9},
            {"ssim_sigma": 1.6},
            {"ssim_k": (0.01, 0.04)},
            {"ssim_nonnegative": False},
        )
    ]
    hashes |= {each.facts()["sha256"] for each in changed}
    assert len(hashes) == len(PROTOCOLS) + len(changed)
    assert [each.label for each in PROTOCOLS.values()] == LABELS


@pytest.mark.parametrize(
    ("found", "reference", "words"),
    [
        (np.zeros((2, 16, 16, 3)), np.zeros((1, 16, 16, 3)), "the same shape"),
        (np.zeros((1, 16, 16)), np.zeros((1, 16, 16)), "the same shape"),
        (np.full((1, 16, 16, 3), 1.1), np.zeros((1, 16, 16, 3)), "from 1.1 to 1.1"),
        (np.full((1, 16, 16, 3), np.nan), np.zeros((1, 16, 16, 3)), "from nan"),
        (np.zeros((1, 16, 16, 3), int), np.zeros((1, 16, 16, 3)), "got int64"),
    ],
)
def test_what_is_no_image_is_refused(found, reference, words):
    with pytest.raises(ConfigError, match=words):
        psnr(found, reference, RGB)


def test_images_smaller_than_the_window_are_refused():
    small = np.zeros((1, 16, 12, 3), np.uint8)
    assert len(ssim(small, small, REAL_ISR)) == 1
    with pytest.raises(ConfigError, match=r"classic-sr takes images of 19 x 19 px .* got 12 x 16"):
        ssim(small, small, CLASSIC_SR, 4)
    assert len(psnr(small, small, CLASSIC_SR, 4)) == 1
    with pytest.raises(ConfigError, match=r"classic-sr takes images of 13 x 13 px .* got 12 x 16"):
        psnr(small, small, CLASSIC_SR, 6)
