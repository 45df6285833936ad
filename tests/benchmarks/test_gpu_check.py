"""The runner of the GPU checks keeps what was measured, whatever happens to a check or to it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import gpu_check
import pytest
from gpu_check import Check, run_checks
from gpu_checks import memory_short, timeline
from gpu_checks.commands import Done
from gpu_checks.report import Outcome, Report
from gpu_checks.timeline import Span

from pairgen import plugins
from tests import warm, warm_scripts

BENCHMARKS = Path(gpu_check.__file__).parent
MOST_BYTES = 16 * 2**20
# Modules of checks: one that ends, one that fails, one that hangs with a process of its own.
MODULES = {
    "ends": "yield Row('ended', 1.5, 'images/s')",
    "fails": "yield Row('before', 1)\n    raise ValueError('on purpose')",
    "hangs": """\
child = subprocess.Popen(['sleep', '600'])
    yield Row('first', 'a')
    yield Row('first', os.getpid(), note='replaced')
    yield Row('child', child.pid)
    time.sleep(600)""",
}
# These packages are not there, wherever they are asked for.
BLOCKER = """\
from importlib.machinery import PathFinder

find = PathFinder.find_spec.__func__


@classmethod
def find_spec(cls, name, *others):
    blocked = name.partition(".")[0] in ("ray", "webdataset", "datasets")
    return None if blocked else find(cls, name, *others)


PathFinder.find_spec = find_spec
"""


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of checks that the runner's processes find."""
    folder = tmp_path / "modules"
    folder.mkdir()
    for name, body in MODULES.items():
        (folder / f"check_that_{name}.py").write_text(
            "import os\nimport subprocess\nimport time\n\nfrom gpu_checks.setting import Row\n\n\n"
            f"def check(setting):\n    {body}\n"
        )
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def check_that(name: str, seconds: float = 480.0) -> Check:
    return Check(name, seconds, "a title", f"check_that_{name}")


def results(out: Path) -> dict[str, dict[str, object]]:
    """Return the checks of the JSON file by name."""
    found = json.loads((out / "results.json").read_text())
    return {check["name"]: check for check in found["checks"]}


def figures(check: dict[str, object]) -> dict[str, object]:
    return {row["name"]: row["figure"] for row in check["rows"]}


def is_alive(pid: int) -> bool:
    try:
        # A zombie is as good as gone.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.mark.slow
def test_a_hanging_check_is_killed_and_its_rows_are_kept(modules: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    checks = [check_that("hangs"), check_that("ends")]
    report = run_checks(checks, out, minutes=0.25, small=True)
    found = results(out)
    pids = figures(found["hangs"])
    assert found["hangs"]["state"] == "killed"
    assert found["hangs"]["reason"] == "not finished after 15 s"
    assert set(pids) == {"first", "child"}
    assert not any(map(is_alive, pids.values()))
    assert report.outcomes[0].is_wrong
    assert (found["ends"]["state"], found["ends"]["reason"]) == ("skipped", "only 0 s were left")


def test_a_failing_check_does_not_stop_the_next(modules: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_checks([check_that("fails"), check_that("ends")], out, minutes=16, small=True)
    found = results(out)
    assert (found["fails"]["state"], found["fails"]["reason"]) == (
        "failed",
        "ValueError: on purpose",
    )
    assert figures(found["fails"]) == {"before": 1}
    assert (found["ends"]["state"], figures(found["ends"])) == ("done", {"ended": 1.5})
    assert found["ends"]["peak_gib"] > 0
    assert "| ended | 1.5 | images/s |  |" in (out / "results.md").read_text()
    assert json.loads((out / "results.json").read_text())["machine"]["torch"]


@pytest.mark.slow
def test_a_killed_runner_leaves_the_checks_that_ended(modules: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code = (
        "import sys\n"
        f"sys.path.append({str(BENCHMARKS)!r})\n"
        "from pathlib import Path\n"
        "from gpu_check import Check, run_checks\n"
        "checks = [Check(n, 240, 'a title', f'check_that_{n}') for n in ('ends', 'hangs')]\n"
        f"run_checks(checks, Path({str(out)!r}), minutes=8, small=True)\n"
    )
    # A killed runner leaves its temporary folder.
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    runner = subprocess.Popen([sys.executable, "-c", code], env=environment)
    try:
        # Told by the file itself, which is whole whenever it is read.
        wait_until(lambda: (out / "results.json").is_file())
        wait_until(lambda: "child" in figures(results(out)["hangs"]))
    finally:
        runner.send_signal(signal.SIGKILL)
        runner.wait()
    found = results(out)
    assert (found["ends"]["state"], figures(found["ends"])) == ("done", {"ended": 1.5})
    assert found["hangs"]["state"] == "running"
    assert "| ended | 1.5 |" in (out / "results.md").read_text()
    # What it had started ends with it.
    wait_until(lambda: not any(map(is_alive, figures(found["hangs"]).values())))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_all_checks_run_small_without_ray_webdataset_and_datasets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(BLOCKER)
    out, script = tmp_path / "out", BENCHMARKS / "gpu_check.py"
    # Imports in dozens of processes would take half of the time.
    environment = {"PYTHONPATH": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    monkeypatch.delenv(warm.SOCKET)
    warm.listen(**environment, **gpu_check.SMALL_ENVIRONMENT)
    result = warm.run(
        [str(script), "--small", "--out", str(out)],
        code=warm_scripts.CODE,
        first=BENCHMARKS,
        timeout=1800,
        env={**os.environ, **environment, "PYTHONPATH": f"{tmp_path}:{warm.ROOT}"},
    )
    assert result.returncode == 0, result.stdout + result.stderr
    found = results(out)
    assert list(found) == [check.name for check in gpu_check.CHECKS]
    assert {check["state"] for check in found.values()} == {"done"}
    table = (out / "results.md").read_text()
    for check in found.values():
        assert check["rows"]
        assert f"## {check['name']}: " in table
    assert all((out / name).stat().st_size < MOST_BYTES for name in ("results.json", "results.md"))
    assert figures(found["memory_short"])["the advised batch size works"] == "pass"
    assert any(name.startswith("restore, to ") for name in figures(found["second_call"]))
    for method in plugins.members("methods"):
        assert figures(found["training"])[f"{method}: stop and resume"] == "pass"
    again = subprocess.run([sys.executable, script, "--out", out], capture_output=True, text=True)
    assert again.returncode == 2 and "holds results already" in again.stderr


@pytest.mark.parametrize("name", ["ray", "webdataset", "datasets"])
def test_the_blocker_blocks(name: str, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(BLOCKER)
    result = subprocess.run(
        [sys.executable, "-c", f"import json, importlib.util as i; print(i.find_spec({name!r}))"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "None\n"


def test_a_line_in_work_is_left_for_later() -> None:
    report, outcome = Report({}, []), Outcome("a", "b")
    row = {"name": "x", "figure": 1, "unit": "", "note": "", "failed": False}
    whole = "".join(
        json.dumps(line) + "\n" for line in ({"machine": {"card": "none"}}, {"row": row})
    )
    report.take(outcome, whole + json.dumps({"row": {**row, "name": "y"}})[:20])
    assert (outcome.rows, report.machine) == ([row], {"card": "none"})


def test_the_advice_is_read_from_a_plain_message_only() -> None:
    told = (
        "Error: A batch of 64 does not fit into the memory of cuda: run the same command with "
        "--batch-size 32 (a dataset keeps its finished shards)."
    )
    assert memory_short.advice(Done(1, f"0 of 8 samples\n{told}\n", 1.0, None)) == 32
    assert memory_short.advice(Done(1, f"Traceback (most recent\n{told}", 1.0, None)) is None
    assert memory_short.advice(Done(1, "Error: disk full\n", 1.0, None)) is None
    assert memory_short.advice(Done(0, told, 1.0, None)) is None


def test_a_timeline_counts_what_overlaps_once() -> None:
    kernels = [("a", 0, 10), ("b", 5, 3), ("a", 20, 10), ("b", 30, 5)]
    events = [{"cat": "kernel", "name": n, "ts": ts, "dur": dur} for n, ts, dur in kernels]
    others = [{"cat": "cpu_op", "name": "c", "ts": 0, "dur": 99}, {"name": "d", "ph": "M"}]
    spans = timeline.spans_of([*others, *events[::-1]], timeline.GPU_WORK)
    assert [span.name for span in spans[:2]] == ["a", "b"]
    assert timeline.gaps(spans) == pytest.approx([10e-6])
    assert timeline.busy_seconds(spans) == pytest.approx(25e-6)
    assert timeline.by_name(spans) == [
        ("a", pytest.approx(20e-6), 2),
        ("b", pytest.approx(8e-6), 2),
    ]
    assert timeline.busy_seconds([]) == 0 and timeline.gaps([]) == []
    assert timeline.gaps([Span("a", 0, 1)]) == []
