"""Ledgers add up."""

import re
from dataclasses import replace

import numpy as np
import pytest

from pairgen.jobs.eval.cost import ledger_table
from pairgen.jobs.eval.from_text.ledger import make_ledger
from pairgen.judging.from_text.held_out import HeldOut, read_held_out
from pairgen.judging.from_text.sampled import Sampled, Sampling
from pairgen.judging.ledger import spent
from pairgen.training.runs.record import (
    TrainRecord,
    read_record,
    record_set,
    records_before,
    write_record,
)
from tests.small_sets import make_plan, write_set

ONE_STEP = Sampling(name="student", steps=1, solver="ddim", spacing="trailing", end="clean")


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("pairs") / "set"
    write_set(folder, make_plan(guidance_scales=(3.0, 8.0)))
    return str(folder)


@pytest.fixture
def pairs(url) -> HeldOut:
    return read_held_out(url, "", 10)


def sampled(evaluations: int, seconds: float) -> Sampled:
    return Sampled(sampling=ONE_STEP, latents=np.zeros(0), evaluations=evaluations, seconds=seconds)


def test_a_ledger_adds_up(url, pairs):
    record = TrainRecord(
        method="regression",
        steps=100,
        batch_size=8,
        num_processes=2,
        seconds=10.0,
        device="cpu x86_64",
        sets=(record_set(url), record_set(url)),
    )
    student, teachers = sampled(1, 0.5), [sampled(2, 1.0), sampled(10, 5.5)]
    found = make_ledger(record, pairs.plan, student, teachers, "cpu x86_64")
    # Twice 24 samples of 4 guided steps; 100 steps of 8 samples.
    assert found["data"] == {"evaluations": 2 * 24 * 8, "seconds": 2 * 4.5}
    assert found["training"] == {"evaluations": 2400, "seconds": 20.0, "samples": 800}
    assert found["together"] == {"evaluations": 2784, "seconds": 29.0}
    # 2784 / (8 - 1) = 397.7; the teacher's 8 evaluations take 8 x 0.55 s: 29 / (4.4 - 0.5) = 7.4.
    assert found["break_even"]["evaluations"]["pictures"] == 398
    assert found["break_even"]["seconds"]["pictures"] == 8
    elsewhere = make_ledger(record, pairs.plan, student, teachers, "a GPU")["break_even"]
    assert elsewhere["evaluations"]["pictures"] == 398
    assert elsewhere["seconds"]["pictures"] is None
    assert "different devices" in elsewhere["seconds"]["reason"]
    slow = make_ledger(record, pairs.plan, sampled(8, 9.0), [], "cpu x86_64")["break_even"]
    assert "costs 8, one of the teacher 8" in slow["evaluations"]["reason"]
    assert "not timed" in slow["seconds"]["reason"]


def test_a_ledger_counts_the_runs_before_and_their_other_data(url):
    own = record_set(url)
    other = replace(own, fingerprint="f" * 64)
    common = {"method": "yonos", "batch_size": 8, "num_processes": 1, "device": "cpu"}
    two = TrainRecord(name="x2", steps=100, seconds=7.0, sets=(own,), **common)
    four = TrainRecord(
        name="x4", steps=50, seconds=5.0, sets=(own, other), evaluations_per_sample=4, **common
    )
    last = TrainRecord(steps=10, seconds=1.0, sets=(own,), before=(two, four), **common)
    found = spent(last)
    assert found["data"] == {"evaluations": 2 * 24 * 8, "seconds": 2 * 4.5}
    runs = {"evaluations": 2400 + 1600, "seconds": 12.0, "samples": 1200, "runs": ["x2", "x4"]}
    assert found["before"] == runs
    assert found["training"] == {"evaluations": 240, "seconds": 1.0, "samples": 80}
    assert found["together"] == {"evaluations": 384 + 4000 + 240, "seconds": 22.0}
    ledger = {**found, "break_even": None, "reason": "none", "convention": ""}
    table = ledger_table({"ledger": ledger})
    assert re.search(r"^runs before it +4,000 +12$", table, re.MULTILINE)
    assert "Runs before it made its teacher or its start: x2, x4." in table


def test_a_record_keeps_those_before_it_once(url, tmp_path):
    common = {"method": "yonos", "batch_size": 8, "num_processes": 1, "device": "cpu"}
    record = TrainRecord(steps=1, seconds=1.0, sets=(record_set(url),), **common)
    said: list[str] = []
    for names in (("x2",), ("x4", "x2"), ("final", "x4", "x2")):
        folder = tmp_path / names[0]
        folder.mkdir()
        before = records_before([str(tmp_path / name) for name in names[1:]], said.append)
        write_record(folder, replace(record, name=names[0], before=before))
    assert [each.name for each in read_record(tmp_path / "final").before] == ["x2", "x4"]
    assert not said and not records_before([str(tmp_path)], said.append)
    assert said == [f"{tmp_path} has no record.json: its cost will not be counted."]
