"""`pairgen verify`: every shard read again, with progress."""

from pathlib import Path

from pairgen.generate.progress import Progress
from pairgen.shards.manifest import read_plan
from pairgen.shards.store import open_store
from pairgen.shards.verify import Report, verify


def run_verify(folder: str | Path) -> Report:
    """Do what `verify` says."""
    store = open_store(folder)
    progress = Progress(read_plan(store).num_shards, 0, unit="shards checked")
    try:
        return verify(store, lambda num_done, _: progress.reached(num_done))
    finally:
        progress.close()
