"""What the end of a command says of too many rejected inputs, and of an unknown method."""

from pathlib import Path

import pytest

from pairgen.cli.result import over_limit
from pairgen.errors import ConfigError
from pairgen.training.config import make_train_config
from tests.runs import QUICK_ODE, run


def test_the_share_and_the_limit_are_named():
    told = over_limit(1 / 3, 0.01)
    assert told == "(33.3 %), more than --max-rejected allows (1 %)."


@pytest.mark.parametrize("method", ["NOPE", "regresion"])
def test_an_unknown_method_is_told_first(method: str):
    with pytest.raises(ConfigError, match=f"There is no method '{method}'"):
        make_train_config({"method": method})
    for known in ("regression", "latent-lpips"):
        with pytest.raises(ConfigError, match="data must name at least one dataset"):
            make_train_config({"method": known})


@pytest.mark.slow
def test_a_continued_set_tells_how_much_is_there(tmp_path: Path):
    out = tmp_path / "set"
    run("ode", **{**QUICK_ODE, "num_samples": 16}, shard_range="1/2", out=out)
    again = run("ode", executor="serial", out=out)
    assert "8 of 16 samples (50%) are there." in again.stderr
