"""`pairgen inspect`: show what is in a dataset or a sample, and draw images. Changes nothing."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch

import pairgen
from pairgen.drawing.cells import (
    Cell,
    is_latent,
    latent_cells,
    level_cells,
    trajectory_cells,
)
from pairgen.drawing.sample_sheet import check_sheet, draw_sheet
from pairgen.drawing.samples import Target, find_grid_file, write_grid
from pairgen.errors import ConfigError, CorruptShardError
from pairgen.execution.progress import Progress
from pairgen.execution.user_trust import trusted_by_user
from pairgen.jobs.inspect.annotations import annotations_data
from pairgen.jobs.inspect.options import InspectConfig
from pairgen.jobs.inspect.sample_facts import sample_data
from pairgen.jobs.inspect.set_facts import set_data, set_rows
from pairgen.jobs.inspect.subsets import check_asked, subsets_data, subsets_rows
from pairgen.jobs.inspect.summary import Summary, summarize
from pairgen.kinds.decode import load_decoder
from pairgen.model_config import RUN_FILE
from pairgen.option_names import option_text
from pairgen.resolution import sources_of
from pairgen.shards.format.plan_file import has_plan, read_plan
from pairgen.shards.format.slots import index_of_key
from pairgen.shards.format.subsets import has_subsets, read_subsets, set_addresses
from pairgen.shards.format.where import parse_where
from pairgen.shards.loading.left_out import say_left_out
from pairgen.shards.loading.matching import open_matching
from pairgen.shards.loading.stored import (
    Stored,
    find_sample,
    read_rows,
    spread_rows,
)
from pairgen.shards.overlays.overlay import KIND
from pairgen.shards.storage.local_store import LocalStore
from pairgen.shards.storage.store import Store, open_store
from pairgen.shown import Picture, Shown, ShownTable, picture_in
from pairgen.training.runs.record import read_record
from pairgen.types import Plan
from pairgen.wording import counted

# Samples whose members are measured: texts and images vary in size.
NUM_MEASURED = 16

Found = TypeVar("Found")
log = logging.getLogger("pairgen").warning


@dataclass(frozen=True, repr=False)
class Inspection(Shown):
    """The result of an inspection.

    Attributes:
        data: Data of the dataset; empty if keys were given.
        samples: Data of the samples with the given keys.
        grid: Path of the grid of images; None if none was requested.
    """

    data: dict[str, Any]
    samples: tuple[dict[str, Any], ...]
    grid: Path | None

    def shown(self) -> ShownTable:
        """Return the lines that `pairgen inspect` prints first; `data` and `samples` have all."""
        if self.samples:
            rows = [
                (each["key"], str(each["text"] or ""), ", ".join(each["members"]))
                for each in self.samples
            ]
            title = f"Inspection of {counted(len(rows), 'sample')}"
            return ShownTable(title, rows, ("key", "text", "members"))
        if "subsets" in self.data:
            head, *sets = subsets_rows(self.data)
            return ShownTable(f"Inspection of {self.data['folder']}", sets, head)
        (_, folder), *facts = set_rows(self.data)
        return ShownTable(f"Inspection of {folder}", facts)

    def shown_pictures(self) -> list[Picture]:
        """Return the grid."""
        return [] if self.grid is None else picture_in(self.grid)


def run_inspect(
    folder: str | Path,
    keys: Sequence[str] = (),
    **given: Any,
) -> Inspection:
    """Describe a dataset, finished or not, or some of its samples.

    Args:
        folder: The dataset.
        keys: Keys of samples; nine digits, leading zeros may be omitted.
        **given: The options of `InspectConfig`, and `trust_code`: whether to import modules
            outside pairgen that the dataset names.

    Raises:
        ConfigError: The folder holds no dataset, or an option is wrong; nothing was written.
        CorruptShardError: A required shard is damaged.
    """
    with trusted_by_user(given) as asked:
        return _inspect(folder, keys, sources_of(InspectConfig, asked).resolved().options)


def _inspect(folder: str | Path, keys: Sequence[str], options: InspectConfig) -> Inspection:
    where, trajectory = options.where, options.trajectory
    store = open_store(folder)
    if has_subsets(store):
        subsets = read_subsets(store)
        check_asked(store, subsets, keys, options)
        sets = [_inspect(address, (), options).data for address in set_addresses(folder)]
        return Inspection(subsets_data(store, subsets, sets), (), None)
    _check_is_set(store)
    plan = read_plan(store)
    if keys and where:
        raise ConfigError(
            f"{option_text('where')} applies to all samples: give either keys or where."
        )
    target = find_grid_file(options.grid, "--grid") if options.grid else None
    path = None if target is None else target.path
    if target is not None:
        check_sheet(plan, trajectory)
    if keys:
        indices = dict.fromkeys(index_of_key(str(key), plan) for key in keys)
        found = [find_sample(store, plan, index) for index in indices]
        samples = tuple(sample_data(plan, stored, receipt.made) for stored, receipt in found)
        if target is not None:
            _write_sheet(target, plan, [stored for stored, _ in found], len(found), trajectory)
        return Inspection({}, samples, path)
    condition, matching = parse_where(where) if where else None, None
    summary = _with_progress(plan, "receipts", partial(summarize, store, plan))
    data = set_data(store.url, plan, summary, _mean_sizes(store, plan, summary))
    data["annotations"] = [] if plan.kind == KIND else annotations_data(store, plan)
    counts = summary.counts
    if condition is not None:
        matching = open_matching(store, plan, condition)
        say_left_out(matching.left_out)
        counts = _with_progress(plan, "indices", partial(matching.count, counts))
        data["where"] = {
            "condition": where,
            "num_samples": int(counts.sum()),
            "num_left_out": matching.left_out.num_samples if matching.left_out else 0,
        }
    if target is not None:
        places = spread_rows(counts, options.num)
        if not places:
            suffix = f" that meets {where!r}" if where else ""
            raise ConfigError(f"{store.url} has no sample{suffix} to show.")
        if matching is not None:
            places = matching.rows(places)
        _write_sheet(target, plan, read_rows(store, plan, places), len(places), trajectory)
    return Inspection(data, (), path)


def _check_is_set(store: Store) -> None:
    """Raise ConfigError with an explanation if the folder is a training run."""
    if has_plan(store) or not isinstance(store, LocalStore):
        return
    if store.exists(RUN_FILE) and store.root.joinpath("checkpoints").is_dir():
        record = read_record(store.root)
        how = f" by {record.method}, {counted(record.steps, 'step')}," if record else ""
        of = f" on {', '.join(each.url for each in record.sets)}" if record else ""
        raise ConfigError(
            f"{store.url} is a training run{how}{of}, not a dataset: see its README.md, or run "
            "`pairgen inspect` on the datasets that it read."
        )


def _with_progress(plan: Plan, unit: str, read: Callable[[Callable[[int], None]], Found]) -> Found:
    """Call a function that reads one file per shard, and show its progress."""
    progress = Progress(plan.num_shards, 0, unit=f"{unit} read")
    try:
        return read(progress.reached)
    finally:
        progress.close()


def _mean_sizes(store: Store, plan: Plan, summary: Summary) -> dict[str, float]:
    """Return the mean bytes of members over some samples; {} if these cannot be read."""
    try:
        places = spread_rows(summary.counts, NUM_MEASURED)
        samples = list(read_rows(store, plan, places))
    except CorruptShardError as error:
        log("Cannot measure the sizes of members: %s", error)
        return {}
    names = {name for sample in samples for name in sample.members}
    return {
        name: sum(len(sample.members.get(name, b"")) for sample in samples) / len(samples)
        for name in names
    }


def _write_sheet(
    target: Target, plan: Plan, samples: Iterable[Stored], num_samples: int, trajectory: bool
) -> None:
    """Draw samples and write the sheet."""
    cells_of: Callable[[Stored], list[Cell]] = partial(level_cells, plan)
    if trajectory or is_latent(plan):
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        decoder = load_decoder(plan.teacher, device)
        cells_of = partial(latent_cells, decoder)
        if trajectory:
            cells_of = partial(trajectory_cells, plan, decoder)
    keys = []

    def noted() -> Iterator[Stored]:
        for sample in samples:
            keys.append(sample.key)
            yield sample

    progress = Progress(num_samples, 0, unit="samples drawn")
    try:
        image = draw_sheet(noted(), num_samples, cells_of, progress.reached)
    finally:
        progress.close()
    facts = {"pairgen": pairgen.__version__, "fingerprint": plan.fingerprint(), "keys": keys}
    write_grid(target, image, facts)
