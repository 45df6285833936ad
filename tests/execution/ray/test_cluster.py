"""A running Ray cluster, on this machine: GPUs, two nodes, a node that dies."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

import pairgen
from tests.patient_teacher import MODEL, Patience
from tests.runs import SMALL_SET, receipts, run, start, wait_until

RAY = Path(sys.executable).parent / "ray"
# 300 shards of one evaluation each.
LARGE_SET = {**SMALL_SET, "model": MODEL, "cfg": 8, "num-samples": 3600, "steps": 1}
LARGE_SET["solver"] = "ddim"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def node(
    *arguments: str,
    before: Sequence[str] = (),
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A Ray node in a process group of its own, gone at the end; `before` stands before `ray`."""
    if "--head" in arguments:
        # It takes half a minute to start, and nobody looks at it.
        arguments += ("--include-dashboard=false",)
    process = subprocess.Popen(
        [*before, str(RAY), "start", "--block", "--disable-usage-stats", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=folder,
        env=environment,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.slow
@pytest.mark.ray
def test_four_gpu_actors_see_four_different_gpus(tmp_path: Path, patience: Patience) -> None:
    port = free_port()
    # More than three actors can do before the fourth, on two cores, has loaded.
    patience.take(1.0)
    out, log = tmp_path / "out", tmp_path / "log"

    def visible() -> list[str]:
        return re.findall(r"CUDA_VISIBLE_DEVICES=(\d+)", log.read_text())

    with node("--head", f"--port={port}", "--num-gpus=4", "--num-cpus=2"):
        address = f"127.0.0.1:{port}"
        wait_for_nodes(address, 1)
        process = start(log, "ode", **LARGE_SET, out=out, executor="ray", address=address)
        wait_until(lambda: len(visible()) == 4 and len(receipts(out)) >= 1, seconds=180)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=200) == 130, log.read_text()
    assert sorted(visible()) == ["0", "1", "2", "3"]
    bad = [problem for problem in pairgen.verify(out).problems if problem.kind != "incomplete"]
    assert bad == []


@pytest.mark.slow
@pytest.mark.ray
def test_a_node_that_joins_is_used_and_one_that_dies_is_made_up_for(
    tmp_path: Path, patience: Patience
) -> None:
    port = free_port()
    patience.take(0.5)
    out, log = tmp_path / "out", tmp_path / "log"

    def announced() -> int:
        return len(re.findall(r"worker \d+: pid", log.read_text()))

    with node("--head", f"--port={port}", "--num-gpus=0", "--num-cpus=1"):
        address = f"127.0.0.1:{port}"
        wait_for_nodes(address, 1)
        process = start(log, "ode", **LARGE_SET, out=out, address=address)
        wait_until(lambda: len(receipts(out)) >= 2)
        assert announced() == 1
        with node(f"--address=127.0.0.1:{port}", "--num-gpus=0", "--num-cpus=1") as second:
            wait_until(lambda: announced() == 2)
            num_then = len(receipts(out))
            wait_until(lambda: len(receipts(out)) >= num_then + 6)
            assert len(receipts(out)) < 290
            os.killpg(second.pid, signal.SIGKILL)
            patience.hurry()
            assert process.wait(timeout=200) == 0, log.read_text()
    assert "was lost while making shard" in log.read_text()
    report = pairgen.verify(out)
    assert report.clean, report.table()
    assert report.num_samples == 3600


def test_a_cluster_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    result = run("ode", **SMALL_SET, out=tmp_path, address=f"127.0.0.1:{free_port()}")
    assert result.returncode == 2
    assert "cannot be reached" in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr


def test_what_ray_needs_in_the_environment_is_gone_afterwards(tmp_path: Path) -> None:
    """In a process of its own: Ray reads some of it when it is imported, and never again."""
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray/auth_token").write_text("0123456789abcdef" * 4)
    script = (
        "import os, sys, pairgen\n"
        "from pairgen.errors import ConfigError\n"
        "before = dict(os.environ)\n"
        "try: pairgen.ode(model='gaussian', executor='ray', address=sys.argv[1], out=sys.argv[2])\n"
        "except ConfigError: print({*os.environ.items()} ^ {*before.items()}, 'ray' in sys.modules)"
    )
    environment = {name: text for name, text in os.environ.items() if not name.startswith("RAY_")}
    result = subprocess.run(
        [sys.executable, "-c", script, f"127.0.0.1:{free_port()}", str(tmp_path / "out")],
        env={**environment, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.stdout == "set() True\n", result.stdout + result.stderr


def wait_for_nodes(address: str, num: int) -> None:
    """Wait until a cluster has `num` live nodes."""
    script = (
        "import sys, time, ray\n"
        "ray.init(address=sys.argv[1], logging_level='ERROR', log_to_driver=False)\n"
        "while sum(node['Alive'] for node in ray.nodes()) < int(sys.argv[2]): time.sleep(0.2)\n"
    )

    def joined() -> bool:
        probe = [sys.executable, "-c", script, address, str(num)]
        try:
            return subprocess.run(probe, capture_output=True, timeout=30).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    wait_until(joined, seconds=120)


@pytest.fixture
def patience(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Patience:
    """Let workers take their time."""
    return Patience(tmp_path / "patience", monkeypatch)


@pytest.fixture(autouse=True)
def open_clusters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clusters of these tests are open: they last seconds and hold nothing."""
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["dead", "stuck"])
def test_a_lost_head_ends_the_run_with_what_to_do(
    number: signal.Signals, tmp_path: Path, patience: Patience
) -> None:
    port, out, log = free_port(), tmp_path / "out", tmp_path / "log"
    patience.take(1.0)
    with node("--head", f"--port={port}", "--num-gpus=0", "--num-cpus=1") as head:
        address = f"127.0.0.1:{port}"
        wait_for_nodes(address, 1)
        process = start(log, "ode", **LARGE_SET, out=out, address=address)
        wait_until(lambda: len(receipts(out)) >= 1, seconds=120)
        os.kill(gcs_of(head.pid), number)
        assert process.wait(timeout=150) == 1, log.read_text()
    last = [line for line in log.read_text().splitlines() if line.startswith("Error: ")]
    assert last == [
        "Error: The head of the Ray cluster does not answer any more; finished shards are kept: "
        "start a cluster, and run the same command again."
    ]
    assert "Traceback" not in log.read_text()
    # The same command goes on elsewhere.
    assert 0 < len(receipts(out)) < 300
    assert (out / "__meta__/manifest.json").is_file()


def gcs_of(group: int) -> int:
    """Return the process id of the head's server in a process group."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            is_server = b"gcs_server" in (folder / "cmdline").read_bytes().split(b"\0")[0]
            if is_server and os.getpgid(int(folder.name)) == group:
                return int(folder.name)
    raise AssertionError("there is no server")


@pytest.mark.slow
@pytest.mark.ray
def test_a_dry_run_counts_the_workers_of_a_running_cluster(tmp_path: Path) -> None:
    port, out = free_port(), tmp_path / "out"
    address = f"127.0.0.1:{port}"
    options = {**SMALL_SET, "out": out, "address": address, "dry_run": 24}
    with node("--head", f"--port={port}", "--num-gpus=0", "--num-cpus=3"):
        wait_for_nodes(address, 1)
        result = run("ode", **options)
        assert result.returncode == 0, result.stderr
        assert not out.exists()
    assert "with 3 workers" in result.stdout


@pytest.mark.slow
@pytest.mark.ray
def test_a_cluster_without_room_ends_the_run_after_stuck_after(tmp_path: Path) -> None:
    port, out = free_port(), tmp_path / "out"
    address = f"127.0.0.1:{port}"
    with node("--head", f"--port={port}", "--num-gpus=0", "--num-cpus=0"):
        wait_for_nodes(address, 1)
        result = run("ode", **SMALL_SET, out=out, address=address, stuck_after=8)
    assert result.returncode == 1, result.stderr
    last = result.stderr.splitlines()[-1]
    assert last.startswith("Error: Still waiting for the first worker; the cluster has {")
    assert "The run ends after --stuck-after; finished shards are kept" in last
    assert (out / "__meta__/manifest.json").is_file()
