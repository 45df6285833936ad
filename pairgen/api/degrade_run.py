"""`pairgen degrade`: options to plan, plan to shards."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pairgen.api.dataset_run import (
    RunResult,
    Say,
    check_folder,
    check_same_plan,
    log,
    make_dataset,
    spooled_input,
)
from pairgen.config import packaged_assets
from pairgen.errors import ConfigError
from pairgen.generate.crops import count_crops
from pairgen.generate.degrade_config import (
    DegradeConfig,
    check_batch_size,
    make_degrade_config,
)
from pairgen.generate.degrade_plan import image_source, make_degrade_plan
from pairgen.generate.progress import Progress
from pairgen.generate.pyramid import Preset, find_preset, make_preset
from pairgen.generate.run import check_executor
from pairgen.shards import layout
from pairgen.shards.manifest import has_plan, read_plan, write_plan
from pairgen.shards.store import Store, open_store
from pairgen.sources.image_files import find_images
from pairgen.sources.images import collect_images
from pairgen.sources.prompts import encode_rejected
from pairgen.types import Plan


def run_degrade(given: Mapping[str, Any], say: Say = log) -> RunResult:
    """Do what `degrade` says, tell what it starts from, and how it ended."""
    config, preset, store, old = _resolve(given)
    check_batch_size(given, config)
    check_folder(store)
    check_executor(config)
    if old is not None and not config.images:
        plan = make_degrade_plan(config, preset, dict(old.source), old.num_samples)
        check_same_plan(store, old, plan, say)
        if not store.exists(layout.IMAGES):
            raise ConfigError(
                f"{layout.IMAGES} of {store.url} is missing: give the first --images again."
            )
        say(f"Continuing {store.url} with its {old.source['num_inputs']:,} images.")
        write_plan(store, plan)
    else:
        plan = _read_images_and_write_plan(config, preset, store, old, say)
    return make_dataset(store, plan, config)


def _resolve(given: Mapping[str, Any]) -> tuple[DegradeConfig, Preset, Store, Plan | None]:
    """Fill in what was not given: from the folder's plan, then from the defaults."""
    config = make_degrade_config(given)
    store = open_store(config.out or f"data/degrade-{Path(config.degradation).stem}")
    if not has_plan(store):
        return config, find_preset(config.degradation), store, None
    old = read_plan(store)
    if old.kind != "degrade":
        raise ConfigError(f"{store.url} holds a dataset of kind {old.kind!r}, not 'degrade'.")
    if config.images and not store.names(layout.RECEIPTS):
        # Nothing was made yet and the inputs are given: the command starts afresh.
        return config, find_preset(config.degradation), store, None
    config = make_degrade_config({**old.resolved["options"], **given})
    if "degradation" in given:
        return config, find_preset(config.degradation), store, old
    # The folder's own operations, whatever has become of the file they came from.
    recipe = old.recipe
    return config, make_preset(recipe["degradation"], recipe["operations"]), store, old


def _read_images_and_write_plan(
    config: DegradeConfig, preset: Preset, store: Store, old: Plan | None, say: Say
) -> Plan:
    """Read the headers, make the plan, and write both once everything is known to be right."""
    if config.images:
        say(f"Images: {', '.join(config.images)}")
        values = config.images
    else:
        packaged = packaged_assets() / "photographs"
        say(f"No images given: using the packaged set {packaged}")
        values = (str(packaged),)
    num_read = 0
    progress = Progress(0, 0, unit="headers")

    def on_image() -> None:
        nonlocal num_read
        num_read += 1
        progress.reached(num_read)

    with spooled_input(store, "images.arrow") as spooled:
        try:
            summary = collect_images(
                find_images(values),
                spooled,
                lambda size: count_crops(
                    size,
                    config.crop,
                    config.samples_per_image,
                    config.crops == "tiled",
                    config.max_aspect,
                ),
                on_image,
            )
        finally:
            progress.close()
        name = Path(values[0]).name if len(values) == 1 else f"{len(values)} sources"
        source = image_source(name, summary)
        plan = make_degrade_plan(config, preset, source, summary.num_slots)
        if old is not None:
            check_same_plan(store, old, plan, say)
        say(
            f"{summary.num_accepted:,} images, {summary.num_slots:,} crops of {config.crop} px; "
            f"levels {', '.join(f'1/{level}' for level in config.stored_levels)}; "
            f"{len(summary.rejected):,} images refused."
        )
        store.put_file(spooled, layout.IMAGES)
    if summary.rejected:
        store.put_bytes(layout.REJECTED, encode_rejected(summary.rejected))
    write_plan(store, plan)
    return plan
