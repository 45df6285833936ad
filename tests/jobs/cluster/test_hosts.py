"""Machines by ssh: the packaged file, and a real run on two machines of one machine's making.

`apt-get install openssh-server rsync iproute2` brings what the real run needs. Each of the two
machines has a network, processes, a home and a name of its own, and sees the files of this one.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import yaml

import pairgen
from pairgen.config import packaged_configs
from pairgen.errors import ConfigError
from pairgen.jobs.cluster.config_file import read_cluster
from tests.patient_teacher import FILE, MODEL
from tests.runs import QUICK_ODE, shas, wait_until, words

ROOT = Path(__file__).parents[3]
PROGRAMS = ("ip", "unshare", "sshd", "ssh", "ssh-keygen", "rsync")
NETWORK, NAMES = "10.213.77", ("head", "worker")
ADDRESSES = {name: f"{NETWORK}.{number}" for number, name in enumerate(NAMES, start=10)}
# What the first process of a machine does.
BOOT = """
hostname {name}
mkdir -p /tmp/ray
for folder in /tmp/ray /dev/shm /run; do mount -t tmpfs tmpfs $folder; done
mkdir -p /run/sshd
mount --bind {folder}/passwd /etc/passwd
mount --bind {folder}/profile /etc/profile
exec {sshd} -D -e -o PidFile=none -o PermitRootLogin=yes -o StrictModes=no -o UsePAM=no \
    -o AuthorizedKeysFile={key}.pub -o HostKey={key}
"""


def found(program: str) -> str | None:
    return shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


def run(*line: object) -> None:
    subprocess.run([found(str(line[0])), *map(str, line[1:])], check=True, capture_output=True)


@contextmanager
def network() -> Iterator[None]:
    """A bridge with a cable to each machine."""
    with ExitStack() as undo:
        run("ip", "link", "add", "pairgen", "type", "bridge")
        undo.callback(run, "ip", "link", "del", "pairgen")
        run("ip", "addr", "add", f"{NETWORK}.1/24", "dev", "pairgen")
        run("ip", "link", "set", "pairgen", "up")
        for name, address in ADDRESSES.items():
            space = f"pairgen-{name}"
            run("ip", "netns", "add", space)
            undo.callback(run, "ip", "netns", "del", space)
            cable = ["type", "veth", "peer", "name", "eth0", "netns", space]
            run("ip", "link", "add", f"pg-{name}", *cable)
            undo.callback(run, "ip", "link", "del", f"pg-{name}")
            run("ip", "link", "set", f"pg-{name}", "master", "pairgen", "up")
            run("ip", "-n", space, "addr", "add", f"{address}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                run("ip", "-n", space, "link", "set", device, "up")
            # Ray asks which of its addresses leads out.
            run("ip", "-n", space, "route", "add", "default", "via", f"{NETWORK}.1")
        yield


@contextmanager
def machine(name: str, folder: Path, key: Path) -> Iterator[None]:
    """One machine, which answers ssh; all its processes end with it."""
    (folder / "home").mkdir(parents=True)
    users = Path("/etc/passwd").read_text().replace(":/root:", f":{folder / 'home'}:")
    (folder / "passwd").write_text(users)
    patience = folder.parent / "patience"
    patience.write_text("1")
    own = {"PATH": f"{Path(sys.executable).parent}:$PATH", "PYTHONPATH": ROOT, FILE: patience}
    lines = [f"export {name}={value}\n" for name, value in own.items()]
    (folder / "profile").write_text("".join(lines))
    (folder / "home" / ".bashrc").touch()
    boot = BOOT.format(name=name, folder=folder, key=key, sshd=found("sshd"))
    own = ["--pid", "--fork", "--kill-child", "--mount", "--uts", "--mount-proc"]
    line = [found("ip"), "netns", "exec", f"pairgen-{name}", "unshare", *own, "sh", "-ec", boot]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(line, stdout=log, stderr=log)
    try:
        wait_until(lambda: "listening" in (folder / "log").read_text())
        yield
    finally:
        process.kill()
        process.wait()


def seen(folder: Path, pattern: str, address: str) -> int:
    """Return the number of processes of a machine whose command holds a word."""
    ssh = ["ssh", "-i", folder / "key", "-o", "StrictHostKeyChecking=no"]
    ssh += ["-o", f"UserKnownHostsFile={folder}/known", f"root@{address}"]
    done = subprocess.run([*map(str, ssh), f"pgrep -c {pattern}"], capture_output=True, text=True)
    return int(done.stdout)


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The packaged file with two machines of its own in place of its examples."""
    missing = [name for name in PROGRAMS if not found(name)]
    if missing or os.geteuid():
        pytest.skip(f"needs root and {', '.join(PROGRAMS)}; missing: {', '.join(missing)}")
    if subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("needs namespaces")
    key = tmp_path / "key"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    # So is the token of this test, which the command makes.
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    data = yaml.safe_load((packaged_configs() / "cluster/hosts.yaml").read_text())
    data["provider"] |= {"head_ip": ADDRESSES["head"], "worker_ips": [ADDRESSES["worker"]]}
    data["auth"] = {"ssh_user": "root", "ssh_private_key": str(key)}
    del data["setup_commands"]
    config = tmp_path / "mine.yaml"
    config.write_text(yaml.safe_dump(data))
    with ExitStack() as stack:
        stack.enter_context(network())
        for name in NAMES:
            stack.enter_context(machine(name, tmp_path / name, key))
        yield config


def cluster(*line: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pairgen", "cluster", *map(str, line)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(900)
def test_two_machines_by_ssh_make_the_set_and_nothing_stays(hosts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    up = cluster("up", hosts)
    assert up.returncode == 0, up.stdout + up.stderr
    token = (tmp_path / "home/.ray/auth_token").read_text()
    assert token not in up.stdout + up.stderr
    wait_until(lambda: seen(tmp_path, "raylet", ADDRESSES["worker"]) > 0)
    wait_until(lambda: " 2 local.cluster.node" in cluster("status", hosts).stdout)
    assert (tmp_path / "worker/home/.ray/auth_token").read_text() == token

    chosen = {**QUICK_ODE, "model": str(MODEL)}
    pairgen.ode(**chosen, out=tmp_path / "serial")
    # Shards of some seconds, so that the workers of both machines begin before the last.
    chosen |= {"executor": "ray", "num_workers": 2 * (os.cpu_count() or 1)}
    line = words("ode", **chosen, out=tmp_path / "out")
    made = cluster("submit", hosts, "--", "pairgen", *line)
    assert made.returncode == 0, made.stdout + made.stderr
    assert "30 of 30 samples in 8 of 8 shards" in made.stdout
    assert " on head, device" in made.stdout and " on worker, device" in made.stdout
    assert shas(tmp_path / "out") == shas(tmp_path / "serial")
    wrong = cluster("submit", hosts, "--", "pairgen", "ode", "--model=none")
    assert wrong.returncode == 2, wrong.stdout + wrong.stderr

    down = cluster("down", hosts)
    assert down.returncode == 0, down.stdout + down.stderr
    assert seen(tmp_path, "raylet", ADDRESSES["head"]) == 0
    # Those of the worker end once they miss the head.
    wait_until(lambda: seen(tmp_path, "raylet", ADDRESSES["worker"]) == 0, seconds=180)


def test_what_is_missing_is_named_before_anything_starts(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RAY_AUTH_TOKEN", "ab" * 32)
    (tmp_path / "ssh").symlink_to("/bin/true")
    with pytest.raises(ConfigError, match="There is no program 'rsync' on the PATH"):
        read_cluster("hosts").up(print)
    (tmp_path / "rsync").symlink_to("/bin/true")
    with pytest.raises(ConfigError, match=r"copies the token ~/\.ray/auth_token to its machines"):
        read_cluster("hosts").up(print)


@pytest.mark.parametrize("name", ["hosts", "aws", "gcp"])
def test_every_node_of_the_packaged_files_starts_protected(name):
    data = yaml.safe_load((packaged_configs() / f"cluster/{name}.yaml").read_text())
    assert data["file_mounts"] == {"~/.ray/auth_token": "~/.ray/auth_token"}
    for kind in ("head", "worker"):
        *_, start = data[f"{kind}_start_ray_commands"]
        assert "RAY_AUTH_MODE=token ray start " in start
