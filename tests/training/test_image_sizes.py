"""HR must be N times as large as LR: seen in the plans, before anything is loaded."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from pairgen.errors import ConfigError
from pairgen.methods._image_pairs import check_sizes
from pairgen.training.image_sizes import check_image_sizes
from pairgen.training.offered import OfferedSet
from tests.image_sets import image_plan, rgb


def check(method: str, hr: str = "png", crop: int = 0, **options: Any) -> None:
    """Check a method on HR of 64 x 48 px, LR at 1/2, and a wrong one at 1/4."""
    members = {hr: rgb(48, 64), "lr2.png": rgb(24, 32), "lr4.png": rgb(12, 20), "txt": {}}
    plan = replace(image_plan(num_samples=4), members=members)
    check_image_sizes(method, options, [OfferedSet("set", plan)], crop)


@pytest.mark.parametrize("hr", ["png", "webp"])
@pytest.mark.parametrize("method", ["yonos", "yonos_decoder", "osediff"])
def test_a_scale_that_is_none_is_refused_with_both_sizes(method, hr):
    check(method, hr, scale=2)
    told = f"^{hr} of set must be 4 times as large as lr4.png, which is 20 x 12 px, got 64 x 48 px"
    with pytest.raises(ConfigError, match=told):
        check(method, hr, scale=4)


def test_the_level_of_a_teacher_is_compared_too():
    # LR at 1/8 is read from moments alone: the plan does not tell its size.
    with pytest.raises(ConfigError, match=r"must be 4 times as large as lr4\.png"):
        check("yonos", scale=8, teacher="x4")


def test_a_crop_must_fit_every_picture_that_is_read():
    check("yonos", scale=2, crop=6)
    with pytest.raises(ConfigError, match=r"crop must be divisible by 2, because lr2\.png of set"):
        check("yonos", scale=2, crop=5)
    with pytest.raises(ConfigError, match="crop must be at most 48"):
        check("yonos", scale=2, crop=50)


def test_stored_latents_of_other_sizes_are_refused_in_the_first_batch():
    hr = torch.zeros(2, 4, 6, 8)
    check_sizes(torch.zeros(2, 4, 6, 8), hr, 4)
    told = "HR must be 4 times as large as LR: here HR is 8 x 6 and LR, enlarged 4 times, 10 x 6"
    with pytest.raises(ConfigError, match=told):
        check_sizes(torch.zeros(2, 4, 6, 10), hr, 4)
