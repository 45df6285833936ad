"""Options of the Ray executor, and its actors' environment; imports no Ray."""

import math
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pairgen.errors import ConfigError
from pairgen.execution.executor import AnyJob
from pairgen.execution.scheduling.rules import Rules
from pairgen.execution.worker import Job

SECONDS_TO_CONNECT = 5.0
# What a client of HTTP/2 sends first, with empty settings of its own.
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
HTTP2_FRAME_HEAD, HTTP2_SETTINGS = 9, 4


@dataclass(frozen=True, kw_only=True)
class RayOptions:
    """Where to run, and on how many workers.

    Attributes:
        num_workers: Number of actors; 0 for as many as the cluster has room for, now and later.
        gpus_per_worker: GPUs per actor, if the cluster has any.
        address: `auto`, `HOST:PORT` or `ray://HOST:PORT` of a running cluster; empty for
            RAY_ADDRESS, or else a cluster on this machine alone.
        grace: Seconds from SIGTERM to the end of a worker.
        rules: When a shard runs twice, and when a worker is given up.
    """

    num_workers: int
    gpus_per_worker: float
    address: str
    grace: float = 30.0
    rules: Rules = field(default_factory=Rules)


def room_for(resources: Mapping[str, float], gpus_per_worker: float) -> int:
    """Return how many actors fit in these resources, at least 1."""
    num_gpus = resources.get("GPU", 0.0)
    if num_gpus > 0 and gpus_per_worker > 0:
        return max(int(num_gpus / gpus_per_worker), 1)
    return max(int(resources.get("CPU", 1.0)), 1)


def share_of(
    resources: Mapping[str, float], options: RayOptions, num_workers: int
) -> dict[str, float]:
    """Return what each of `num_workers` actors asks Ray for."""
    # A cluster that has neither is to grow: its autoscaler starts machines for what is asked for.
    is_empty = "CPU" not in resources and "node:__internal_head__" in resources
    if options.gpus_per_worker > 0 and (resources.get("GPU", 0.0) > 0 or is_empty):
        return {"num_gpus": options.gpus_per_worker, "num_cpus": 0}
    # Less than a core per worker if there are more workers than cores: otherwise a third one on
    # two cores would wait forever. Ray counts in steps of 0.0001.
    share = min(1.0, resources.get("CPU", 1.0) / num_workers)
    return {"num_gpus": 0, "num_cpus": math.floor(share * 10_000) / 10_000}


def actor_environment(job: AnyJob, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables of every actor, also on nodes started without them.

    Args:
        job: The run's job.
        environ: The driver's environment.
    """
    passed = {"OMP_NUM_THREADS": str(job.cpu_threads)}
    # Actors that share a cache of compiled kernels start in seconds and run the same kernels.
    if cache := environ.get("TORCHINDUCTOR_CACHE_DIR"):
        passed["TORCHINDUCTOR_CACHE_DIR"] = cache
    return passed


def files_environment(job: AnyJob) -> dict[str, Any]:
    """Return the runtime environment of all of a run, which carries files to other machines.

    Ray takes files only for a whole run, not for an actor.
    """
    files = job.files if isinstance(job, Job) else ()
    return {"runtime_env": {"py_modules": list(files)}} if files else {}


def without_files(job: AnyJob) -> AnyJob:
    """Return a job whose workers find own modules where the runtime environment puts them."""
    if not isinstance(job, Job):
        return job
    return replace(job, trust=replace(job.trust, files=()))


def check_reachable(address: str) -> None:
    """Raise ConfigError if no gRPC server answers at HOST:PORT; Ray itself would retry for minutes.

    A head is one, and so is its server for `ray://`. Each answers the beginning of a connection
    (RFC 9113, section 3.4) by its settings.
    """
    address = address or os.environ.get("RAY_ADDRESS", "")
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():
        return
    reason = ""
    try:
        with socket.create_connection((host, int(port)), SECONDS_TO_CONNECT) as connection:
            if os.environ.get("RAY_USE_TLS", "0") in ("", "0"):
                connection.sendall(HTTP2_PREFACE)
                reason = _unlike_grpc(connection)
    except TimeoutError:
        reason = f"what listens there has not answered for {SECONDS_TO_CONNECT:g} s"
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise ConfigError(f"The Ray cluster {address!r} cannot be reached: {reason}.")


def _unlike_grpc(connection: socket.socket) -> str:
    """Return in which way an answer is not that of a gRPC server; nothing if it is."""
    head = b""
    while len(head) < HTTP2_FRAME_HEAD and (more := connection.recv(HTTP2_FRAME_HEAD - len(head))):
        head += more
    if len(head) == HTTP2_FRAME_HEAD and head[3] == HTTP2_SETTINGS:
        return ""
    return f"another program listens there, which answers {head!r}"


def explained(error: Exception) -> str:
    """Return why Ray could not join a cluster: its whole message, and what it does not say."""
    reason = " ".join(str(error).split())
    if "Failed to connect" in reason:
        # A server of the right kind answers there: Ray tells the cause to standard error alone.
        reason = (
            f"{reason.rstrip('.')}. If it is protected by a token, put that of its head into "
            "~/.ray/auth_token or RAY_AUTH_TOKEN, and set RAY_AUTH_MODE=token if you import Ray "
            "before pairgen."
        )
    return reason
