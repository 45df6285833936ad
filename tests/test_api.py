"""Python calls of earlier versions go on working."""

import pytest

import pairgen
from pairgen import api
from pairgen.execution.forecast.dry_run import DryRun


def test_names_of_earlier_versions_are_those_of_today() -> None:
    for name in ("ode", "degrade", "train", "evaluate", "sample", "verify", "repair"):
        assert getattr(api, name) is getattr(pairgen, name)
    for name in ("run_ode", "run_inspect", "run_train", "run_latent_lpips", "run_replays"):
        assert getattr(api, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'generate'"):
        _ = api.generate


def test_a_dry_run_is_had_from_python(tmp_path) -> None:
    priced = api.run_ode_dry(
        {"model": "gaussian", "cfg": 2, "steps": 2, "out": str(tmp_path / "a")}
    )
    assert isinstance(priced, DryRun)
    assert not (tmp_path / "a").exists()
