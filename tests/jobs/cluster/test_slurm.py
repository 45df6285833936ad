"""The sbatch script: what stands in it, and a real run where Slurm is installed.

`apt-get install slurmctld slurmd slurm-client munge` brings what the real run needs: two nodes of a
Slurm of its own, on the loopback interface.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import pairgen
from pairgen.jobs.cluster.base import Job
from pairgen.jobs.cluster.config_file import read_cluster
from tests.execution.ray.test_cluster import free_port
from tests.runs import QUICK_ODE, shas, wait_until, words

ROOT = Path(__file__).parents[3]
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "munged")
MISSING = [name for name in PROGRAMS if shutil.which(name) is None]
CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool_%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
MailProg=/bin/true
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs={cpus}
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs={cpus}
PartitionName=all Nodes=n1,n2 Default=YES State=UP
"""


def job(*line: str) -> Job:
    return Job(words=line, env={}, working_dir="", detach=False)


@pytest.mark.parametrize("gpus", [0, 8])
def test_the_script_is_one_of_bash_and_holds_the_options(gpus: int, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        f"kind: slurm\nnodes: 5\ngpus_per_node: {gpus}\ntime: 2-0\n"
        "sbatch: ['--partition=gpu', '--comment=two words']\nsetup: [module load python]\n"
    )
    script = read_cluster(path).show(job("ode", "--prompts", "it's here.txt"))
    checked = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
    assert checked.returncode == 0, checked.stderr
    head = [line for line in script.splitlines() if line.startswith("#SBATCH ")]
    assert {"#SBATCH --nodes=5", "#SBATCH --time=2-0", "#SBATCH --partition=gpu"} <= {*head}
    assert "#SBATCH '--comment=two words'" in head
    assert ("#SBATCH --gpus-per-node=8" in head) == bool(gpus)
    # sbatch reads no options behind the first command.
    assert script.rindex("#SBATCH") < script.index("set -euo pipefail")
    assert """ode --prompts 'it'"'"'s here.txt'""" in script
    assert "\nmodule load python\n" in script


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Two nodes of Slurm on this machine; gone at the end."""
    if MISSING or os.geteuid():
        pytest.skip(f"needs root and {', '.join(PROGRAMS)}; missing: {', '.join(MISSING)}")
    host, ports = socket.gethostname(), [free_port() for _ in range(3)]
    folder = tmp_path / "slurm"
    (folder / "state").mkdir(parents=True)
    (folder / "key").write_bytes(os.urandom(64))
    (folder / "key").chmod(0o400)
    conf = CONF.format(host=host, ports=ports, folder=folder, cpus=os.cpu_count())
    (folder / "slurm.conf").write_text(conf)
    monkeypatch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    munge = [f"--{name}={folder}/munge.{name}" for name in ("socket", "pid-file", "log-file")]
    munge += [f"--key-file={folder}/key", f"--seed-file={folder}/seed"]
    daemons = [
        ["munged", "--force", "--foreground", *munge],
        ["slurmctld", "-D", "-c"],
        ["slurmd", "-D", "-N", "n1"],
        ["slurmd", "-D", "-N", "n2"],
    ]
    started = []
    try:
        for line in daemons:
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            started.append(subprocess.Popen(line, **quiet))
            time.sleep(1)
        both = ["sinfo", "--noheader", "--states=idle", "--format=%D"]
        wait_until(
            lambda: subprocess.run(both, capture_output=True, text=True).stdout.strip() == "2"
        )
        yield folder
    finally:
        subprocess.run(["scancel", "--me"], capture_output=True)
        for process in reversed(started):
            process.terminate()
            process.wait(timeout=60)


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(900)
def test_a_batch_job_makes_the_set_and_ends_with_the_code_of_its_command(
    slurm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "mine.yaml"
    config.write_text("kind: slurm\nnodes: 2\ngpus_per_node: 0\ncpus_per_node: 1\ntime: '10'\n")
    pairgen.ode(**QUICK_ODE, out=tmp_path / "serial")
    options = {name: value for name, value in QUICK_ODE.items() if name != "executor"}

    def submit(*line: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pairgen", "cluster", "submit", str(config), "--"]
        return subprocess.run([*command, "pairgen", *line], capture_output=True, text=True)

    made = submit(*words("ode", **options, out="out"))
    assert made.returncode == 0, made.stdout + made.stderr
    assert "30 of 30 samples in 8 of 8 shards" in made.stdout
    assert shas(tmp_path / "out") == shas(tmp_path / "serial")
    wrong = submit("ode", "--model=none")
    assert wrong.returncode == 2, wrong.stdout + wrong.stderr
    assert "There is no model 'none'" in wrong.stdout
    left = subprocess.run(["squeue", "--noheader"], capture_output=True, text=True).stdout
    assert not left.strip()
    assert not [
        each for each in Path("/proc").glob("[0-9]*/cmdline") if b"/tmp/ray-1/" in _read(each)
    ]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
