"""What the plans of sets of painted pictures say."""

from collections.abc import Mapping
from typing import Any

from pairgen.errors import ConfigError
from pairgen.kinds.images.options import ImageOptions
from pairgen.shards.format.planned_images import is_painted, painted_images, planned_sha256s
from pairgen.sources.painted.images import PaintedImages, num_compositions
from pairgen.sources.painted.names import PAINTED
from pairgen.types import Plan


def painted_source(options: ImageOptions, images: PaintedImages) -> dict[str, Any]:
    """Return a plan's `source` for painted pictures; more of them are the same source."""
    return {
        "name": PAINTED,
        "sha256": images.sha256(),
        "num_inputs": num_compositions(images.split),
        "num_captions": options.num_images,
        "num_rejected": 0,
        "num_skipped": 0,
        # Pictures have tags, edits have instructions.
        "num_tags": 0 if images.edits else options.num_images,
    }


def painted_recipe(options: ImageOptions, source: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a plan's `recipe` says about painted pictures; nothing for other images."""
    return {"painted": {"split": options.split}} if source["name"] == PAINTED else {}


def check_painter(plan: Plan) -> None:
    """Check that this version paints the pictures of a plan; other plans pass.

    Raises:
        ConfigError: It paints other ones.
    """
    if is_painted(plan) and painted_images(plan).sha256s() != planned_sha256s(plan):
        raise ConfigError(
            f"This version of pairgen paints other pictures for {PAINTED} than the one that began "
            "the set: use that version, or give another --out."
        )
