"""Operations one by one against the reference implementation of each."""

import io
import math

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from pairgen import plugins
from pairgen.degradations._codec import recoded
from pairgen.degradations._convolve import convolve
from pairgen.degradations._jpeg_tables import tables_of, through_jpeg
from pairgen.degradations._kernels import gaussian, plateau, sinc
from pairgen.degradations._resample import resample, resample_by
from pairgen.degradations.base import Target, field_generator, to_levels
from pairgen.errors import ConfigError
from tests.degradations.oracle import basicsr
from tests.degradations.pictures import make_picture
from tests.degradations.reference import quantiles

TARGET = Target(level=4, size=(24, 20))
LEVEL = 1 / 255


def planes(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image.copy()).permute(2, 0, 1)[None]


def channels_last(tensor: torch.Tensor) -> np.ndarray:
    return tensor[0].permute(1, 2, 0).numpy()


def filtered(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Return what basicsr's filter2D makes of an image."""
    weights = torch.from_numpy(kernel).float()[None]
    return channels_last(basicsr("utils/img_process_util").filter2D(planes(image), weights))


@pytest.mark.parametrize("size", [3, 7, 11, 13, 21])
@pytest.mark.parametrize(
    "make",
    [
        lambda k: gaussian(k, (0.4, 2.7), 0.9),
        lambda k: sinc(k, 1.2),
        lambda k: plateau(k, (3, 1), -0.3, 1.5),
    ],
)
def test_convolution_is_basicsrs_whatever_way_is_taken(size, make):
    image, kernel = make_picture(), make(size)
    np.testing.assert_allclose(convolve(image, kernel), filtered(image, kernel), atol=1e-5)


def test_the_round_blur_is_the_separable_gaussian():
    image, blur = make_picture(), plugins.build("degradations", "isotropic_blur")
    for size, sigma in ((7, 0.2), (13, 1.1), (21, 3.0)):
        found = blur.apply(image, {"kernel_size": size, "sigma": sigma}, TARGET)
        expected = filtered(image, gaussian(size, (sigma, sigma), 0))
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("mode", ["area", "bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(24, 20), (37, 61), (96, 80), (144, 120), (1, 1)])
def test_resampling_is_torchs(mode, size):
    image = make_picture()
    options = {} if mode == "area" else {"align_corners": False}
    expected = channels_last(F.interpolate(planes(image), size, mode=mode, **options))
    np.testing.assert_allclose(resample(image, size, mode), expected, atol=2e-5)


@pytest.mark.parametrize("mode", ["area", "bilinear", "bicubic"])
@pytest.mark.parametrize("factor", [0.1537, 0.3, 0.777, 1, 1.002, 1.01, 1.0001, 1.37, 1.5])
@pytest.mark.parametrize("size", [(97, 81), (21, 200)])
def test_resampling_by_a_factor_is_torchs(mode, factor, size):
    image = make_picture(*size)
    expected = channels_last(F.interpolate(planes(image), scale_factor=factor, mode=mode))
    np.testing.assert_allclose(resample_by(image, factor, mode), expected, atol=2e-5)


@pytest.mark.parametrize("mode", ["area", "bilinear", "bicubic"])
def test_a_factor_that_leaves_less_than_a_pixel_gives_one(mode):
    image = make_picture(97, 81)
    assert resample_by(image, 0.0101, mode).shape == (1, 1, 3)
    if mode == "bilinear":
        # (0 + 0.5) / 0.004 lies beyond the far corner.
        np.testing.assert_allclose(resample_by(image, 0.004, mode)[0, 0], image[-1, -1])


@pytest.mark.parametrize(("positions", "place"), [("scale", 503.7), ("size", 508.2)])
def test_where_the_last_pixel_of_512_lies(positions, place):
    ramp = np.broadcast_to(np.arange(512, dtype=np.float32)[:, None], (512, 512))[..., None]
    resize = plugins.build("degradations", "resize", positions=positions)
    draw = {"factor": 0.1537, "mode": "bilinear"}
    found = resize.apply(np.repeat(ramp, 3, axis=2), draw, TARGET)
    assert found.shape == (78, 78, 3)
    # Pixel i of the ramp has its middle at i + 0.5.
    assert found[-1, 0, 0] + 0.5 == pytest.approx(place + 0.5, abs=0.06)


def test_positions_by_scale_are_refused_where_they_are_not_defined():
    with pytest.raises(ConfigError, match="positions must be size where of_target is true"):
        plugins.build("degradations", "resize", positions="scale", of_target=True)
    with pytest.raises(ConfigError, match="the modes area, bilinear, bicubic, got lanczos"):
        plugins.build("degradations", "resize", positions="scale", modes=["area", "lanczos"])
    with pytest.raises(ConfigError, match="positions must be one of size, scale, got 'factor'"):
        plugins.build("degradations", "resize", positions="factor")


def test_antialiased_bicubic_is_pillows():
    image = make_picture()
    expected = Image.fromarray((image * 255).round().astype(np.uint8)).resize((20, 24), 3)
    found = resample(image, (24, 20), "bicubic-antialias").clip(0, 1) * 255
    assert np.abs(found - np.asarray(expected, np.float32)).max() <= 1.01


def test_lanczos_is_opencvs():
    image = make_picture()
    expected = cv2.resize(image, (61, 37), interpolation=cv2.INTER_LANCZOS4)
    np.testing.assert_array_equal(resample(image, (37, 61), "lanczos"), expected)


def test_a_factor_rounds_the_size_down_and_may_be_of_the_target():
    image, resize = make_picture(97, 81), plugins.build("degradations", "resize")
    assert resize.apply(image, {"factor": 0.5, "mode": "area"}, TARGET).shape == (48, 40, 3)
    of_target = plugins.build("degradations", "resize", of_target=True, factor=(0.3, 1.2))
    assert of_target.apply(image, {"factor": 1.2, "mode": "area"}, TARGET).shape == (28, 24, 3)
    assert of_target.apply(image, {"factor": 0.01, "mode": "area"}, TARGET).shape == (1, 1, 3)


@pytest.mark.parametrize("gray", [False, True])
def test_gaussian_noise_is_its_field_times_sigma(gray):
    flat, noise = (
        np.full((400, 400, 3), 0.5, np.float32),
        plugins.build("degradations", "gaussian_noise"),
    )
    draw = {"sigma": 12.0, "gray": gray, "field_seed": 5}
    added = noise.apply(flat, draw, TARGET) - flat
    field = field_generator(5, 4).standard_normal((400, 400, 1 if gray else 3), np.float32)
    np.testing.assert_allclose(added, np.broadcast_to(field, flat.shape) * 12 / 255, atol=1e-6)
    assert added.std() * 255 == pytest.approx(12, rel=0.01)
    assert added.mean() * 255 == pytest.approx(0, abs=0.1)
    correlation = np.corrcoef(added[..., 0].ravel(), added[..., 2].ravel())[0, 1]
    assert correlation == pytest.approx(float(gray), abs=0.02)


def test_every_level_has_its_own_field_and_the_same_draw_the_same():
    flat, noise = (
        np.full((64, 64, 3), 0.5, np.float32),
        plugins.build("degradations", "gaussian_noise"),
    )
    draw = noise.draw(np.random.default_rng(0))
    fields = [noise.apply(flat, draw, Target(level, (8, 8))) - flat for level in (2, 4, 4)]
    np.testing.assert_array_equal(fields[1], fields[2])
    assert abs(np.corrcoef(fields[0].ravel(), fields[1].ravel())[0, 1]) < 0.05


@pytest.mark.parametrize("gray", [0, 1])
def test_poisson_noise_is_basicsrs_when_the_counts_are_the_same(monkeypatch, gray):
    image, scale = make_picture(), 1.7
    given = []

    def counts(rate):
        given.append(rate)
        drawn = quantiles(rate.permute(0, 2, 3, 1)[0].numpy(), field_generator(9, 4))
        return torch.from_numpy(drawn).permute(2, 0, 1)[None].float()

    oracle = basicsr("data/degradations")
    monkeypatch.setattr(torch, "poisson", counts)
    if gray:
        # The published code draws a gray and a coloured field and keeps one.
        expected = oracle.generate_poisson_noise_pt(planes(image), scale, torch.ones(1))
    else:
        expected = oracle.generate_poisson_noise_pt(planes(image), scale, 0)
    expected = channels_last(planes(image) + expected).clip(0, 1)
    noise = plugins.build("degradations", "poisson_noise")
    found = noise.apply(image, {"scale": scale, "gray": bool(gray), "field_seed": 9}, TARGET)
    assert given
    # A count may differ where float32 rounds its rate in another way.
    assert np.mean(np.abs(found - expected) > 1e-5) < 1e-3


def test_poisson_noise_has_the_variance_of_counts():
    flat = np.full((500, 500, 3), 102 / 255, np.float32)
    flat[:16, :16, 0] = (np.arange(256) / 255).reshape(16, 16)
    noise = plugins.build("degradations", "poisson_noise")
    added = noise.apply(flat, {"scale": 1.0, "gray": False, "field_seed": 3}, TARGET) - flat
    # 256 values: white is 256 counts, so the variance is the brightness over 256.
    assert added[20:].var() == pytest.approx(0.4 / 256, rel=0.02)


@pytest.mark.parametrize("quality", [1, 30, 75, 100])
def test_jpeg_is_the_codec_that_pillow_has(quality):
    image, jpeg = make_picture(), plugins.build("degradations", "jpeg")
    found = jpeg.apply(image, {"quality": quality}, TARGET)
    buffer = io.BytesIO()
    Image.fromarray((image * 255).round().astype(np.uint8)).save(
        buffer, "JPEG", quality=quality, subsampling="4:2:0"
    )
    expected = np.asarray(Image.open(buffer), np.float32) / 255
    # The two may use another inverse transform of the same libjpeg.
    assert np.abs(found - expected).max() <= 3 * LEVEL
    assert np.abs(found - expected).mean() <= 0.1 * LEVEL


@pytest.mark.parametrize("quality", [30.3, 47.5, 49.99, 50.0, 60.45, 94.9])
def test_the_tables_of_a_real_quality_are_the_published_ones_as_whole_numbers(quality):
    published = basicsr("utils/diffjpeg")
    factor = published.quality_to_factor(quality)
    for found, table in zip(
        tables_of(quality), (published.y_table, published.c_table), strict=True
    ):
        # The published tables are transposed, and stay real.
        real = table.detach().double().numpy().T.ravel() * factor
        assert np.abs(np.array(found) - real.clip(1, 255)).max() <= 0.5 + 1e-6


@pytest.mark.parametrize("quality", [25, 50, 60, 77, 95])
def test_a_whole_quality_as_a_real_number_is_the_codecs_own(quality):
    levels = to_levels(make_picture())
    sampling = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    expected = recoded(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, quality, *sampling])
    np.testing.assert_array_equal(through_jpeg(levels, float(quality)), expected)


def test_a_quality_is_drawn_whole_or_real():
    whole = plugins.build("degradations", "jpeg", quality=(90, 92))
    real = plugins.build("degradations", "jpeg", quality=(90, 92), whole_quality=False)
    drawn = [
        [jpeg.draw(np.random.default_rng(n))["quality"] for n in range(60)]
        for jpeg in (whole, real)
    ]
    assert set(drawn[0]) == {90, 91, 92}
    assert len(set(drawn[1])) == 60
    assert 90 <= min(drawn[1]) < max(drawn[1]) < 92
    image = make_picture()
    near = [real.apply(image, {"quality": each}, TARGET) for each in (60.2, 60.4)]
    assert 0 < np.abs(near[0] - near[1]).mean() < 0.02


def test_webp_gets_worse_with_lower_quality():
    image, webp = make_picture(), plugins.build("degradations", "webp")
    errors = [
        float(np.square(webp.apply(image, {"quality": quality}, TARGET) - image).mean())
        for quality in (10, 50, 95)
    ]
    assert errors == sorted(errors, reverse=True)
    assert -10 * math.log10(errors[2]) > 26


def test_what_overshoots_is_clipped_before_a_codec():
    image, jpeg = make_picture(), plugins.build("degradations", "jpeg")
    beyond = image * 1.4 - 0.2
    np.testing.assert_array_equal(
        jpeg.apply(beyond, {"quality": 90}, TARGET),
        jpeg.apply(beyond.clip(0, 1), {"quality": 90}, TARGET),
    )


def test_unsharp_masking_is_basicsrs():
    image, sharpen = make_picture(), plugins.build("degradations", "unsharp_mask")
    found = sharpen.apply(image, sharpen.draw(np.random.default_rng(0)), TARGET)
    oracle = basicsr("utils/img_process_util")
    for expected in (oracle.usm_sharp(image), channels_last(oracle.USMSharp()(planes(image)))):
        np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_decimation_keeps_the_middles_of_blocks(scale):
    decimate = plugins.build("degradations", "decimate")
    ramp = np.broadcast_to(np.linspace(0, 1, 96, dtype=np.float32)[None, :, None], (96, 96, 3))
    target = Target(scale, (96 // scale, 96 // scale))
    found = decimate.apply(np.ascontiguousarray(ramp), {"width": 0.2}, target)
    middles = np.ascontiguousarray(ramp).reshape(96, 96 // scale, scale, 3).mean(axis=2)[::scale]
    inside = slice(16 // scale, -16 // scale)
    np.testing.assert_allclose(found[inside, inside], middles[inside, inside], atol=1e-5)


def test_widths_grow_with_the_scale_and_halve_with_the_image():
    blur = plugins.build("degradations", "scaled_blur")
    assert blur.sigmas({"round": True, "width_x": 0.5}, 4) == pytest.approx((1.4, 1.4))
    long = {"round": False, "width_x": 0.5, "width_y": 0.125, "angle": 0.0}
    assert blur.sigmas(long, 4) == pytest.approx((2.0, 1.0))
    assert Target(4, (8, 8)).scale == 4
    assert Target(4, (8, 8), num_halvings=1).scale == 2


def test_halving_happens_at_its_levels_only_and_what_follows_has_half_the_scale():
    halved = plugins.build(
        "degradations", "halved", levels=(4,), operations=[{"shrink": {"beyond": 1}}]
    )
    draw = {"halved": True, "mode": "bilinear", "operations": [{"shrink": {"amount": 1.0}}]}
    draw["operations"][0]["shrink"]["mode"] = "area"
    image = make_picture(96, 96)
    for level, size in ((2, 48), (4, 24), (8, 12)):
        assert halved.apply(image, draw, Target(level, (1, 1))).shape == (size, size, 3)
    draw["operations"] = []
    empty = plugins.build("degradations", "halved")
    assert empty.apply(image, draw, Target(4, (1, 1))).shape == (48, 48, 3)
    assert empty.apply(image, draw, Target(2, (1, 1))).shape == (96, 96, 3)


def test_correlated_noise_has_its_covariance():
    noise = plugins.build("degradations", "correlated_noise", sigma=10)
    flat = np.full((600, 600, 3), 0.5, np.float32)
    for number in range(5):
        draw = noise.draw(np.random.default_rng(number))
        added = (noise.apply(flat, draw, TARGET) - flat).reshape(-1, 3) * 25.5
        # The matrix of absolute values, without the signs of its eigenvalues.
        values, axes = np.linalg.eigh(np.array(draw["covariance"]))
        expected = axes @ np.diag(np.abs(values)) @ axes.T
        np.testing.assert_allclose(np.cov(added.T), expected, atol=0.01)


def test_whole_standard_deviations_are_whole():
    noise = plugins.build("degradations", "gaussian_noise", sigma=(2, 4), whole_sigma=True)
    drawn = {noise.draw(np.random.default_rng(number))["sigma"] for number in range(100)}
    assert drawn == {2.0, 3.0, 4.0}


def test_clipping_clips():
    clip = plugins.build("degradations", "clip")
    found = clip.apply(np.array([[[-0.2, 0.4, 1.3]]], np.float32), {}, TARGET)
    np.testing.assert_array_equal(found, np.array([[[0, 0.4, 1]]], np.float32))
