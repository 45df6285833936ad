"""Which plans have levels that follow from each other, and the reason why others have not."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

import pairgen
from pairgen.degradations._resample import MODES, resample
from pairgen.degradations.base import from_levels, to_levels
from pairgen.jobs.degrade.inputs import preset_of
from pairgen.kinds.degrade.options import DegradeConfig
from pairgen.kinds.degrade.plan import make_degrade_plan
from pairgen.kinds.degrade.pyramid import preset_names
from pairgen.methods._images.nested_levels import ANTIALIASED, why_not_nested
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from pairgen.types import Plan
from tests.degradations.pictures import make_picture
from tests.joint_sets import add_images, make_pairs
from tests.plans import small_plan

SOURCE = {"sha256": "0" * 64, "num_inputs": 8, "name": "none", "num_captions": 0}


def degrade_plan(**options: Any) -> Plan:
    config = DegradeConfig(**options)
    return make_degrade_plan(config, preset_of({}, config, None), dict(SOURCE), 8, {})


def plan_of(out: Path) -> Plan:
    return read_plan(open_store(out))


@pytest.mark.parametrize("name", preset_names())
def test_nested_sets_are_and_of_the_others_bicubic_alone(name):
    assert why_not_nested(degrade_plan(degradation=name, scales="4,8", nested=True)) == ""
    reason = why_not_nested(degrade_plan(degradation=name, scales="4,8"))
    if name == "bicubic":
        assert reason == ""
    else:
        assert reason == (
            f"The levels 1/2, 1/4, 1/8 are degraded apart from each other, by the preset {name}: "
            "`pairgen degrade --nested` makes each from the one before."
        )


@pytest.mark.parametrize(
    ("levels", "is_nested"),
    [
        ([{"resize_to_target": {"modes": ["area-weighted", "bicubic-antialias"]}}], True),
        ([{"resize_to_target": {"modes": ["bicubic-antialias"]}}, "resize_back"], True),
        ([{"resize_to_target": {"modes": ["bicubic-antialias"]}}, {"resize_back": {}}], True),
        # Those that alias.
        (["resize_to_target"], False),
        ([{"resize_to_target": None}], False),
        ([{"resize_to_target": {"modes": ["bicubic-antialias", "bicubic"]}}], False),
        ([{"resize_to_target": {"modes": ["bicubic-antialias"]}}, "jpeg"], False),
        ([{"gaussian_noise": {}}, {"resize_to_target": {"modes": ["bicubic-antialias"]}}], False),
        ([{"maybe": {"operations": ["jpeg"]}}, "resize_to_target"], False),
    ],
)
def test_a_preset_that_only_reduces_has_nested_levels(levels, is_nested, tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump({"shared": ["gaussian_noise", "jpeg"], "levels": levels}))
    assert (why_not_nested(degrade_plan(degradation=str(path), scales="4")) == "") == is_nested


def test_reducing_twice_is_reducing_once_where_it_is_taken_for_that():
    assert set(MODES) > {*ANTIALIASED}
    image = from_levels((make_picture(128, 128) * 255).round().astype(np.uint8))
    errors = {}
    for mode in MODES:
        once = to_levels(resample(image, (16, 16), mode))
        half = from_levels(to_levels(resample(image, (32, 32), mode)))
        twice = to_levels(resample(half, (16, 16), mode))
        errors[mode] = np.sqrt(np.mean((once.astype(float) - twice) ** 2))
    assert max(errors[mode] for mode in ANTIALIASED) < 1.5, errors
    assert min(errors[mode] for mode in ("bilinear", "bicubic", "lanczos")) > 3, errors


def test_a_set_with_one_level_or_none_says_so(tmp_path):
    one = "has one level only, 1/4: `pairgen degrade --nested` makes several"
    assert one in why_not_nested(degrade_plan(degradation="bicubic", levels=4))
    picture = Image.fromarray((make_picture(64, 64) * 255).round().astype(np.uint8))
    for name, side in (("hr", 64), ("lr", 16)):
        (tmp_path / name).mkdir()
        picture.resize((side, side)).save(tmp_path / name / "0.png")
    given = {"hr": str(tmp_path / "hr"), "lr": str(tmp_path / "lr"), "scale": 4, "size": 64}
    pairgen.collect(out=str(tmp_path / "pairs"), executor="serial", **given)
    assert one in why_not_nested(plan_of(tmp_path / "pairs"))
    assert why_not_nested(small_plan([1.0], 4)) == "The dataset has no LR."


def test_an_overlay_is_asked_like_a_set(tmp_path):
    pairs = make_pairs(tmp_path / "pairs", num_samples=2)
    overlay = add_images(pairs, nested=True)
    assert why_not_nested(plan_of(pairs)) == "The dataset has no LR."
    assert why_not_nested(plan_of(overlay)) == ""
    apart = add_images(pairs, out=str(tmp_path / "apart"))
    assert "1/2, 1/4 are degraded apart" in why_not_nested(plan_of(apart))
