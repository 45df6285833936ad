"""The short form of `benchmarks/chaos.py`: one round of each kind that one process has."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KINDS = {"driver", "one of two drivers", "disk", "store"}


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="a full disk is a tmpfs, which root mounts")
def test_a_round_of_each_kind_ends_whole(tmp_path: Path) -> None:
    lines = tmp_path / "rounds.jsonl"
    chosen = ["--executor=serial", "--rounds=7", "--shards=10", f"--results={lines}"]
    line = [
        sys.executable,
        str(ROOT / "benchmarks/chaos.py"),
        *chosen,
        f"--out={tmp_path / 'desk'}",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(line, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr
    rounds = [json.loads(each) for each in lines.read_text().splitlines()]
    assert {each["victim"] for each in rounds} == KINDS
    assert all(each["whole"] and "hung" not in each["exit codes"] for each in rounds), rounds
    # A run that was struck in its midst is one that has to be continued.
    assert any(len(each["exit codes"]) > 1 for each in rounds)
