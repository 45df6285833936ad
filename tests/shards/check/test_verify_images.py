"""Verify: images of one channel and of 16 bits are checked as planned, never converted."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pairgen.shards.check.report import Report
from pairgen.shards.check.verify import verify
from pairgen.shards.format.image_encoding import encode_image
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.local_store import LocalStore
from tests.image_sets import HEIGHT, WIDTH, image_overlay_plan, pixels, write_images
from tests.small_sets import write_set


def verified(root: Path, name: str = "", stored: bytes = b"") -> Report:
    """Verify an overlay of condition images, with another image in one of its samples."""

    def pixels_of(member: str, spec: Any, index: int) -> np.ndarray | bytes:
        return stored if (member, index) == (name, 5) else pixels(spec, index)

    parent = read_plan(write_set(root / "set"))
    return verify(
        LocalStore(Path(write_images(root / "conditions", image_overlay_plan(parent), pixels_of)))
    )


def zeros(channels: int, dtype: str, height: int = HEIGHT) -> bytes:
    return encode_image(np.zeros((height, WIDTH, channels), dtype), "png")


def test_planned_conditions_are_clean(tmp_path: Path) -> None:
    assert verified(tmp_path).clean


@pytest.mark.parametrize(
    ("name", "stored", "kind", "finding"),
    [
        ("mask.png", zeros(3, "uint8"), "shape", "mask.png does not have the shape [48, 64, 1]"),
        ("depth.png", zeros(1, "uint8"), "dtype", "depth.png is not uint16"),
        ("canny.png", zeros(1, "uint16"), "dtype", "canny.png is not uint8"),
        ("depth.png", zeros(1, "uint16", 8), "shape", "depth.png does not have the shape [48, 64"),
        ("depth.png", zeros(1, "uint16")[:60], "unreadable", "depth.png cannot be read"),
    ],
)
def test_other_conditions_are_found(
    tmp_path: Path, name: str, stored: bytes, kind: str, finding: str
) -> None:
    (problem,) = verified(tmp_path, name, stored).problems
    assert problem.kind == kind
    assert finding in problem.detail
    assert "000000005" in problem.detail
