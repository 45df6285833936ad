"""A store that turns requests away: through a proxy in front of a real server."""

import re
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import pairgen
from pairgen import retry
from pairgen.errors import StoreError
from pairgen.shards.format import layout
from pairgen.shards.format.manifest import standing_receipts
from pairgen.shards.storage.store import open_store
from tests.runs import QUICK_ODE
from tests.s3_server import Faults, bucket, faults, quiet, server

pytestmark = [pytest.mark.slow, *quiet]
__all__ = ["bucket", "faults", "server"]
ODE: dict[str, Any] = {**QUICK_ODE, "num_samples": 12}


def test_credentials_that_expire_end_the_run_and_the_same_command_goes_on(
    faults: Faults, bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(retry, "PAUSES_IF_DENIED", (0.01,))
    url = f"{bucket}/set"

    def expired(method: str, path: str) -> tuple[int, str] | None:
        """The second shard's tar goes up, and nothing more."""
        if re.search("/train/00001.tar", path):
            faults.now = lambda *_: (403, "ExpiredToken")
        return None

    faults.now = expired
    with pytest.raises(StoreError, match=r"ExpiredToken.*renew the credentials and run"):
        pairgen.ode(**ODE, out=url)
    faults.now = lambda *_: None
    store = open_store(url)
    assert standing_receipts(store) == [0] and store.exists(layout.shard_path(1))
    assert pairgen.ode(**ODE, out=url).complete and pairgen.verify(url).clean
    assert pairgen.ode(**ODE, out=tmp_path).complete
    for shard in range(3):
        path = layout.shard_path(shard)
        assert store.read_bytes(path) == (tmp_path / path).read_bytes()


def test_a_store_that_fails_now_and_then_costs_time_alone(
    faults: Faults, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One request in seven is answered by an error, or by the wish to ask less often."""
    monkeypatch.setattr(retry, "PAUSES", (0.01,) * 6)
    requests, errors = (
        count(1),
        ((503, "SlowDown"), (500, "InternalError"), (429, "TooManyRequests")),
    )
    faults.now = lambda *_: errors[n % 3] if (n := next(requests)) % 7 == 0 else None
    assert pairgen.ode(**ODE, out=f"{bucket}/set").complete
    assert next(requests) > 40
    faults.now = lambda *_: None
    assert pairgen.verify(f"{bucket}/set").clean
