"""`pairgen verify`: check every byte and number of a dataset, or part of them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pairgen.execution.checking import check_set, find_readers
from pairgen.jobs.verify.options import VerifyConfig
from pairgen.resolution import sources_of
from pairgen.shards.check.report import Report
from pairgen.shards.format.annotations import find_annotations
from pairgen.shards.format.overlay import KIND
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.format.store import open_store


def verify_annotations(
    folder: str | Path, given: Mapping[str, Any]
) -> Iterator[tuple[str, Report]]:
    """Yield URL and report of each overlay that lies in `DIR.annotations`.

    With a condition there are none: its columns are those of the dataset.
    """
    options = sources_of(VerifyConfig, given).resolved().options
    store = open_store(folder)
    if options.where or read_plan(store).kind == KIND:
        return
    for overlay in find_annotations(store):
        yield overlay.url, check_set(overlay, options.scope, find_readers(options))


def run_verify(folder: str | Path, given: Mapping[str, Any]) -> Report:
    """Run `verify` and return its report."""
    options = sources_of(VerifyConfig, given).resolved().options
    return check_set(open_store(folder), options.scope, find_readers(options))
