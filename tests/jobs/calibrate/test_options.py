"""Options of `pairgen calibrate`: every wrong one is a sentence that names it."""

import pytest

from pairgen.errors import ConfigError
from pairgen.jobs.calibrate.options import SHARED_OPTIONS, CalibrateConfig
from pairgen.kinds.ode.options import OdeConfig


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tolerence": "2%"}, r"Unknown key 'tolerence'.*did you mean 'tolerance'"),
        ({"tolerance": 2}, r"tolerance must be a share in \(0, 1\) such as 2% or 0.02, got 2"),
        ({"tolerance": "0%"}, r"tolerance must be a share"),
        ({"tolerance": "100%"}, r"tolerance must be a share"),
        ({"tolerance": "nan"}, r"tolerance must be a share"),
        ({"tolerance": "two"}, r"tolerance must be a share.*'two'"),
        ({"tolerance": True}, r"tolerance must be a share"),
        ({"solvers": "ddim"}, r"solvers must be SOLVER/SPACING, such as ddim/trailing, got 'ddim'"),
        (
            {"solvers": "dimm/trailing"},
            r"the solver of solvers must be one of ddim.*did you mean 'ddim'",
        ),
        ({"solvers": "ddim/999"}, r"the grid of solvers must be one of leading"),
        ({"solvers": ""}, r"solvers must not be empty"),
        ({"steps": "10,10"}, r"steps holds a value twice: 10, 10"),
        ({"steps": "10,ten"}, r"steps must be an integer >= 1, got 'ten'"),
        ({"dtypes": "float8"}, r"dtypes must be one of float32"),
        ({"reference_steps": 101}, r"reference_steps must be even"),
        ({"reference_steps": 0}, r"reference_steps must be an integer >= 2"),
        ({"steps": 200}, r"must not be those of the reference, 200"),
        ({"num_prompts": 0}, r"num_prompts must be an integer in 1\.\.1,000,000"),
        ({"cfg": ""}, r"at least one guidance scale"),
        ({"end": "zero"}, r"end must be one of t0, clean"),
    ],
)
def test_a_wrong_option_is_named_with_what_is_allowed(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CalibrateConfig(**options)


@pytest.mark.parametrize("tolerance", ["2%", "2 %", "0.02", 0.02])
def test_a_tolerance_is_a_share_or_percent(tolerance: object) -> None:
    assert CalibrateConfig(tolerance=tolerance).tolerance == pytest.approx(0.02)


def test_lists_are_read_from_text_yaml_and_numbers() -> None:
    for steps in ("10, 20", [10, 20], (10, 20)):
        assert CalibrateConfig(steps=steps).steps == (10, 20)
    assert CalibrateConfig(steps=7).steps == (7,)
    assert CalibrateConfig(solvers="ddim/logsnr").solvers == ("ddim/logsnr",)


def test_settings_are_the_product_with_float32_first() -> None:
    config = CalibrateConfig(solvers="ddim/trailing,heun/logsnr", steps="4,8")
    found = [(each.dtype, each.solver, each.steps) for each in config.settings("float16")]
    one = [("ddim", 4), ("ddim", 8), ("heun", 4), ("heun", 8)]
    assert found == [(dtype, *each) for dtype in ("float32", "float16") for each in one]
    assert {each.dtype for each in config.settings("float32")} == {"float32"}


def test_what_decides_a_sample_is_as_in_the_dataset() -> None:
    config = CalibrateConfig(cfg="3,8", seed=4, end="clean", num_prompts=5)
    [setting, *_] = config.settings("float16")
    options = config.ode_config(setting)
    assert (options.cfg, options.seed, options.num_samples) == ((3.0, 8.0), 4, 10)
    assert (options.solver, options.spacing, options.steps) == ("ddim", "trailing", 10)
    assert (options.end, options.dtype) == ("clean", "float32")
    usual = CalibrateConfig()
    assert all(getattr(usual, name) == getattr(OdeConfig(), name) for name in SHARED_OPTIONS)
