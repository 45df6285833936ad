"""`pairgen verify`: check every byte and number of a dataset, or part of them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pairgen.errors import ConfigError
from pairgen.execution.checking import check_set, find_readers
from pairgen.jobs.verify.options import VerifyConfig
from pairgen.resolution import sources_of
from pairgen.shards.check.report import Report
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.format.subsets import open_sets
from pairgen.shards.overlays.annotations import find_annotations
from pairgen.shards.overlays.overlay import KIND
from pairgen.shards.storage.store import open_store


def verify_all(folder: str | Path, given: Mapping[str, Any]) -> Iterator[tuple[str, Report]]:
    """Yield heading and report of a dataset, then of each overlay that lies in `DIR.annotations`.

    A heading is the URL, empty for the dataset that was asked for. The sub-sets of a folder come
    one after the other. With a condition there are no overlays: its columns are those of the
    dataset. A check that was interrupted is the last.

    Raises:
        ConfigError: The folder holds no dataset, an option is wrong, or an overlay's plan cannot
            be read; the others are checked before.
    """
    options = sources_of(VerifyConfig, given).resolved().options
    asked = open_store(folder).url
    for dataset in open_sets(folder):
        stores = [dataset]
        if not options.where and read_plan(dataset).kind != KIND:
            stores += find_annotations(dataset)
        bad_plan: ConfigError | None = None
        for store in stores:
            try:
                report = check_set(store, options.scope, find_readers(options))
            except ConfigError as error:
                if store is dataset:
                    raise
                # That of an overlay: the others are checked first.
                bad_plan = bad_plan or error
                continue
            yield store.url if store.url != asked else "", report
            if report.interrupted:
                return
        if bad_plan is not None:
            raise bad_plan


def run_verify(folder: str | Path, given: Mapping[str, Any]) -> Report:
    """Run `verify` on one dataset, without its annotations, and return its report."""
    options = sources_of(VerifyConfig, given).resolved().options
    return check_set(open_store(folder), options.scope, find_readers(options))
