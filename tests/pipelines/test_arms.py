"""Studies from the command line, in processes that are killed and go on."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests import warm
from tests.pipelines.conftest import PIPELINES
from tests.runs import wait_until

TOY = Path(__file__).with_name("toy_study.py")
STUDIES = [path for path in sorted(PIPELINES.glob("*.py")) if "run_study(" in path.read_text()]
CODE = "import runpy, sys\nrunpy.run_path(sys.argv[0], run_name='__main__')"


def study(script: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return warm.run([str(script), *map(str, words)], code=CODE, first=PIPELINES)


class Toy:
    """The toy study with a file of results and a folder of runs of its own."""

    def __init__(self, folder: Path) -> None:
        self.results = folder / "toy.jsonl"
        self.runs = folder / "runs"
        self.words = [f"--results={self.results}", f"--runs={self.runs}", "--seeds=1", "--steps=3"]

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        return study(TOY, *self.words, *words)

    def lines(self) -> list[dict]:
        return [json.loads(line) for line in self.results.read_text().splitlines()]

    def start_up_to_second_arm(self) -> warm.Started:
        """Start it slowly, and wait until it is in its second arm."""
        with open(os.devnull, "r+b") as nothing:
            process = warm.start(
                [str(TOY), *self.words, "--seconds-per-step=0.2"],
                [nothing.fileno()] * 3,
                code=CODE,
                first=PIPELINES,
            )
        wait_until(lambda: len(list(self.runs.glob("toy/two-large-*/sums.txt"))) == 1)
        return process


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return Toy(tmp_path)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)]
)
def test_a_stopped_study_keeps_what_is_finished_and_goes_on_inside_the_arm(toy, number, code):
    process = toy.start_up_to_second_arm()
    process.send_signal(number)
    assert process.wait() == code
    assert [line["arm"] for line in toy.lines()] == ["small"]
    ended = toy()
    assert ended.returncode == 0, ended.stderr
    assert "`two, large`, seed 0, 3 steps: goes on" in ended.stderr
    assert "3 of 3 runs are done." in ended.stderr
    found = {line["arm"]: line for line in toy.lines()}
    assert {name: line["figures"]["total"] for name, line in found.items()} == {
        "small": 6.0,
        "two, large": 12.0,
        "floor": 0.0,
    }
    # No step was made twice, and those of the stopped session count.
    assert len(next(toy.runs.glob("toy/two-large-*/sums.txt")).read_text().split()) == 3
    assert found["two, large"]["seconds"] >= 0.2
    assert set(found["small"]["versions"]) >= {"pairgen", "torch"}
    # Nothing is left: the folder of runs may be gone.
    before = toy.results.read_bytes()
    again = study(TOY, *toy.words[:1], "--runs=/proc/none", *toy.words[2:])
    assert (again.returncode, again.stdout) == (0, ended.stdout)
    assert toy.results.read_bytes() == before


def test_two_commands_share_the_work(toy):
    process = toy.start_up_to_second_arm()
    beside = toy()
    assert beside.returncode == 0, beside.stderr
    assert "`two, large`, seed 0, 3 steps: another process is at it." in beside.stderr
    assert process.wait() == 0
    assert [line["arm"] for line in toy.lines()] == ["small", "floor", "two, large"]


def test_no_arm_begins_when_the_minutes_are_spent(toy):
    nothing = toy("--minutes=0", "--check")
    assert nothing.returncode == 1
    assert "0 of 3 runs are done; next: `small`, seed 0, 3 steps." in nothing.stderr
    assert "Must hold: 0 hold in all seeds, 0 do not, 1 lack seeds." in nothing.stdout
    assert not toy.results.exists() and not toy.runs.exists()
    # The minutes end inside the first arm.
    one = toy("--minutes=0.005", "--seconds-per-step=0.2")
    assert one.returncode == 0, one.stderr
    assert [line["arm"] for line in toy.lines()] == ["small"]
    assert "1 of 3 runs are done; next: `two, large`, seed 0, 3 steps." in one.stderr


def test_settings_are_never_mixed(toy):
    assert toy("--arms=two, large,small").returncode == 0
    other = toy("--arms=small", "--offset=5", "--check")
    assert other.returncode == 1
    assert "| small | 11.000 | - | 1 |" in other.stdout
    assert "two, large | 1" not in other.stdout
    assert f"2 of 3 lines of {toy.results} are left out" in other.stderr
    assert len(list(toy.runs.glob("toy/small-*/"))) == 2
    first = toy("--minutes=0", "--check")
    assert first.returncode == 0
    assert "| small | 6.000 | - | 1 |" in first.stdout
    assert "| two, large > small | sum | +6 | must hold: holds in 1 of 1 |" in first.stdout
    assert "1 of 3 lines" in first.stderr


def test_a_damaged_last_line_is_told_and_its_arm_runs_again(toy):
    assert toy("--arms=small,floor").returncode == 0
    whole = toy.results.read_text()
    toy.results.write_text(whole[:-30])
    again = toy("--arms=small,floor")
    assert again.returncode == 0, again.stderr
    assert "was not written to its end" in again.stderr
    assert [line["arm"] for line in toy.lines()] == ["small", "floor"]


def test_a_failed_arm_does_not_hold_the_others_up(toy):
    failed = toy("--broken=small")
    assert failed.returncode == 1
    assert "`small`, seed 0, 3 steps failed: broken on purpose" in failed.stderr
    assert [line["arm"] for line in toy.lines()] == ["two, large", "floor"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--arms=smal"], "Error: Unknown arm 'smal' (did you mean 'small'?); allowed: 'small', "),
        ([f"--runs={PIPELINES}/runs"], f"Error: The folder of runs, {PIPELINES}/runs, is in the"),
    ],
)
def test_mistakes_are_one_sentence(toy, words, said):
    refused = toy(*words)
    assert refused.returncode == 2
    assert refused.stderr.startswith(said) and refused.stderr.count("\n") == 1
    assert not toy.results.exists()


@pytest.mark.parametrize("script", STUDIES, ids=lambda path: path.stem)
def test_what_must_hold_holds_in_the_committed_results(script):
    found = study(script, "--minutes=0", "--check")
    if re.search("must hold: .* missing", found.stdout):
        pytest.skip("a seed lacks yet")
    assert found.returncode == 0, found.stdout + found.stderr
