"""The options of `pairgen degrade`: levels from scales, and one sentence for what is wrong."""

import pytest

from pairgen.errors import ConfigError
from pairgen.kinds.degrade.options import DegradeConfig


@pytest.mark.parametrize(
    ("options", "levels"),
    [
        ({}, (2, 4)),
        ({"scales": "4,8"}, (2, 4, 8)),
        ({"scales": [16]}, (8, 16)),
        ({"scales": 2}, (2,)),
        ({"scales": "8,2"}, (2, 4, 8)),
        ({"scales": "8", "levels": "8"}, (8,)),
    ],
)
def test_each_scale_brings_its_half(options, levels):
    assert DegradeConfig(**options).stored_levels == levels


@pytest.mark.parametrize(
    ("options", "gpus"),
    [
        ({}, 0),
        ({"pixel_path": "torch"}, 1),
        ({"pixel_path": "torch", "gpus_per_worker": 0.25}, 0.25),
        ({"gpus_per_worker": 1}, 1),
    ],
)
def test_a_worker_asks_for_a_gpu_where_it_can_use_one(options, gpus):
    assert DegradeConfig(**options).gpus_per_worker == gpus


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scales": "3"}, "scales must be some of 2, 4, 8, 16, got '3'"),
        ({"scales": ""}, "scales must be some of"),
        ({"scales": "4,4"}, "scales holds a value twice"),
        ({"levels": "5"}, "levels must be some of"),
        ({"crop": 500, "scales": "8"}, "crop must be a multiple of the largest level, 8, got 500"),
        ({"crop": "wide"}, "crop must be an integer"),
        ({"crops": "grid"}, "crops must be one of random, tiled"),
        ({"hr_format": "gif"}, "hr_format must be one of"),
        ({"samples_per_image": 0}, "samples_per_image must be an integer"),
        ({"max_aspect": 0.5}, "max_aspect must be a number"),
        ({"min_sharpness": "nan"}, "min_sharpness must be a number"),
        ({"images": 3}, "images must be paths"),
        ({"pixel_path": "gpu"}, "pixel_path must be one of cpu, torch, got 'gpu'"),
        ({"batch_size": 0}, "batch_size must be an integer in 1..4,096, got 0"),
        ({"scale": "4"}, r"Unknown key 'scale' .*did you mean 'scales'"),
    ],
)
def test_a_wrong_option_is_one_sentence(options, message):
    with pytest.raises(ConfigError, match=message):
        DegradeConfig(**options)
