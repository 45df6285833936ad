"""The commands as Python calls: `pairgen.ode(...)` returns the manifest.

Each resolves its options, writes the plan, runs, and leaves a folder that explains itself.
`pairgen.sample(...)` leaves pictures instead.
"""

import itertools
import logging
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pairgen import plugins
from pairgen.config import PROJECT_FILE, packaged_configs
from pairgen.errors import ConfigError
from pairgen.generate.ode_config import OdeConfig, make_ode_config
from pairgen.generate.plan import (
    check_continues,
    make_ode_plan,
    prompt_source,
    refuse_long_prompts,
    teacher_options,
)
from pairgen.generate.progress import Progress
from pairgen.generate.run import check_executor, run_missing
from pairgen.generate.sample import collect_batches, make_pictures, run_facts
from pairgen.generate.sample_config import SampleConfig, make_sample_config
from pairgen.model_config import ModelConfig, find_model
from pairgen.report.card import render_card
from pairgen.report.grid import MAX_GRID_PIXELS, GridLayout, lay_out_grid
from pairgen.report.samples import (
    Target,
    check_num_pictures,
    find_target,
    picture_rows,
    write_samples,
)
from pairgen.shards import layout
from pairgen.shards.manifest import has_plan, read_plan, scan, write_plan
from pairgen.shards.repair import shards_to_redo, withdraw
from pairgen.shards.slots import slot_at
from pairgen.shards.store import LocalStore, Store, open_store
from pairgen.shards.verify import Report
from pairgen.shards.verify import verify as verify_store
from pairgen.sources.prompts import (
    collect_prompts,
    encode_rejected,
    open_prompts,
    read_prompt_values,
    read_prompts,
)
from pairgen.teachers.base import Description
from pairgen.types import Manifest, Plan

Say = Callable[[str], None]
_log = logging.getLogger("pairgen").info


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    Attributes:
        manifest: What stands.
        store_url: Where.
        interrupted: Whether the user stopped it.
        too_many_rejected: Whether refused inputs and failed slots exceed `max_rejected`.
    """

    manifest: Manifest
    store_url: str
    interrupted: bool
    too_many_rejected: bool


@dataclass(frozen=True)
class Samples:
    """The pictures of `pairgen.sample`.

    Attributes:
        prompts: Of each picture, N.
        guidance_scales: Of each picture, N.
        pictures: [N, H, W, 3] uint8, numbered as the samples of a dataset: guidances vary fastest,
            then prompts, then noises.
        path: The grid, or the folder.
    """

    prompts: tuple[str, ...]
    guidance_scales: tuple[float, ...]
    pictures: np.ndarray
    path: Path


def ode(**options: Any) -> Manifest:
    """Turn prompts into (noise, prompt, latent) shards; continue what is there.

    Args:
        **options: The fields of `pairgen.generate.ode_config.OdeConfig`, the same names as the
            flags of `pairgen ode`. Options that are not given come from the plan of the folder
            `out` when it has one, else from the model's config.

    Returns:
        The manifest. `manifest.complete` is False after Ctrl-C.

    Raises:
        ConfigError: An option, a file or the folder is wrong; nothing was written.
        PairgenError: The run cannot go on; finished shards stay.
    """
    return run_ode(options).manifest


def sample(**options: Any) -> Samples:
    """Show what a teacher makes of prompts: a grid, or a folder of pictures.

    Picture i is the decoded latent of sample i of the dataset that `pairgen.ode` makes of the same
    options.

    Args:
        **options: The fields of `pairgen.generate.sample_config.SampleConfig`, the same names as
            the flags of `pairgen sample`. `prompts` is a file, a prompt, or a list of these.

    Raises:
        ConfigError: An option, a file or the output is wrong; nothing was written.
        PairgenError: A picture is not finite, or a batch does not fit; nothing was written. Or the
            disk is full.
    """
    return run_sample(options)


def verify(folder: str | Path) -> Report:
    """Check every byte and number of a dataset against its plan and receipts.

    Raises:
        ConfigError: The folder holds no dataset.
    """
    store = open_store(folder)
    progress = Progress(read_plan(store).num_shards, 0, unit="shards checked")
    try:
        return verify_store(store, lambda num_done, _: progress.reached(num_done))
    finally:
        progress.close()


def repair(folder: str | Path, **options: Any) -> Manifest:
    """Make the bad and missing shards again; good shards keep their bytes.

    Args:
        folder: The dataset.
        **options: `executor`, `num_workers`, `gpus_per_worker`, `address`, `batch_size`, as in
            `ode`.

    Raises:
        ConfigError: The folder holds no dataset, or an option is wrong.
    """
    return run_repair(folder, options).manifest


def run_ode(given: Mapping[str, Any], say: Say = _log) -> RunResult:
    """Do what `ode` says, tell what it starts from, and how it ended."""
    config, model, store, old = _resolve(given)
    _check_folder(store)
    check_executor(config)
    description: Description = plugins.call(
        "teachers", model.teacher, "describe", **teacher_options(config, model)
    )
    if old is not None and not config.prompts:
        plan = make_ode_plan(config, model, description, dict(old.source))
        _check_continues(store, old, plan, say)
        if not store.exists(layout.PROMPTS):
            raise ConfigError(
                f"{layout.PROMPTS} of {store.url} is missing: give the first --prompts again."
            )
        say(f"Continuing {store.url} with its {old.source['num_inputs']:,} prompts.")
        write_plan(store, plan)
    else:
        plan = _read_prompts_and_write_plan(config, model, description, store, old, say)
    return _run(store, plan, config)


def run_repair(folder: str | Path, given: Mapping[str, Any], say: Say = _log) -> RunResult:
    """Do what `repair` says, and tell how it ended."""
    store = open_store(folder)
    # Options first: nothing may be withdrawn for a command that cannot run.
    check_executor(make_ode_config(given))
    report = verify(folder)
    bad = shards_to_redo(report)
    say(f"{len(bad)} of {report.num_shards} shards are made again.")
    elsewhere = [problem.where for problem in report.problems if problem.shard_index is None]
    if elsewhere:
        say(f"Not in a shard, so not mended: {', '.join(elsewhere[:5])}; see pairgen verify.")
    withdraw(store, bad)
    return run_ode({**given, "out": store.url}, say)


def run_sample(given: Mapping[str, Any], say: Say = _log) -> Samples:
    """Do what `sample` says, and tell what it starts from."""
    config = make_sample_config(given)
    model = find_model(config.model)
    target = find_target(config.out)
    prompts, plan = _plan_pictures(config, model, target, say)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    progress = Progress(plan.num_samples, 0, unit="pictures")
    try:
        batches = make_pictures(plan, prompts, device)
        first = next(batches)
        # Before the long wait: only a decoded picture tells how large the grid becomes.
        grid = _lay_out(config, plan, prompts, target, first.pictures.shape)
        made = collect_batches(itertools.chain([first], batches), plan.num_samples, progress)
    finally:
        progress.close()
    truncated = {fact["prompt_index"] for fact in made.facts if fact["prompt_truncated"]}
    if truncated:
        say(f"{len(truncated):,} of {len(prompts):,} prompts cut: longer than the teacher reads.")
    num_shown = sum(map(len, grid.rows))
    if num_shown < plan.num_samples:
        say(f"The grid shows {num_shown:,} of the {plan.num_samples:,} pictures.")
    write_samples(target, made, grid, run_facts(config, plan, prompts, device))
    return Samples(
        prompts=tuple(fact["prompt"] for fact in made.facts),
        guidance_scales=tuple(fact["guidance_scale"] for fact in made.facts),
        pictures=made.pictures,
        path=target.path,
    )


def _plan_pictures(
    config: SampleConfig, model: ModelConfig, target: Target, say: Say
) -> tuple[list[str], Plan]:
    """Read the prompts and return them with the plan of the dataset that is to be shown."""
    values = config.prompts
    if not values:
        path = packaged_prompts(model)
        say(f"No --prompts and none in ./{PROJECT_FILE}: using the packaged set {path}")
        values = (str(path),)
    with tempfile.TemporaryDirectory(prefix="pairgen-") as folder:
        collected = Path(folder) / "prompts.arrow"
        summary = collect_prompts(read_prompt_values(values, config.column), collected)
        prompts = open_prompts(collected).to_pylist()
    options = config.ode_config(len(prompts))
    check_num_pictures(target, options.num_samples)
    description: Description = plugins.call(
        "teachers", model.teacher, "describe", **teacher_options(options, model)
    )
    plan = make_ode_plan(options, model, description, prompt_source("", summary))
    say(
        f"{plan.num_samples:,} pictures: prompts {len(prompts):,} x noises "
        f"{config.num_per_prompt:,} x guidance scales {len(config.cfg)}; "
        f"{summary.num_blank:,} blank lines skipped, {len(summary.rejected):,} refused."
    )
    return prompts, plan


def _lay_out(
    config: SampleConfig, plan: Plan, prompts: list[str], target: Target, shape: tuple[int, ...]
) -> GridLayout:
    """Return the layout of the grid: of all pictures, beside a folder of the first that fit."""
    captions = [""] * plan.num_samples
    if config.captions:
        slots = (slot_at(plan, index) for index in range(plan.num_samples))
        scaled = len(config.cfg) > 1
        captions = [
            f"guidance {slot.guidance_scale:g}: " * scaled + prompts[slot.prompt_index]
            for slot in slots
        ]
    rows = picture_rows(len(prompts), config.num_per_prompt, len(config.cfg), config.columns)
    _, height, width, _ = shape
    grid = lay_out_grid(rows, (width, height), captions)
    shown = grid.first_rows() if target.takes_pictures else grid
    if not shown.fits:
        wide, high = shown.size_px
        advice = "fewer --columns" if target.takes_pictures else "a folder as --out, ending in /"
        raise ConfigError(
            f"A grid of {sum(map(len, shown.rows)):,} pictures would have {wide:,} x {high:,} px, "
            f"more than {MAX_GRID_PIXELS:,} in all: give {advice}."
        )
    return shown


def _resolve(given: Mapping[str, Any]) -> tuple[OdeConfig, ModelConfig, Store, Plan | None]:
    """Fill in what was not given: from the folder's plan, then from the defaults."""
    config = make_ode_config(given)
    out = config.out or f"data/ode-{find_model(config.model).name}"
    store = open_store(out)
    if not has_plan(store):
        return config, find_model(config.model), store, None
    old = read_plan(store)
    if old.kind != "ode":
        raise ConfigError(f"{out} holds a dataset of kind {old.kind!r}, not 'ode'.")
    if config.prompts and not store.names(layout.RECEIPTS):
        # Nothing was made yet and the inputs are given: the command starts afresh, so that no
        # number of a mistaken first try stays behind.
        return config, find_model(config.model), store, None
    config = make_ode_config({**old.resolved["options"], **given})
    model = find_model(config.model)
    if "revision" not in given and model.location == old.teacher["location"]:
        # The branch may have moved since; the folder stays with the commit it was begun with.
        pinned = old.teacher["options"].get("revision", "")
        config = make_ode_config({**old.resolved["options"], **given, "revision": pinned})
    return config, model, store, old


def _check_folder(store: Store) -> None:
    """Refuse a folder that cannot be written, or that holds what pairgen did not make."""
    if isinstance(store, LocalStore):
        store.check_writable()
    if has_plan(store) or store.names(layout.RECEIPTS):
        return
    foreign = [f"{layout.TRAIN}/{name}" for name in store.names(layout.TRAIN)]
    foreign += [layout.CARD] if store.exists(layout.CARD) else []
    if foreign:
        raise ConfigError(
            f"{store.url} holds files that pairgen did not make and would overwrite "
            f"({', '.join(foreign[:3])}): give another --out."
        )


def _check_continues(store: Store, old: Plan, plan: Plan, say: Say) -> None:
    """Refuse another plan once a shard stands; tell what this run does in another way."""
    if not store.names(layout.RECEIPTS):
        # Nothing was made yet, so a corrected command may replace the plan.
        return
    check_continues(old, plan)
    changed = [
        f"{name} {value} (before: {old.execution[name]})"
        for name, value in plan.execution.items()
        if old.execution[name] != value
    ]
    if changed:
        say(f"The set will mix ways of computing: from now on {', '.join(changed)}.")


def _read_prompts_and_write_plan(
    config: OdeConfig,
    model: ModelConfig,
    description: Description,
    store: Store,
    old: Plan | None,
    say: Say,
) -> Plan:
    """Read the prompts, make the plan, and write both once everything is known to be right."""
    path = Path(config.prompts).expanduser() if config.prompts else packaged_prompts(model)
    if config.prompts:
        say(f"Prompts: {path}")
    else:
        say(f"No --prompts and none in ./{PROJECT_FILE}: using the packaged set {path}")
    # A plan for one prompt finds whatever is wrong with the other options before any reading.
    make_ode_plan(config, model, description, {"sha256": "", "num_inputs": 1})
    entries = read_prompts(path, config.column)
    refuse = refuse_long_prompts(config, model) if config.long_prompts == "reject" else None
    spooled = store.spool("prompts.arrow")
    try:
        summary = collect_prompts(entries, spooled, refuse)
        plan = make_ode_plan(config, model, description, prompt_source(path.name, summary))
        if old is not None:
            _check_continues(store, old, plan, say)
    except BaseException:
        store.drop(spooled)
        if not has_plan(store):
            store.prune()
        raise
    num_pairs = plan.num_samples // len(config.cfg)
    reuse = f", each used up to {-(-num_pairs // summary.num_accepted)} times with other noise"
    say(
        f"{summary.num_accepted:,} prompts{reuse if num_pairs > summary.num_accepted else ''}; "
        f"{summary.num_blank:,} blank lines skipped, {len(summary.rejected):,} refused."
    )
    store.put_file(spooled, layout.PROMPTS)
    if summary.rejected:
        store.put_bytes(layout.REJECTED, encode_rejected(summary.rejected))
    write_plan(store, plan)
    return plan


def _run(store: Store, plan: Plan, config: OdeConfig) -> RunResult:
    """Make what is missing and leave the dataset card."""
    before = scan(store, plan)
    num_before = sum(receipt.stop - receipt.start for receipt in before.receipts)
    progress = Progress(plan.num_samples, num_before)
    try:
        manifest, interrupted = run_missing(store, plan, before, config, progress)
    finally:
        progress.close()
    store.put_bytes(layout.CARD, render_card(manifest).encode("utf-8"))
    num_refused = plan.source["num_rejected"] + manifest.num_failed
    num_tried = plan.source["num_rejected"] + plan.num_samples
    return RunResult(
        manifest=manifest,
        store_url=store.url,
        interrupted=interrupted,
        too_many_rejected=num_refused > config.max_rejected * num_tried,
    )


def packaged_prompts(model: ModelConfig) -> Path:
    """Return the small prompt set that suits a model, used when none is given."""
    return packaged_configs() / "prompts" / f"{model.prompts}.txt"
