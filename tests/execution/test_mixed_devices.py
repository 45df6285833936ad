"""A set that machines of two kinds made says so everywhere; the kinds are two of the kernel's."""

import json
import os
import subprocess
from pathlib import Path

import pytest

import pairgen
from pairgen.jobs.status.facts import status_text
from tests.execution.ray.test_cluster import free_port, node, open_clusters, wait_for_nodes
from tests.runs import QUICK_ODE, SMALL_SET, command, run, shas

pytestmark = pytest.mark.slow
__all__ = ["open_clusters"]
ROOT = Path(__file__).parents[2]
# Of Linux: what a process starts under it is told that the machine is another.
ELSEWHERE = ["setarch", "i686"]
HERE, THERE = f"cpu {os.uname().machine}", "cpu i686"


def devices(out: Path) -> list[str]:
    paths = sorted(out.glob("__meta__/shards/*.json"))
    return [json.loads(path.read_bytes())["made"]["device"] for path in paths]


def test_parts_made_on_two_kinds_of_machines_are_told_as_mixed(tmp_path: Path) -> None:
    out, whole = tmp_path / "out", tmp_path / "whole"
    pairgen.ode(**QUICK_ODE, out=out, shard_range="1/2")
    line = command("ode", **QUICK_ODE, out=out, shard_range="2/2")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([*ELSEWHERE, *line], check=True, env=environment, capture_output=True)
    made = devices(out)
    assert len(made) == 8 and set(made) == {HERE, THERE}
    num_here = made.count(HERE)
    status = pairgen.status(out).data
    assert status["devices"] == {HERE: num_here, THERE: 8 - num_here}
    assert f"{HERE} {num_here}" in status_text(status) and "(mixed)" in status_text(status)
    assert {each["device"] for each in status["workers"]} == {HERE, THERE}
    report = pairgen.verify(out)
    # This process may have imported more packages, whose versions it records.
    assert report.clean and report.mixes["device"] == (THERE, HERE)
    assert f"Mixed device: {THERE}; {HERE}." in report.table()
    assert "device (mixed)" in run("inspect", str(out)).stdout
    # The kinds are alike in truth, so that the bytes are.
    pairgen.ode(**QUICK_ODE, out=whole)
    assert shas(out) == shas(whole)
    assert "mixed" not in status_text(pairgen.status(whole).data)


@pytest.mark.ray
def test_the_end_of_a_ray_run_tells_how_many_shards_each_kind_made(tmp_path: Path) -> None:
    port, out = free_port(), tmp_path / "out"
    address = f"127.0.0.1:{port}"
    with (
        node("--head", f"--port={port}", "--num-cpus=1"),
        node(f"--address={address}", "--num-cpus=1", before=ELSEWHERE),
    ):
        wait_for_nodes(address, 2)
        options = {**SMALL_SET, "num_samples": 960, "steps": 250}
        said = run("ode", **options, out=out, address=address).stderr
    made = devices(out)
    assert set(made) == {HERE, THERE}
    counts = sorted(((made.count(each), each) for each in set(made)), reverse=True)
    shares = ", ".join(f"{each} {num}" for num, each in counts)
    assert f"Shards by device: {shares}." in said
    assert pairgen.verify(out).mixes == {"device": (THERE, HERE)}
