"""Options: every wrong one is a sentence that names it."""

import pytest

from pairgen.errors import ConfigError
from pairgen.kinds.ode.options import OdeConfig


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stpes": 50}, r"Unknown key 'stpes'.*did you mean 'steps'"),
        ({"steps": 0}, r"steps must be an integer >= 1, got 0"),
        ({"steps": "many"}, r"steps must be an integer >= 1, got 'many'"),
        ({"steps": True}, r"steps must be an integer"),
        ({"cpu_threads": 999_999}, r"cpu_threads must be an integer in 1..1,024, got 999999"),
        ({"solver": "dimm"}, r"solver must be one of ddim, dpmpp_2m, heun.*'dimm'.*'ddim'"),
        ({"spacing": "karras"}, r"spacing must be one of"),
        ({"cfg": "3,x"}, r"cfg must be a number in \[0, 100\], got 'x'"),
        ({"cfg": "3,3"}, r"cfg holds a value twice"),
        ({"cfg": ""}, r"at least one guidance scale"),
        ({"cfg": float("nan")}, r"cfg must be a number"),
        ({"seed": -1}, r"seed must be an integer in 0\.\."),
        ({"seed": 2**63}, r"seed must be an integer"),
        ({"dtype": "int8"}, r"dtype must be one of float32"),
        ({"compile": "yes"}, r"compile must be true or false, got 'yes'"),
        ({"max_rejected": 2}, r"max_rejected must be a number in \[0, 1\]"),
        ({"limit": 0}, r"limit must be an integer in 1\.\."),
        ({"num_samples": 10**10}, r"num_samples must be an integer"),
        ({"prompts": 7}, r"prompts must be text"),
        ({"executor": "slurm"}, r"executor must be one of auto, serial, ray"),
    ],
)
def test_a_wrong_option_is_named_with_what_is_allowed(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        OdeConfig(**options)


def test_lists_are_read_from_text_yaml_and_numbers() -> None:
    assert OdeConfig(cfg="3, 8").cfg == (3.0, 8.0)
    assert OdeConfig(cfg=[3, 8]).cfg == (3.0, 8.0)
    assert OdeConfig(cfg=8).cfg == (8.0,)
    assert OdeConfig(trajectory="249,999").trajectory == (999.0, 249.0)


def test_a_folder_does_not_remember_where_it_lies_or_ran() -> None:
    remembered = OdeConfig(cfg=8, executor="ray", out="x").remembered()
    assert "executor" not in remembered and "out" not in remembered
    assert remembered["cfg"] == [8.0]
