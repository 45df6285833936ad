"""`pairgen verify`: check every byte and number of a dataset, or part of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pairgen.execution.checking import check_set, find_readers
from pairgen.jobs.verify.options import VerifyConfig
from pairgen.resolution import sources_of
from pairgen.shards.check.report import Report
from pairgen.shards.format.store import open_store


def run_verify(folder: str | Path, given: Mapping[str, Any]) -> Report:
    """Run `verify` and return its report."""
    options = sources_of(VerifyConfig, given).resolved().options
    return check_set(open_store(folder), options.scope, find_readers(options))
