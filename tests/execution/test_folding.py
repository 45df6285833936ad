"""What a killed run leaves to its readers: a manifest that has nearly all receipts."""

import threading
from pathlib import Path
from typing import Any

import pytest

import pairgen
from pairgen.execution import folding
from pairgen.shards.format import layout
from pairgen.shards.storage.local_store import LocalStore
from tests.runs import QUICK_ODE
from tests.s3_server import Faults, bucket, faults, quiet, server

pytestmark = [pytest.mark.slow, *quiet]
__all__ = ["bucket", "faults", "server"]


def test_the_manifest_follows_while_shards_are_made(
    faults: Faults, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "SECONDS_BETWEEN_FOLDS", 0.1)
    is_last_held, folds = threading.Event(), threading.Semaphore(0)

    def hold(method: str, path: str) -> None:
        """Keep the last shard until the manifest was written once more."""
        if method != "PUT":
            return
        if path.endswith(layout.MANIFEST) and is_last_held.is_set():
            folds.release()
        if path.endswith(layout.shard_path(2)):
            is_last_held.set()
            # The second of them was read after the last receipt so far.
            assert folds.acquire(timeout=25) and folds.acquire(timeout=25)

    faults.now = hold
    assert pairgen.ode(**{**QUICK_ODE, "num_samples": 12}, out=f"{bucket}/set").complete
    assert is_last_held.is_set() and pairgen.verify(f"{bucket}/set").clean


def test_a_local_folder_is_folded_at_the_end_alone(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(folding, "SECONDS_BETWEEN_FOLDS", 0.0)
    before = threading.active_count()
    plan: Any = None
    with folding.folding(LocalStore(tmp_path), plan, None):
        assert threading.active_count() == before
    assert not list(tmp_path.iterdir())
