"""Buckets: the published lists, the nearest one, and plans whose draws never meet."""

import math

import numpy as np
import pytest

from pairgen.errors import ConfigError
from pairgen.kinds.collect.buckets import (
    bucket_name,
    bucket_plan,
    bucket_shapes,
    nearest_shape,
    shape_in,
)
from pairgen.kinds.collect.options import CollectConfig
from pairgen.kinds.collect.plan import make_collect_plan
from pairgen.shards.format.subsets import BUCKETS
from pairgen.sources.image_list import ImageSummary
from pairgen.sources.photographs import ImageSize

# make_bucket_resolutions((512, 512), 256, 1024, 64) of kohya-ss sd-scripts, library/model_util.py.
KOHYA_512 = """
256x832 256x896 256x960 256x1024 320x704 320x768 384x640 448x576 512x512 576x448 640x384 704x320
768x320 832x256 896x256 960x256 1024x256
"""
SOURCE = {
    "name": "photos",
    "sha256": "ab",
    "num_inputs": 9,
    "num_captions": 2,
    "num_rejected": 3,
    "num_skipped": 1,
    "num_classes": 4,
    "num_tags": 0,
}


def test_the_list_at_512_is_the_published_one():
    assert sorted(map(bucket_name, bucket_shapes(512))) == sorted(KOHYA_512.split())


@pytest.mark.parametrize("size", [64, 128, 192, 512, 768, 1024])
def test_buckets_fill_the_area_in_steps_that_a_latent_can_have(size: int):
    shapes = bucket_shapes(size)
    step = min(64, size // 8)
    assert step % 8 == 0
    assert ImageSize(size, size) in shapes
    for shape in shapes:
        assert ImageSize(shape.height, shape.width) in shapes
        assert shape.width % step == shape.height % step == 0
        assert 0.75 * size**2 < shape.width * shape.height <= size**2
        assert max(shape.width, shape.height) <= 4 * min(shape.width, shape.height)
    ratios = [shape.width / shape.height for shape in shapes]
    assert ratios == sorted(set(ratios))


def test_the_nearest_bucket_has_the_nearest_logarithm_of_its_ratio():
    shapes, generator = bucket_shapes(512), np.random.default_rng(1)
    for width, height in generator.integers(1, 5000, size=(2000, 2)).tolist():
        distances = [abs(math.log(width * s.height / (height * s.width))) for s in shapes]
        found = nearest_shape(shapes, ImageSize(width, height))
        assert distances[shapes.index(found)] == pytest.approx(min(distances), abs=1e-12)
        # A portrait and its landscape are treated alike.
        turned = nearest_shape(shapes, ImageSize(height, width))
        assert turned == ImageSize(found.height, found.width)
    assert bucket_name(nearest_shape(shapes, ImageSize(1920, 1080))) == "640x384"
    assert bucket_name(nearest_shape(shapes, ImageSize(9999, 100))) == "1024x256"


def whole_plan(**options: object):
    config = CollectConfig(size=64, bucket=True, seed=7, **options)
    return make_collect_plan(config, "images", SOURCE, 9, {})


def test_a_sub_set_has_the_members_of_the_whole_in_its_own_shape():
    whole = whole_plan()
    images = [("a", ImageSummary(sha256="cd", num_accepted=4, num_slots=4))]
    plan = bucket_plan(whole, ImageSize(80, 48), images)
    assert plan.members.keys() == whole.members.keys() >= {"txt", "cls", "png"}
    assert plan.members["png"] == {"dtype": "uint8", "shape": [48, 80, 3]}
    assert (plan.num_samples, plan.source["sha256"], plan.source["num_rejected"]) == (4, "cd", 0)
    assert shape_in(plan.recipe, ImageSize(100, 100)) == ImageSize(80, 48)
    assert shape_in(whole.recipe, ImageSize(100, 100)) == ImageSize(64, 64)


def test_every_bucket_draws_from_its_own_seed():
    images = [("a", ImageSummary(sha256="cd", num_accepted=4, num_slots=4))]
    whole = whole_plan()
    seeds = [bucket_plan(whole, shape, images).seed for shape in bucket_shapes(1024)]
    assert len({*seeds, whole.seed}) == len(seeds) + 1
    assert all(0 <= seed < 2**63 for seed in seeds)
    other = bucket_plan(whole_plan(), ImageSize(512, 2048), images)
    assert other.seed == seeds[0]


def test_a_plan_without_buckets_says_nothing_of_them():
    plan = make_collect_plan(CollectConfig(size=100), "images", SOURCE, 9, {})
    assert BUCKETS not in plan.recipe
    assert shape_in(plan.recipe, ImageSize(300, 200)) == ImageSize(100, 100)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 100}, "size must be a multiple of 64 with bucket, got 100"),
        ({"format": "keep"}, "bucket is for images that are resized, not for format keep"),
        ({"hr": "a", "lr": "b"}, "bucket is for images that are resized, not for pairs"),
        ({"from_ode": "a"}, "not for the samples of from_ode: leave it out"),
    ],
)
def test_what_buckets_cannot_be(options: dict[str, object], message: str):
    with pytest.raises(ConfigError, match=message):
        CollectConfig(**{"size": 64, "bucket": True, **options})
