"""A cluster of three nodes on this machine: everything dies once, and the set is the serial one."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import pairgen
from pairgen.jobs.cluster.local.processes import end_all, living_nodes, marked
from tests.patient_teacher import MODEL, Patience
from tests.runs import SMALL_SET, receipts, run, shas, wait_until, words

ROOT = Path(__file__).parents[3]
TOKEN = "hf_planted0123456789"
# 200 shards of one evaluation each.
LARGE_SET = {**SMALL_SET, "model": MODEL, "cfg": 4, "num-samples": 2400, "steps": 1}
LARGE_SET["solver"] = "ddim"
TEACHER = (
    "teacher: tests.jobs.cluster.token_teacher\n"
    "dtype: float32\nbatch_size: 4\nsamples_per_shard: 4\n"
)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a config file, a cache of its own, and no cluster at the end."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "three.yaml").write_text("kind: local\nnodes: 3\n")
    (tmp_path / "gated.yaml").write_text(TEACHER)
    yield tmp_path
    with contextlib.suppress(StopIteration):
        end_all(state(tmp_path)["mark"])
    cluster("down")


def cluster(verb: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a verb of `pairgen cluster` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "pairgen", "cluster", verb, "three.yaml", *arguments],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=600,
    )


def state(desk: Path) -> dict[str, str]:
    """Return what is kept of the cluster."""
    return json.loads(next(desk.glob("cache/pairgen/clusters/*.json")).read_text())


def killed(mark: str, node: int, program: str) -> None:
    """SIGKILL a program of a node."""
    (found,) = [
        process
        for process, of in marked(mark)
        if of == str(node) and process.cmdline()[:1][0].endswith(f"/{program}")
    ]
    found.kill()
    found.wait()


@contextlib.contextmanager
def process_lists(text: str) -> Iterator[set[str]]:
    """Collect the command lines that hold a text, of all processes, all the time."""
    found: set[str] = set()
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.05):
            for each in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    line = each.read_bytes()
                    if text.encode() in line:
                        found.add(line.decode(errors="replace"))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def holding(folder: Path, text: str) -> list[str]:
    """Return the files below a folder that hold a text."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_socket()]
    return [str(path) for path in files if text.encode() in path.read_bytes()]


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(1500)
def test_a_node_a_driver_and_the_cluster_die_and_the_set_is_the_serial_one(
    desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience = Patience(desk / "patience", monkeypatch)
    assert run("ode", **LARGE_SET, out=desk / "serial", executor="serial").returncode == 0
    up = cluster("up")
    assert up.returncode == 0, up.stderr
    mark = state(desk)["mark"]
    assert living_nodes(mark) == {0, 1, 2}

    # A token reaches the driver and the workers, and is seen nowhere.
    small = {"cfg": 3, "steps": 4, "num_samples": 8, "num_workers": 1}
    gated = ["pairgen", *words("ode", model="gated.yaml", **small, out="g")]
    with process_lists(TOKEN) as seen:
        made = cluster("submit", "--env", "HF_TOKEN", "--", *gated, HF_TOKEN=TOKEN)
    assert made.returncode == 0, made.stdout + made.stderr
    assert "8 of 8 samples" in made.stdout
    without = cluster("submit", "--", *gated[:-1], "--out=h")
    assert without.returncode == 2, without.stdout + without.stderr
    assert "These weights need a token" in without.stdout
    assert not seen
    assert TOKEN not in made.stdout + made.stderr + cluster("status").stdout
    assert holding(desk, TOKEN) == holding(Path(state(desk)["folder"]), TOKEN) == []

    # A node dies, and another takes its place; the driver dies, and the next one goes on. None is
    # at the end before.
    patience.take(2.0)
    ode = ["submit", "three.yaml", "--", "pairgen", *words("ode", **LARGE_SET, out="out")]
    with (desk / "log").open("wb") as log:
        line = [sys.executable, "-m", "pairgen", "cluster", *ode]
        first = subprocess.Popen(line, stdout=log, stderr=subprocess.STDOUT)
    out = desk / "out"
    wait_until(lambda: len(receipts(out)) >= 3, seconds=240)
    killed(mark, 2, "raylet")
    assert living_nodes(mark) == {0, 1}
    assert "node 2: is dead" in cluster("status").stdout
    again = cluster("up")
    assert "3 nodes run on this machine, 1 of them started now" in again.stderr
    assert living_nodes(mark) == {0, 1, 2}
    assert first.poll() is None, (desk / "log").read_text()
    (driver,) = [
        process
        for process, _ in marked(mark)
        if "ode" in process.cmdline() and "--out=out" in process.cmdline()
    ]
    driver.kill()
    assert first.wait(timeout=120) == 137, (desk / "log").read_text()
    patience.hurry()
    before = receipts(out)
    assert 3 <= len(before) < 200
    second = cluster(ode[0], *ode[2:])
    assert second.returncode == 0, second.stdout + second.stderr
    report = pairgen.verify(out)
    assert report.clean, report.table()
    assert shas(out) == shas(desk / "serial")
    # What was finished was not made again, and the dead node had one shard in work.
    assert (desk / "log").read_text().count("was lost while making shard") <= 1
    assert before.items() <= receipts(out).items()

    # The raylets die, the head's too: nothing of the cluster is left behind `down`.
    ray_folder = Path(state(desk)["folder"])
    for node in range(3):
        killed(mark, node, "raylet")
    gone = cluster("submit", "--", "pairgen", "ode")
    assert gone.returncode == 1
    assert "has died" in gone.stderr and "pairgen cluster up three.yaml" in gone.stderr
    down = cluster("down")
    assert down.returncode == 0, down.stderr
    assert list(marked(mark)) == []
    assert not ray_folder.exists()
    assert not list(desk.glob("cache/pairgen/clusters/*.json"))


@pytest.mark.slow
@pytest.mark.ray
def test_an_up_that_was_killed_leaves_nothing_behind_down(desk: Path) -> None:
    up = subprocess.Popen([sys.executable, "-m", "pairgen", "cluster", "up", "three.yaml"])
    wait_until(lambda: len([*desk.glob("cache/pairgen/clusters/*.json")]) == 1)
    mark = state(desk)["mark"]
    wait_until(lambda: len([*marked(mark)]) >= 3)
    up.send_signal(signal.SIGKILL)
    up.wait()
    assert cluster("down").returncode == 0
    # What was about to start would be there by now.
    time.sleep(3)
    assert list(marked(mark)) == []


def test_processes_are_told_by_their_mark_alone() -> None:
    line = [sys.executable, "-c", "input()"]
    marks = [{"PAIRGEN_CLUSTER_MARK": mark, "PAIRGEN_CLUSTER_NODE": "1"} for mark in "ab"]
    both = [
        subprocess.Popen(line, stdin=subprocess.PIPE, env={**os.environ, **each}) for each in marks
    ]
    try:
        wait_until(lambda: all(len(list(marked(mark))) == 1 for mark in "ab"))
        end_all("a", node=2)
        assert both[0].poll() is None
        end_all("a")
        assert list(marked("a")) == [] and both[0].poll() is not None
        assert both[1].poll() is None
    finally:
        for process in both:
            process.kill()
            process.communicate()
