"""Two commands that begin different sets in one folder at once: one set comes out, whole."""

from pathlib import Path

import pytest

import pairgen
from tests.patient_teacher import MODEL, Patience
from tests.runs import leftovers, shas, start, wait_until

SET = {"model": MODEL, "cfg": "8", "num-samples": 24, "samples-per-shard": 8, "steps": 1}
ANOTHER = "Another command has started a different dataset"


@pytest.fixture
def patience(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Patience:
    return Patience(tmp_path / "patience", monkeypatch)


def begin(out: Path, log: Path, seed: int):
    return start(log, "ode", **{**SET, "seed": seed, "executor": "serial", "out": out})


def made_alone(out: Path, seed: int) -> dict[str, str]:
    names = {name.replace("-", "_"): value for name, value in SET.items()}
    pairgen.ode(**{**names, "seed": seed, "executor": "serial", "out": out})
    return shas(out)


def test_the_plan_of_the_first_is_replaced_while_nothing_is_finished(
    tmp_path: Path, patience: Patience
) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    expected = made_alone(tmp_path / "alone", 2)
    patience.take(1.5)
    first = begin(out, log, 1)
    wait_until((out / "__meta__/plan.yaml").exists)
    # It has begun: an evaluation of its first shard is under way.
    second = begin(out, tmp_path / "second", 2)
    wait_until(lambda: "seed: 2" in (out / "__meta__/plan.yaml").read_text())
    assert first.wait(60) == 2
    assert ANOTHER in log.read_text() and "Traceback" not in log.read_text()
    patience.hurry()
    assert second.wait(60) == 0
    assert shas(out) == expected
    assert pairgen.verify(out).clean and not leftovers(out)


def test_a_finished_shard_keeps_its_plan(tmp_path: Path) -> None:
    out = tmp_path / "out"
    expected = made_alone(out, 1)
    second = begin(out, tmp_path / "log", 2)
    assert second.wait(60) == 2
    assert shas(out) == expected and pairgen.verify(out).clean
