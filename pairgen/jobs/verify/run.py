"""`pairgen verify`: every byte and number of a set, or part of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pairgen.execution.checking import check_set, find_readers
from pairgen.jobs.verify.options import make_verify_config
from pairgen.shards.check.report import Report
from pairgen.shards.format.store import open_store


def run_verify(folder: str | Path, given: Mapping[str, Any]) -> Report:
    """Do what `verify` says."""
    config = make_verify_config(given)
    readers = find_readers(config.executor, config.num_workers, config.address)
    return check_set(open_store(folder), config.scope, readers)
