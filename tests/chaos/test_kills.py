"""Kill workers and drivers at random moments; the set must come out as if nothing had happened."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

import pairgen
from pairgen.shards.format.manifest import scan
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from tests.patient_teacher import MODEL, Patience
from tests.runs import (
    kill_group,
    leftovers,
    receipts,
    run,
    shas,
    start,
    wait_until,
    worker_pids,
)

# In one process, like those that start a cluster: the undisturbed run is made once.
pytestmark = pytest.mark.xdist_group("ray")

SET = {
    "model": MODEL,
    "cfg": "8",
    "num-samples": 640,
    "samples-per-shard": 16,
    "batch-size": 4,
    "steps": 1,
    "solver": "ddim",
}
NUM_SHARDS = 40
# Of a batch; a shard has four, of one evaluation each.
SECONDS = 0.12


@pytest.fixture(autouse=True)
def patience(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: dict[str, str]) -> Patience:
    """Let runs last; the undisturbed one was made in a hurry."""
    patience = Patience(tmp_path / "patience", monkeypatch)
    patience.take(SECONDS)
    return patience


def assert_whole(out: Path, expected: dict[str, str]) -> None:
    """No id twice, none missing, the very bytes of the undisturbed run, nothing left over."""
    assert shas(out) == expected
    store = open_store(out)
    manifest = scan(store, read_plan(store))
    assert manifest.complete and manifest.num_samples == 640
    report = pairgen.verify(out)
    assert report.clean, report.table()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The bytes of an undisturbed serial run."""
    out = tmp_path_factory.mktemp("undisturbed")
    result = run("ode", **SET, out=out, executor="serial")
    assert result.returncode == 0, result.stderr
    return shas(out)


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(600)
def test_five_sigkills_of_workers_and_drivers_leave_the_same_bytes(
    tmp_path: Path, expected: dict[str, str], patience: Patience
) -> None:
    random_moment = random.Random(5)
    out, num_killed_workers, num_kills = tmp_path / "out", 0, 0
    redone_before = 0
    while num_kills < 5:
        log = tmp_path / f"{num_kills}.log"
        process = start(log, "ode", **SET, out=out, executor="ray", num_workers=2)
        wait_for_more_receipts(out, 2)
        pids = worker_pids(log)
        assert len(pids) >= 1
        kinds = ["worker", "driver"] if num_kills < 4 else ["driver"]
        for kind in kinds[: 5 - num_kills]:
            wait_for_more_receipts(out, 1)
            # Anywhere inside a shard.
            time.sleep(random_moment.uniform(0.0, 4 * SECONDS))
            standing = receipts(out)
            assert 0 < len(standing) < NUM_SHARDS
            if kind == "worker":
                victim = random_moment.choice(pids)
                os.kill(victim, signal.SIGKILL)
                num_killed_workers += 1
            else:
                process.kill()
                process.wait()
                num_killed_workers += 2
            num_kills += 1
            # What stood before the kill is never made again.
            assert {name: receipts(out)[name] for name in standing} == standing
        # Ray's own processes follow their driver; what they still write is whole or left over.
        wait_until(lambda p=pids: not any(alive(pid) for pid in p), seconds=60)
        redone_before += len(leftovers(out))
        assert len(leftovers(out)) <= num_killed_workers
    patience.hurry()
    result = run("ode", **SET, out=out, executor="serial")
    assert result.returncode == 0, result.stderr
    # The spool is emptied at every start, so this counts each interrupted shard once.
    assert redone_before <= num_killed_workers
    assert leftovers(out) == []
    assert_whole(out, expected)


def wait_for_more_receipts(out: Path, num: int) -> None:
    """Wait until `num` more shards are done than now."""
    wanted = len(receipts(out)) + num
    wait_until(lambda: len(receipts(out)) >= wanted)


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.mark.slow
def test_a_serial_run_continues_after_a_kill_and_redoes_one_shard(
    tmp_path: Path, expected: dict[str, str], patience: Patience
) -> None:
    out = tmp_path / "out"
    for attempt in range(3):
        process = start(tmp_path / "log", "ode", **SET, out=out, executor="serial")
        wait_for_more_receipts(out, 2 + attempt)
        standing = receipts(out)
        kill_group(process)
        assert len(leftovers(out)) <= 1
        assert {name: receipts(out)[name] for name in standing} == standing
    patience.hurry()
    assert run("ode", **SET, out=out, executor="serial").returncode == 0
    assert_whole(out, expected)


@pytest.mark.slow
def test_a_plan_that_is_lost_after_a_kill_comes_back(
    tmp_path: Path, expected: dict[str, str], patience: Patience
) -> None:
    """The manifest holds its copy from the first shard on."""
    out = tmp_path / "out"
    process = start(tmp_path / "log", "ode", **SET, out=out, executor="serial")
    wait_for_more_receipts(out, 2)
    kill_group(process)
    standing = receipts(out)
    (out / "__meta__/plan.yaml").unlink()
    assert run("ode", **SET, out=out, executor="serial").returncode == 2
    assert receipts(out) == standing
    patience.hurry()
    assert run("repair", str(out), "--trust-code", executor="serial").returncode == 0
    assert {name: receipts(out)[name] for name in standing} == standing
    assert_whole(out, expected)


@pytest.mark.slow
def test_two_drivers_on_one_folder_make_one_clean_set(
    tmp_path: Path, expected: dict[str, str], patience: Patience
) -> None:
    out = tmp_path / "out"
    patience.take(0.02)
    logs = [tmp_path / "0.log", tmp_path / "1.log"]
    drivers = [start(log, "ode", **SET, out=out, executor="serial") for log in logs]
    assert [driver.wait(timeout=250) for driver in drivers] == [0, 0], [
        log.read_text() for log in logs
    ]
    assert_whole(out, expected)


@pytest.mark.slow
def test_ctrl_c_finishes_the_shard_in_work_and_exits_130(
    tmp_path: Path, expected: dict[str, str], patience: Patience
) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    process = start(log, "ode", **SET, out=out, executor="serial")
    wait_until(lambda: len(receipts(out)) >= 2)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert "Stopping" in log.read_text()
    assert leftovers(out) == []
    assert 2 <= len(receipts(out)) < NUM_SHARDS
    patience.hurry()
    assert run("ode", **SET, out=out, executor="serial").returncode == 0
    assert_whole(out, expected)


@pytest.mark.slow
@pytest.mark.ray
def test_ctrl_c_drains_ray_workers_and_exits_130(
    tmp_path: Path, expected: dict[str, str], patience: Patience
) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    process = start(log, "ode", **SET, out=out, executor="ray", num_workers=2)
    wait_until(lambda: len(receipts(out)) >= 3)
    # To the whole group, as a terminal does it.
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert leftovers(out) == []
    assert 3 <= len(receipts(out)) < NUM_SHARDS
    patience.hurry()
    assert run("ode", **SET, out=out, executor="serial").returncode == 0
    assert_whole(out, expected)
