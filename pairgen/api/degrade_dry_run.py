"""`pairgen degrade --dry-run`: what the command would cost, without making the dataset."""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairgen.api.dataset_run import Say, check_folder, check_same_plan, log
from pairgen.api.degrade_inputs import continued_plan, read_images, resolve_degrade
from pairgen.errors import ConfigError
from pairgen.generate.cost import Cost, Measured, measure, price, spread_tasks
from pairgen.generate.run import check_executor, count_workers
from pairgen.generate.worker import open_maker
from pairgen.shards import layout
from pairgen.shards.manifest import scan
from pairgen.shards.store import LocalStore, Store
from pairgen.types import Manifest

# Crops of one image that are tried: more would leave too few images.
MAX_CROPS_TRIED = 4


@dataclass(frozen=True)
class DryRun:
    """What a command would cost.

    Attributes:
        manifest: What of its dataset stands already.
        measured: What the samples cost that were made; None when nothing is missing.
        cost: Of what is missing, likewise.
        num_workers: That the command would have.
        free_bytes: On the disk of the dataset's folder; None for one that is not local.
    """

    manifest: Manifest
    measured: Measured | None
    cost: Cost | None
    num_workers: int
    free_bytes: int | None


def run_degrade_dry(given: Mapping[str, Any], num_samples: int = 64, say: Say = log) -> DryRun:
    """Do all that `degrade` does before its first shard, then make a few samples in memory.

    Nothing is written at `out`. The list of images lies in a temporary folder while this runs.

    Args:
        given: The options of `pairgen.degrade`.
        num_samples: Slots to try, spread evenly over those that are missing.
        say: Told what it starts from.

    Raises:
        ConfigError: What `degrade` would refuse, or `num_samples` is below 1.
    """
    if num_samples < 1:
        raise ConfigError(f"A dry run must make at least 1 sample, got {num_samples}.")
    config, preset, store, old = resolve_degrade(given)
    check_folder(store)
    check_executor(config)
    num_workers = count_workers(config)
    with tempfile.TemporaryDirectory(prefix="pairgen-") as folder:
        inputs: Store = store
        if old is not None and not config.has_inputs:
            plan = continued_plan(config, preset, store, old, say)
        else:
            inputs = LocalStore(Path(folder))
            images = Path(folder) / layout.IMAGES
            images.parent.mkdir()
            plan, _ = read_images(config, preset, images, say)
            if old is not None:
                check_same_plan(store, old, plan, say)
        manifest = scan(store, plan)
        free_bytes = _free_bytes(store)
        if manifest.complete:
            return DryRun(manifest, None, None, num_workers, free_bytes)
        # Crops of one image follow each other and share its decoding.
        run_length = max(
            plan.execution.get("batch_size", 1), min(config.samples_per_image, MAX_CROPS_TRIED)
        )
        tasks = spread_tasks(manifest.missing, num_samples, run_length)
        measured = measure(plan, open_maker(plan, inputs), tasks)
    return DryRun(manifest, measured, price(measured, manifest.missing), num_workers, free_bytes)


def _free_bytes(store: Store) -> int | None:
    if not isinstance(store, LocalStore):
        return None
    folder = store.root
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
