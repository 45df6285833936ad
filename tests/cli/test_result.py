"""What the end of a command says of too many rejected inputs, and of an unknown method."""

from pathlib import Path

import pytest
from PIL import Image

from pairgen.cli.result import over_limit, rejected_share
from pairgen.errors import ConfigError
from pairgen.training.config import make_train_config
from tests.runs import QUICK_ODE, run, run_many


def test_the_share_and_the_limit_are_named():
    told = over_limit(rejected_share(1, 3, "image"), 0.01, "set/__meta__/rejected/")
    assert told == (
        "1 of 3 images (33.3 %) was rejected, more than --max-rejected allows (1 %); "
        "reasons: set/__meta__/rejected/."
    )


def test_only_what_happened_is_told_of_a_set_of_which_too_much_is_rejected(tmp_path: Path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/a.jpg").write_text("no image", encoding="utf-8")
    (tmp_path / "broken/b.png").write_text("no image", encoding="utf-8")
    Image.new("RGB", (64, 64), "red").save(tmp_path / "broken/c.png")
    collect = ("collect", "--images", "broken", "--size", "32", "--out", "whole")
    degrade = ("degrade", "--images", "broken", "--crop", "32", "--scales", "2", "--out", "crops")
    crops = (*degrade, "--samples-per-image", "4")
    said, codes = run_many(tmp_path, collect, crops, (*crops, "--max-rejected", "0.5"))
    assert codes == [3, 3, 0], said
    lines = said.splitlines()
    rest = f", more than --max-rejected allows (1 %); reasons: {tmp_path}"
    assert f"Error: 2 of 3 images (66.7 %) were rejected{rest}/whole/__meta__/rejected/." in lines
    assert (
        f"Error: 2 images were rejected beside 4 samples (33.3 %){rest}/crops/__meta__/rejected/."
        in lines
    )
    assert said.count("Next: ") == 1


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
    assert "8 of 16 samples (50 %) are done already." in again.stderr
