"""`pairgen` in processes of their own that begin with its libraries imported.

A server has imported them, and forks for each command: of one that takes a moment, imports are
most of the time. `python -m tests.warm SOCKET` is the server; it imports at the first
request, and ends with its standard input. All that run tests beside each other share one.
"""

import atexit
import functools
import gc
import importlib
import json
import os
import pkgutil
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).parents[1]
# Names the server's socket to the processes that run tests, and to the commands that stand in.
SOCKET = "PAIRGEN_TESTS_WARM"
# Beside all of pairgen: what its libraries import in passing, and late.
IMPORTED = ("pandas", "dateutil.parser", "torch.utils.tensorboard")
# They import Ray, which reads the environment then; or stand in for a module.
NOT_IMPORTED = ("pairgen.execution.ray.executor", "pairgen.execution.ray.metrics")
NOT_IMPORTED += ("pairgen.execution.ray.shard_actor", "pairgen.jobs.cluster.ray_jobs")
NOT_IMPORTED += ("pairgen.jobs.cluster.launched", "pairgen.jobs.cluster.local.cluster")
NOT_IMPORTED += ("pairgen.__main__", "pairgen.basicsr_shim")
# What `sys.argv` begins with in `python -m pairgen`.
AS_MODULE = [str(ROOT / "pairgen/__main__.py")]
COMMAND = "from pairgen.cli import main\nmain()"


class Started:
    """A process that the server has forked; `subprocess.Popen` for what tests ask of it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.pid = self._number()
        self.returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; return its exit code, or the negative number of its signal."""
        if self.returncode is None:
            if timeout is not None and not select.select([self._connection], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
            self.returncode = self._number()
            self._connection.close()
        return self.returncode

    def _number(self) -> int:
        """Read one line, and nothing behind it: `wait` asks whether there is more."""
        line = b""
        while not line.endswith(b"\n"):
            read = self._connection.recv(1)
            assert read, "the server of warm processes has ended"
            line += read
        return int(line)

    def poll(self) -> int | None:
        """Return how it ended; None while it runs."""
        try:
            return self.wait(timeout=0)
        except subprocess.TimeoutExpired:
            return None

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL it."""
        self.send_signal(signal.SIGKILL)


def start(
    argv: Sequence[str],
    streams: Sequence[int],
    *,
    code: str = COMMAND,
    cwd: Path | str | None = None,
    first: Path | str | None = None,
    env: Mapping[str, str] | None = None,
    session: bool = False,
) -> Started:
    """Start Python code in a process of its own.

    Args:
        argv: Its `sys.argv`.
        streams: File descriptors for its standard input, output and errors.
        code: What it runs, `pairgen` unless told otherwise.
        cwd: Its working directory.
        first: Where it looks for modules first; the working directory if not given.
        env: Its whole environment; the present one if not given.
        session: Whether it leads a session, and so a process group, of its own.
    """
    request = {
        "argv": list(argv),
        "code": code,
        "cwd": str(cwd or os.getcwd()),
        "first": str(first or cwd or os.getcwd()),
        "env": dict(os.environ if env is None else env),
        "session": session,
    }
    return Started(_asked(request, streams))


def run(
    argv: Sequence[str], *, stdin: str = "", timeout: float = 280, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own to its end, with the options of `start`."""
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as errors,
    ):
        given.write(stdin.encode())
        given.seek(0)
        process = start(argv, [each.fileno() for each in (given, out, errors)], **options)
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
            process.wait()
        said = []
        for stream in (out, errors):
            stream.seek(0)
            said.append(stream.read().decode())
    return subprocess.CompletedProcess(list(argv), code, *said)


def listen(**environment: str) -> None:
    """Start the server that this process and those it starts ask from now on.

    The server has `environment` beside that of this process.
    """
    folder = tempfile.mkdtemp(prefix="warm-")
    os.environ[SOCKET] = f"{folder}/socket"
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.warm", os.environ[SOCKET]],
        cwd=ROOT,
        # Asking whether there is a GPU in any other way keeps those forked later from using it.
        env={**os.environ, "PYTORCH_NVML_BASED_CUDA_CHECK": "1", **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None
    server.stdout.read()  # It closes it when it listens.
    server.stdout.close()
    atexit.register(server.communicate)


def _asked(request: Mapping[str, Any], streams: Sequence[int]) -> socket.socket:
    if SOCKET not in os.environ:
        listen()
    data = json.dumps(request).encode()
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(os.environ[SOCKET])
    socket.send_fds(connection, [struct.pack("Q", len(data))], list(streams))
    connection.sendall(data)
    return connection


def _serve(listener: socket.socket) -> dict[str, Any] | None:
    """Fork for each request; return it in the process that answers it, and None at the end."""
    running: dict[int, tuple[int, socket.socket]] = {}
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    poll.register(0, select.POLLIN)
    while True:
        for ready, _ in poll.poll():
            if ready == 0:
                return None
            if ready in running:
                pid, connection = running.pop(ready)
                poll.unregister(ready)
                os.close(ready)
                _, status = os.waitpid(pid, 0)
                _reply(connection, os.waitstatus_to_exitcode(status))
                connection.close()
                continue
            connection, _ = listener.accept()
            header, streams, _, _ = socket.recv_fds(connection, 8, 3)
            with connection.makefile("rb") as data:
                text = data.read(*struct.unpack("Q", header)) if len(header) == 8 else b""
            try:
                request = json.loads(text)
            except ValueError:
                # Who asked was killed over it.
                for each in (*streams, connection.detach()):
                    os.close(each)
                continue
            _import_all()
            pid = os.fork()
            if pid == 0:
                listener.close()
                connection.close()
                for other, (_, their) in running.items():
                    os.close(other)
                    their.close()
                for number, stream in enumerate(streams):
                    os.dup2(stream, number)
                    os.close(stream)
                return request
            for stream in streams:
                os.close(stream)
            _reply(connection, pid)
            watched = os.pidfd_open(pid)
            running[watched] = (pid, connection)
            poll.register(watched, select.POLLIN)


@functools.cache
def _import_all() -> None:
    """Import what commands need; pairgen's own modules each process imports itself."""
    package = importlib.import_module("pairgen")
    names = [each.name for each in pkgutil.walk_packages(package.__path__, "pairgen.")]
    for name in (*names, *IMPORTED):
        if name not in NOT_IMPORTED:
            importlib.import_module(name)
    assert "ray" not in sys.modules and not sys.modules["torch"].cuda.is_initialized()
    for name in names:
        sys.modules.pop(name, None)
    del sys.modules["pairgen"]
    gc.collect()
    gc.freeze()


def _reply(connection: socket.socket, number: int) -> None:
    try:
        connection.sendall(b"%d\n" % number)
    except BrokenPipeError:
        # Nobody waits for it any more.
        return


def _python_path(environment: Mapping[str, str]) -> list[str]:
    return [each for each in environment.get("PYTHONPATH", "").split(os.pathsep) if each]


def _become(request: Mapping[str, Any]) -> NoReturn:
    """Run what is asked in this process, and end it.

    What stands in memory is left to the system: taking it down piece by piece takes a second.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if request["session"]:
        os.setsid()
    threads = request["env"].get("OMP_NUM_THREADS")
    if threads != os.environ.get("OMP_NUM_THREADS"):
        import torch

        torch.set_num_threads(int(threads or os.cpu_count() or 1))
    os.chdir(request["cwd"])
    sys.path[:] = [
        request["first"],
        *_python_path(request["env"]),
        *(each for each in sys.path[1:] if each not in _python_path(os.environ)),
    ]
    os.environ.clear()
    os.environ.update(request["env"])
    # It was found in another environment.
    tempfile.tempdir = None
    sys.argv = request["argv"]
    code = 0
    try:
        exec(request["code"], {"__name__": "__main__"})
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException as error:
        traceback.print_exc()
        code = 130 if isinstance(error, KeyboardInterrupt) else 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    # Ctrl-C is for those who run tests: the server ends when they have.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as own:
        own.bind(sys.argv[1])
        own.listen(64)
        os.dup2(2, 1)
        asked = _serve(own)
    if asked is None:
        shutil.rmtree(Path(sys.argv[1]).parent)
    else:
        _become(asked)
