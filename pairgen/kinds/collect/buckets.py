"""Aspect-ratio buckets: a few shapes of about equal area, one of which fits an image best.

Every width from half to twice the size is a bucket, with the largest height that keeps the area at
most size x size; and so is its transpose. Aspect ratios go from 1:4 to 4:1. Sides are multiples of
64 pixels, or of 1/8 of a size below 512, which is a multiple of 8: a latent of any autoencoder
that halves up to three times.

Reference:
    NovelAI 2022, novelai-aspect-ratio-bucketing (the rule, and the nearest ratio by its logarithm);
    kohya-ss sd-scripts, `make_bucket_resolutions` (square area, step 64: these lists at 512 and
    1024); Podell et al. 2023, "SDXL", section 2.3.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

from pairgen.kinds.images.additions import with_images
from pairgen.seeding import Stream, generator_for
from pairgen.shards.format.image_member import is_image
from pairgen.shards.format.input_lists import LIST_SHA256
from pairgen.shards.format.subsets import BUCKETS
from pairgen.sources.image_list import ImageSummary
from pairgen.sources.photographs import ImageSize
from pairgen.types import Plan

STEP = 64
# What the source of the whole says of its own lists.
OF_LISTS = (LIST_SHA256, "additions")


def aspect_ratio(shape: ImageSize) -> float:
    """Return width divided by height."""
    return shape.width / shape.height


@cache
def bucket_shapes(size: int) -> tuple[ImageSize, ...]:
    """Return the buckets for a size that is a multiple of 64, the narrowest first."""
    step = min(STEP, size // 8)
    shapes = set()
    for side in range(size // 2, 2 * size + 1, step):
        other = size * size // side // step * step
        shapes |= {ImageSize(side, other), ImageSize(other, side)}
    return tuple(sorted(shapes, key=aspect_ratio))


def nearest_shape(shapes: Sequence[ImageSize], size: ImageSize) -> ImageSize:
    """Return the shape whose aspect ratio is nearest in its logarithm; the narrower of two.

    Args:
        shapes: Shapes with ascending aspect ratios.
        size: The image's own size.
    """
    for shape, wider in pairwise(shapes):
        # Below the geometric mean of both ratios. In integers: the same on every machine.
        mean = shape.width * wider.width, shape.height * wider.height
        if size.width**2 * mean[1] <= size.height**2 * mean[0]:
            return shape
    return shapes[-1]


def shape_in(recipe: Mapping[str, Any], size: ImageSize) -> ImageSize:
    """Return the shape that a recipe gives an image of this size: its bucket, or the square."""
    if BUCKETS not in recipe:
        return ImageSize(recipe["size"], recipe["size"])
    return nearest_shape([ImageSize(*shape) for shape in recipe[BUCKETS]], size)


def as_lists(shapes: Sequence[ImageSize]) -> list[list[int]]:
    """Return shapes as plain data, [width, height]."""
    return [[shape.width, shape.height] for shape in shapes]


def bucket_name(shape: ImageSize) -> str:
    """Return the name of a bucket's sub-set."""
    return f"{shape.width}x{shape.height}"


def bucket_counts(counts: Mapping[ImageSize, int]) -> str:
    """Return how many images each bucket has, the narrowest first, as text."""
    each = (f"{bucket_name(shape)} {counts[shape]:,}" for shape in sorted(counts, key=aspect_ratio))
    return f"Images in each bucket: {', '.join(each)}."


def bucket_plan(whole: Plan, shape: ImageSize, lists: Sequence[tuple[str, ImageSummary]]) -> Plan:
    """Return the plan of the sub-set of one bucket.

    Its seed is drawn from the whole's and the shape: equal slots of two sub-sets share no draw,
    neither of crops and flips nor of what annotators draw later.

    Args:
        whole: The plan of all images.
        shape: The bucket.
        lists: The lists of its images, with where they come from: the first, and what it gained.
    """
    (_, images), *gained = lists
    generator = generator_for(whole.seed, shape.width, Stream.BUCKET, part=shape.height)
    plan = replace(
        whole,
        seed=int(generator.integers(2**63)),
        num_samples=images.num_slots,
        source={
            **{name: value for name, value in whole.source.items() if name not in OF_LISTS},
            "sha256": images.sha256,
            "num_inputs": images.num_accepted,
            "num_captions": images.num_captions,
            "num_tags": images.num_tags,
            # Images are refused before they have a bucket: the whole counts them.
            "num_rejected": 0,
            "num_skipped": 0,
        },
        recipe={**whole.recipe, BUCKETS: as_lists([shape])},
        # Texts and classes are those of the whole, so that all sub-sets have the same members.
        members={
            name: {**spec, "shape": [shape.height, shape.width, 3]} if is_image(name) else spec
            for name, spec in whole.members.items()
        },
    )
    for name, summary in gained:
        plan = with_images(plan, name, summary)
    return plan
