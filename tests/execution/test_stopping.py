"""A notice: what cannot end in time is dropped, with nothing left behind."""

import math
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from pairgen.execution.run import stop_on_signal
from pairgen.execution.stopping import Dropped, Stop, dropping, due_of
from tests.runs import leftovers, receipts, start, wait_until

# Shards of 20 batches, each of some tenths of a second.
LONG_SHARDS = {
    "model": "gaussian",
    "cfg": "8",
    "num-samples": 240,
    "samples-per-shard": 80,
    "batch-size": 4,
    "steps": 100,
    "solver": "heun",
    "executor": "serial",
}


class Notes:
    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, message: str) -> None:
        self.told.append(message)


def test_only_a_notice_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    stop = Stop()
    assert due_of(stop) == due_of(threading.Event()) == math.inf
    stop.set()
    assert due_of(stop) == math.inf
    stop.give_notice(30.0)
    assert due_of(stop) == 130.0
    # A later notice does not give more time.
    stop.give_notice(60.0)
    assert due_of(stop) == 130.0


def test_a_task_goes_on_if_its_rate_lets_it_end_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    stop, seen = Stop(), []
    advance = dropping(stop, 10, seen.append)
    now = 10.0
    advance(5)
    stop.give_notice(10.0)
    advance(5)
    now = 11.0
    with pytest.raises(Dropped):
        advance(5)
    advance(6)
    assert seen == [5, 5, 5, 6]


def test_sigterm_is_a_notice_where_there_is_a_grace() -> None:
    for grace, due in ((5.0, pytest.approx(time.monotonic() + 5.0, abs=2.0)), (None, math.inf)):
        notes = Notes()
        with stop_on_signal(notes, "Stopping.", grace) as stop:
            os.kill(os.getpid(), signal.SIGTERM)
            wait_until(stop.is_set)
        assert stop.due == due
        assert "Stopping" in notes.told[0]


@pytest.mark.slow
@pytest.mark.parametrize(("grace", "num_more"), [(0.5, 0), (600, 1)])
def test_a_serial_run_finishes_or_drops_its_shard(
    grace: float, num_more: int, tmp_path: Path
) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    process = start(log, "ode", **LONG_SHARDS, out=out, grace=grace)
    wait_until(lambda: leftovers(out) != [])
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=120) == 130, log.read_text()
    assert len(receipts(out)) == num_more
    assert leftovers(out) == []
    assert ("is dropped" in log.read_text()) == (num_more == 0)
