"""Whatever is flipped, cut, swapped or forged is found, or refused in a sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    "words",
    [
        ("--sets", "--flips", "200", "--others", "18", "--forged", "24", "--every", "6"),
        pytest.param(
            ("--flips", "600", "--others", "90", "--forged", "100"), marks=pytest.mark.slow
        ),
    ],
    ids=["sets", "all"],
)
@pytest.mark.timeout(1800)
def test_no_file_lies_unnoticed(words: tuple[str, ...]) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "tests.hostile.flips", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr[-20_000:]}"
