"""What a command prints as `Next:` and `Look:`, the next process can run from the same folder."""

import shlex
from pathlib import Path

import pytest

from tests.runs import run_many

PAIRS = "ode --model tiny --cfg 4 --steps 1 --num-samples 2 --batch-size 2 --executor serial --out"
TRAIN = "train regression --steps 1 --batch-size 2 --set num_grid_prompts=1 --data"
CALIBRATE = "calibrate --model gaussian --cfg 3 --steps 8 --solvers heun/logsnr --num-prompts 2"


def printed(said: str) -> list[list[str]]:
    """Return the words behind `pairgen` of every line that says what to run."""
    lines = [line.partition(": ") for line in said.splitlines()]
    commands = [shlex.split(text) for head, _, text in lines if head in ("Next", "Look")]
    assert all(words[0] == "pairgen" for words in commands)
    return [words[1:] for words in commands]


@pytest.mark.timeout(300)
def test_printed_commands_run_in_the_same_folder(tmp_path: Path) -> None:
    desk = tmp_path / "my desk"
    desk.mkdir()
    # A space, and a folder with the name of a packaged model.
    said, codes = run_many(
        desk,
        [*PAIRS.split(), "my pairs"],
        [*TRAIN.split(), "my pairs", "--out", "my run"],
        [*TRAIN.split(), "my pairs", "--out", "tiny"],
        [*CALIBRATE.split(), "--tolerance", "50%", "--out", "my grid"],
    )
    assert codes == [0] * 4, said
    commands = printed(said)
    assert [words[0] for words in commands] == ["verify", "report", "sample", "sample", "ode"]
    assert [words[-1] for words in commands[2:4]] == ["my run", "./tiny"]
    drawn = ["--prompts", "a flat panda"]
    commands[2] += [*drawn, "--out", "run.png"]
    commands[3] += [*drawn, "--out", "tiny.png"]
    commands[4] += ["--num-samples", "2"]
    said, codes = run_many(desk, *commands)
    assert codes == [0] * 5, said
    # The student and not the teacher of that name.
    assert (desk / "run.png").is_file() and (desk / "tiny.png").is_file()
    assert "1 image of 64 x 64 px" in said
