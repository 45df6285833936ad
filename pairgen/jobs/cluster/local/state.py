"""What is kept of a local cluster between commands: a file in the user's cache, no secrets in it.

It is written before the first process starts, so that `down` ends what a killed `up` has begun.
"""

import fcntl
import hashlib
import json
import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from pairgen.errors import PairgenError

# Ray's sockets lie in it, whose paths may have 107 characters.
SHORT_TMP = Path("/tmp")  # noqa: S108


@dataclass(frozen=True, kw_only=True)
class State:
    """A local cluster.

    Attributes:
        mark: Random text in the environment of each of its processes.
        folder: Ray's folder of the cluster, with its logs and the token that protects it.
        gcs_port: Port of the head node.
        jobs_port: Port of its job server, on the loopback interface.
    """

    mark: str
    folder: str
    gcs_port: int
    jobs_port: int

    @property
    def token_file(self) -> Path:
        """The file with the token, in a folder that only its owner can open."""
        return Path(self.folder) / "auth_token"


def state_file(config: Path) -> Path:
    """Return where the state of a config file's cluster is kept."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = hashlib.sha256(str(config).encode()).hexdigest()[:12]
    return cache / "pairgen" / "clusters" / f"{config.stem}-{digest}.json"


def read_state(path: Path) -> State | None:
    """Return the state that is kept in a file; None if there is none.

    Raises:
        PairgenError: The file holds something else.
    """
    try:
        return State(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        raise PairgenError(
            f"The file {path} is damaged; end the cluster by hand, then remove it."
        ) from None


def new_state(path: Path) -> State:
    """Choose a mark, a folder with a token, and ports; keep them in a file."""
    place = SHORT_TMP if SHORT_TMP.is_dir() else None
    folder = tempfile.mkdtemp(prefix="pairgen-cluster-", dir=place)
    gcs_port, jobs_port = free_ports(2)
    mark = secrets.token_hex(16)
    state = State(mark=mark, folder=folder, gcs_port=gcs_port, jobs_port=jobs_port)
    state.token_file.write_text(secrets.token_hex(32), encoding="utf-8")
    state.token_file.chmod(0o600)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(asdict(state)), encoding="utf-8")
    part.replace(path)
    return state


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one command at a time start or end the cluster of a state file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def free_ports(num: int) -> list[int]:
    """Return ports of this machine that nobody listens on."""
    probes = [socket.socket() for _ in range(num)]
    try:
        for probe in probes:
            probe.bind(("", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
