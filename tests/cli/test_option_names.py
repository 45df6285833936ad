"""What messages call an option: its flag on a command line, its name in files and Python calls."""

from pathlib import Path

import pytest

import pairgen
from pairgen.errors import ConfigError
from tests.runs import run_many

GAUSSIAN = ("ode", "--model", "gaussian", "--cfg", "4", "--steps", "4", "--executor", "serial")


def told(folder: Path, *lines: tuple[str, ...]) -> list[str]:
    """Run commands that are wrong; return the error of each."""
    said, codes = run_many(folder, *lines)
    assert set(codes) == {2}, said
    return [line for line in said.splitlines() if line.startswith("Error: ")]


def test_a_command_line_reads_flags(tmp_path: Path) -> None:
    assert told(
        tmp_path,
        ("train", "regression"),
        ("eval", "student"),
        ("export", "student"),
        ("restore",),
        (*GAUSSIAN, "--num-samples", "0"),
        ("degrade", "--samples-per-image", "0"),
        ("collect", "--images", "a", "--from-ode", "b"),
        ("restore", "--model", "m", "--images", "i", "--out", "o", "--tile", "8", "--overlap", "8"),
    ) == [
        "Error: --data must name at least one dataset.",
        "Error: --data must be given, such as held-out.",
        "Error: --onnx must be given: the folder for the ONNX files, such as student-onnx.",
        "Error: --model must be given, such as runs/restorer.",
        "Error: --num-samples must be an integer in 1..1,000,000,000, got 0.",
        "Error: --samples-per-image must be an integer in 1..1,000,000,000, got 0.",
        "Error: Give --images or --from-ode, not both: got a and b.",
        "Error: --overlap must be below --tile, 8, got 8.",
    ]


def test_what_the_user_wrote_by_name_is_told_by_name(tmp_path: Path) -> None:
    Path(tmp_path, "pairgen.yaml").write_text("solver: dimm\n", encoding="utf-8")
    known = "must be one of ddim, dpmpp_2m, heun, got 'dimm' (did you mean 'ddim'?)."
    assert told(
        tmp_path,
        ("ode", "--set", "spacing=traling"),
        ("ode",),
        ("ode", "--solver", "dimm"),
        ("ode", "--solver", "ddim", "--set", "steps=0"),
    )[1:] == [
        f"Error: solver {known}",
        f"Error: --solver {known}",
        "Error: steps must be an integer >= 1, got 0.",
    ]


def test_python_reads_names(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^num_samples must be an integer in 1\.\."):
        pairgen.ode(model="gaussian", num_samples=0, out=tmp_path / "out")
    with pytest.raises(ConfigError, match=r"^data must name at least one dataset\.$"):
        pairgen.train("regression", data=[])


def test_what_differs_is_told_as_it_is_typed(tmp_path: Path) -> None:
    made = (*GAUSSIAN, "--num-samples", "4", "--out", "set")
    said, codes = run_many(tmp_path, made, (*made, "--cfg", "7"), (*made, "--cfg", "3,8"))
    assert codes == [0, 2, 2], said
    assert "these differ: --cfg (was 4, got 7)." in said
    assert "--cfg (was 4, got 3,8)" in said
