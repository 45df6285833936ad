"""A negative prompt that the text encoder cuts is told and flagged, or refused."""

from pathlib import Path

import pytest

from pairgen.errors import ConfigError
from pairgen.jobs.ode.run import run_ode
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store

ODE = {"model": "tiny", "cfg": 4, "steps": 1, "num_samples": 1, "executor": "serial"}
LONG = "blurry " * 200


@pytest.mark.parametrize(("negative", "is_cut"), [(LONG, True), ("blurry", False), ("", False)])
def test_a_negative_prompt_that_is_cut_is_flagged(
    negative: str, is_cut: bool, tmp_path: Path
) -> None:
    said: list[str] = []
    run_ode({**ODE, "negative_prompt": negative, "out": str(tmp_path / "out")}, said.append)
    plan = read_plan(open_store(str(tmp_path / "out")))
    assert plan.resolved.get("negative_prompt_truncated", False) == is_cut
    told = [line for line in said if line.startswith("The negative prompt is cut: it has ")]
    assert len(told) == is_cut
    # The folder is continued by the same plan.
    again = read_plan(open_store(str(tmp_path / "out"))).fingerprint()
    run_ode({**ODE, "negative_prompt": negative, "out": str(tmp_path / "out")}, said.append)
    assert read_plan(open_store(str(tmp_path / "out"))).fingerprint() == again


def test_a_negative_prompt_that_would_be_cut_is_refused_on_request(tmp_path: Path) -> None:
    options = {**ODE, "negative_prompt": LONG, "long_prompts": "reject"}
    with pytest.raises(ConfigError, match=r"negative_prompt has .* tokens, the teacher reads"):
        run_ode({**options, "out": str(tmp_path / "out")}, lambda _: None)
    assert not (tmp_path / "out").exists()
