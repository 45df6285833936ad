"""A user's own file travels to the actors of another node; other code there is refused."""

import os
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import yaml

from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.local_store import LocalStore
from tests.execution.ray.test_cluster import free_port, node, wait_for_nodes

ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent
GAUSSIAN = yaml.safe_load((ROOT / "configs/models/gaussian.yaml").read_text())
# It tells where it was loaded from.
TEACHER = """
import my_helper
from pairgen.teachers.gaussian import *
with open({mark!r}, "a") as file:
    file.write(__file__ + " " + my_helper.__file__ + "\\n")
"""
# Hides a folder from all imports, as on another machine, which does not have it.
HIDING = """
import sys

class Nothing:
    def find_spec(self, name, target=None):
        return None

def hide(path):
    if path != {hidden!r}:
        raise ImportError
    return Nothing()

sys.path_hooks.insert(0, hide)
"""
SMALL = ("--cfg", "1", "--steps", "2", "--num-samples", "4", "--samples-per-shard", "2")


def node_in(folder: Path, *arguments: str) -> AbstractContextManager[Any]:
    """A Ray node that was started in a folder and imports from it, gone at the end."""
    return node(
        *arguments, folder=folder, environment={**os.environ, "PYTHONPATH": f"{folder}:{ROOT}"}
    )


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(500)
def test_own_code_on_another_node_is_the_users_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whether this machine has a token is no matter of this test.
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    desk, there, mark = tmp_path / "desk", tmp_path / "there", tmp_path / "mark"
    for folder in (desk, there):
        (folder / "my_package").mkdir(parents=True)
        (folder / "my_package/__init__.py").touch()
        text = f"# As it is in {folder.name}.\nfrom pairgen.teachers.gaussian import *\n"
        (folder / "my_package/teacher.py").write_text(text)
    (desk / "my_teacher.py").write_text(TEACHER.format(mark=str(mark)))
    (desk / "my_helper.py").touch()
    (there / "sitecustomize.py").write_text(HIDING.format(hidden=str(desk)))
    for name, teacher in (("file", "./my_teacher.py"), ("package", "my_package.teacher")):
        (desk / f"{name}.yaml").write_text(yaml.safe_dump({**GAUSSIAN, "teacher": teacher}))
    port = free_port()
    address = f"127.0.0.1:{port}"

    def ode(model: str, *more: str) -> subprocess.CompletedProcess[str]:
        line = [str(BIN / "pairgen"), "ode", "--model", f"{model}.yaml", *SMALL, "--out", model]
        ray = ("--executor", "ray", "--address", address, "--num-workers", "1")
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            [*line, *ray, *more],
            cwd=desk,
            env=environment,
            capture_output=True,
            text=True,
            timeout=200,
        )

    head = ("--head", f"--port={port}", "--num-gpus=0", "--num-cpus=0")
    with node_in(tmp_path, *head):
        wait_for_nodes(address, 1)
        with node_in(there, f"--address={address}", "--num-gpus=0", "--num-cpus=1"):
            wait_for_nodes(address, 2)
            made = ode("file")
            assert made.returncode == 0, made.stderr
            here, *actors = mark.read_text().splitlines()
            assert here == f"{desk}/my_teacher.py {desk}/my_helper.py"
            assert actors
            assert not any(str(desk) in each for each in actors)
            assert [*read_plan(LocalStore(desk / "file")).code["modules"]] == [
                "my_helper",
                "my_teacher",
            ]
            refused = ode("package")
            assert refused.returncode == 2, refused.stderr
            assert "my_package.teacher (was " in refused.stderr
            assert "Traceback" not in refused.stderr
            assert not list(desk.glob("package/train/*"))
            accepted = ode("package", "--accept-changed-code")
            assert accepted.returncode == 0, accepted.stderr
    assert len(read_plan(LocalStore(desk / "package")).code["others"]) == 1
