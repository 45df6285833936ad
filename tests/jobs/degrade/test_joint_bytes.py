"""One set of SHA-256 for a joint set, whoever makes it, after kills too."""

from pathlib import Path

import pytest

import pairgen
from tests.joint_sets import DEGRADED, add_images, make_pairs
from tests.runs import kill_group, receipts, run, shas, start, wait_until

# In one process, like those that start a cluster.
pytestmark = [pytest.mark.xdist_group("ray"), pytest.mark.slow]


@pytest.mark.ray
def test_bytes_are_equal_for_serial_and_ray_with_a_real_decoder(tmp_path: Path, cluster) -> None:
    parent = make_pairs(tmp_path / "pairs", model="tiny")
    expected = shas(add_images(parent, out=str(tmp_path / "serial")))
    assert len(expected) == 6
    out = add_images(parent, out=str(tmp_path / "ray"), executor="ray", num_workers=2)
    assert shas(out) == expected


def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    parent = make_pairs(tmp_path / "pairs", num_samples=120)
    expected = shas(add_images(parent, out=str(tmp_path / "whole")))
    out = tmp_path / "killed"
    asked = {"from_ode": parent, "out": out, **DEGRADED}
    process = start(tmp_path / "log", "degrade", "--overlay", **asked)
    wait_until(lambda: len(receipts(out)) >= 3)
    kill_group(process)
    assert len(receipts(out)) < 30
    result = run("degrade", "--overlay", **asked)
    assert result.returncode == 0, result.stderr
    assert shas(out) == expected
    assert pairgen.verify(out).clean
