"""`pairgen doctor`: what is broken is named with its remedy, in time, and nothing falls over."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pairgen.jobs.doctor import hub, packages
from pairgen.jobs.doctor.check import BROKEN, MISSING, OK, Check
from pairgen.jobs.doctor.disk import check_disk, hub_cache
from pairgen.jobs.doctor.examination import works
from pairgen.jobs.doctor.packages import (
    Requirement,
    check_extras,
    check_packages,
    read_requirements,
    try_imports,
)
from pairgen.own_process import run_script


@contextmanager
def hub_with(status: int | None) -> Iterator[str]:
    """Serve every question with one status; None never answers."""
    stop = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if status is None:
                stop.wait(60)
                return
            body = json.dumps({"id": hub.MODEL, "siblings": [], "tags": []}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        stop.set()
        server.shutdown()
        thread.join()
        server.server_close()


def install(folder: Path, name: str, version: str, code: str) -> None:
    """Put a package with its metadata into a folder."""
    (folder / f"{name}.py").write_text(code)
    (folder / f"{name}-{version}.dist-info").mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    (folder / f"{name}-{version}.dist-info/METADATA").write_text(metadata)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that this process and its scripts import from."""
    monkeypatch.syspath_prepend(tmp_path)
    paths = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    return tmp_path


def test_a_script_that_hangs_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    code = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""
    start = time.monotonic()
    outcome = run_script(code, 2.0)
    assert outcome.failure == "not finished after 2 s"
    assert time.monotonic() - start < 30
    (child,) = outcome.lines
    while Path(f"/proc/{child}/stat").exists():
        # Killed, and perhaps not yet waited for by whoever inherits it.
        if Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            break
        assert time.monotonic() - start < 30
        time.sleep(0.01)


def test_a_script_that_dies_says_why() -> None:
    outcome = run_script("print('noise'); print(1); raise ValueError('no')", 60.0)
    assert outcome.lines == (1,)
    assert outcome.failure == "ValueError: no"
    outcome = run_script("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", 60.0)
    assert outcome.failure == "the process died with exit code -11"


def test_packages_that_are_old_missing_or_broken_are_told_apart(site: Path) -> None:
    install(site, "goodone", "2.10", "")
    install(site, "oldone", "2.9.1", "")
    install(site, "brokenone", "1.0", "raise RuntimeError('operator torchvision::nms is gone')")
    install(site, "deadlyone", "1.0", "import os; os._exit(3)")
    install(site, "lastone", "1.0", "")
    names = ["goodone", "oldone", "brokenone", "deadlyone", "lastone", "absentone"]
    versions = dict.fromkeys(names[:2], ">=2.10")
    wanted = [Requirement(name, versions.get(name, ""), "") for name in names]
    found = {check.name: check for check in check_packages(wanted, try_imports(wanted))}
    assert {name: found[name].status for name in names} == {
        "goodone": OK,
        "oldone": BROKEN,
        "brokenone": BROKEN,
        "deadlyone": BROKEN,
        "lastone": OK,
        "absentone": MISSING,
    }
    assert found["oldone"].found == "2.9.1, requires >=2.10"
    assert found["oldone"].remedy == "pip install 'oldone>=2.10'"
    assert "RuntimeError: operator torchvision::nms is gone" in found["brokenone"].found
    assert "the process died with exit code 3" in found["deadlyone"].found
    assert not works(found.values())
    assert works([found["goodone"], Check("gpu", BROKEN, "none")])


def test_a_torchvision_that_cannot_be_imported_is_named(site: Path) -> None:
    install(site, "torchvision", "0.1", "raise RuntimeError('operator nms does not exist')")
    check = packages.check_torchvision(try_imports([]))
    assert (check.status, check.is_core) == (BROKEN, False)
    assert check.found == "0.1: RuntimeError: operator nms does not exist"
    assert "pip uninstall torchvision" in check.remedy


def test_an_extra_says_how_it_is_installed(site: Path) -> None:
    install(site, "goodone", "1.0", "")
    wanted = [Requirement("goodone", "", "one"), Requirement("absentone", ">=1", "two")]
    first, second = check_extras(wanted, try_imports(wanted))
    assert (first.status, first.found) == (OK, "goodone 1.0")
    assert (second.status, second.remedy) == (MISSING, "pip install 'pairgen[two]'")


def test_what_pairgen_asks_for_is_read_from_the_checkout() -> None:
    found = read_requirements()
    assert Requirement("torch", ">=2.6", "") in found
    assert Requirement("ray", ">=2.40", "ray") in found
    assert {"train", "8bit", "basicsr"} <= {each.extra for each in found}


@pytest.mark.parametrize(
    ("status", "found", "words"),
    [
        (200, OK, "answers, "),
        (404, OK, "status 404 for"),
        (503, BROKEN, "answers with status 503"),
        (None, BROKEN, "no answer in 1 s"),
    ],
)
def test_the_hub_is_asked_once_and_not_for_long(
    status: int | None, found: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "SECONDS_TO_ANSWER", 1.0 if status is None else 20.0)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with hub_with(status) as endpoint:
        monkeypatch.setenv("HF_ENDPOINT", endpoint)
        check = hub.check_hub()
    assert check.status == found, check
    assert words in check.found
    assert endpoint in check.found


def test_a_hub_set_offline_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    check = hub.check_hub()
    assert check.status == OK
    assert "was not contacted" in check.found


def test_a_disk_is_written_to_and_nothing_stays(tmp_path: Path, monkeypatch) -> None:
    check = check_disk("disk", tmp_path / "later" / "cache")
    assert check.status in (OK, MISSING)
    assert "not created yet" in check.found
    assert "MB/s written and synced" in check.found
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    check = check_disk("disk", tmp_path / "file")
    assert (check.status, check.remedy != "") == (BROKEN, True)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    assert hub_cache() == tmp_path / "hub"


@pytest.mark.slow
def test_the_command_ends_well_without_a_hub_a_compiler_or_a_gpu(tmp_path: Path) -> None:
    # A file named like a package must not be taken for it.
    (tmp_path / "torch.py").write_text("raise SystemExit('not torch')")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "CXX": "no-such-compiler"}
    shown = subprocess.run(
        [str(Path(sys.executable).parent / "pairgen"), "doctor", "--json"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        timeout=280,
    )
    assert shown.returncode == 0, shown.stderr
    assert shown.stderr == ""
    found = {check["name"]: check for check in json.loads(shown.stdout)}
    assert {
        "python",
        "torch",
        "diffusers",
        "cores",
        "gpu",
        "hub",
        "extra ray",
        "disk .",
    } <= found.keys()
    assert found["torch"]["status"] == OK
    precisions = [check for name, check in found.items() if name.startswith("precision ")]
    assert precisions
    for check in precisions:
        assert check["status"] == OK, check
        assert "bfloat16" in check["found"]
    assert (found["torch.compile"]["status"], found["hub"]["status"]) == (MISSING, OK)
    assert [path.name for path in tmp_path.iterdir()] == ["torch.py"]
