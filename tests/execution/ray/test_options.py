"""What actors ask Ray for, by what the cluster has."""

import pytest

from pairgen.errors import ConfigError
from pairgen.execution.ray import options
from pairgen.execution.ray.options import RayOptions, check_reachable, explained, share_of
from tests.listening import SETTINGS, listening

HEAD = {"node:__internal_head__": 1.0, "memory": 1e9}


@pytest.mark.parametrize(
    ("resources", "gpus_per_worker", "num_workers", "share"),
    [
        ({**HEAD, "CPU": 8.0}, 1.0, 2, {"num_gpus": 0, "num_cpus": 1.0}),
        ({**HEAD, "CPU": 2.0}, 1.0, 3, {"num_gpus": 0, "num_cpus": 0.6666}),
        ({**HEAD, "CPU": 8.0, "GPU": 4.0}, 0.5, 8, {"num_gpus": 0.5, "num_cpus": 0}),
        ({**HEAD, "CPU": 8.0, "GPU": 4.0}, 0.0, 8, {"num_gpus": 0, "num_cpus": 1.0}),
        # A head alone that takes no work: machines come when GPUs are asked for.
        (HEAD, 1.0, 8, {"num_gpus": 1.0, "num_cpus": 0}),
        (HEAD, 0.0, 1, {"num_gpus": 0, "num_cpus": 1.0}),
    ],
)
def test_actors_ask_for_what_there_is_or_is_to_be(
    resources: dict[str, float], gpus_per_worker: float, num_workers: int, share: dict[str, float]
) -> None:
    options = RayOptions(num_workers=0, gpus_per_worker=gpus_per_worker, address="")
    assert share_of(resources, options, num_workers) == share


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", r"another program listens there, which answers b'SSH-2.0-O'"),
        (
            b"HTTP/1.1 400 Bad Request\r\n",
            "another program listens there, which answers b'HTTP/1.1",
        ),
        (b"", "another program listens there, which answers b''"),
        (None, r"what listens there has not answered for 0\.3 s"),
    ],
)
def test_what_is_no_head_is_told_at_once(
    answer: bytes | None, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options, "SECONDS_TO_CONNECT", 0.3)
    with listening(answer) as address, pytest.raises(ConfigError, match=reason) as caught:
        check_reachable(address)
    assert address in str(caught.value)


def test_a_server_of_the_right_kind_is_let_through() -> None:
    with listening(SETTINGS) as address:
        check_reachable(address)


def test_the_cause_of_a_failed_connection_is_told_whole() -> None:
    versions = RuntimeError(
        "Version mismatch: The cluster was started with:\n    Ray: 2.9.0\n    Python: 3.9.1\n"
        "This process on node 10.0.0.1 was started with:\n    Ray: 2.60.0\n    Python: 3.11.7\n"
    )
    assert "Ray: 2.9.0 Python: 3.9.1 This process" in explained(versions)
    assert "Python: 3.11.7" in explained(versions)
    assert "~/.ray/auth_token" in explained(ConnectionError("Failed to connect to Ray cluster"))
