"""Whatever is flipped, cut, swapped or forged is found, or refused in a sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_no_file_of_a_set_lies_unnoticed() -> None:
    """The short form; with those of runs and exports: `python -m tests.hostile.flips`."""
    words = ("--sets", "--flips", "200", "--others", "18", "--forged", "24", "--every", "6")
    result = subprocess.run(
        [sys.executable, "-m", "tests.hostile.flips", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr[-20_000:]}"
