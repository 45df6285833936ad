"""`pairgen ode`: options to plan, plan to shards."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pairgen import plugins
from pairgen.api.dataset_run import (
    RunResult,
    Say,
    check_folder,
    check_same_plan,
    log,
    make_dataset,
    spooled_input,
)
from pairgen.errors import ConfigError
from pairgen.generate.accuracy import check_calibrated, chosen_options, with_accuracy
from pairgen.generate.calibration import read_calibration
from pairgen.generate.conditioning import refuse_prompts, teacher_options
from pairgen.generate.ode_config import OdeConfig, make_ode_config
from pairgen.generate.plan import make_ode_plan, prompt_source
from pairgen.generate.run import check_executor
from pairgen.model_config import ModelConfig, find_model, packaged_prompts
from pairgen.shards import layout
from pairgen.shards.manifest import has_plan, read_plan, write_plan
from pairgen.shards.store import Store, open_store
from pairgen.sources.prompts import collect_prompts, encode_rejected, read_prompts
from pairgen.teachers.base import Description
from pairgen.types import Plan


def run_ode(given: Mapping[str, Any], say: Say = log) -> RunResult:
    """Do what `ode` says, tell what it starts from, and how it ended."""
    path = make_ode_config(given).from_calibration
    calibration = read_calibration(path) if path else None
    config, model, store, old = _resolve(given, chosen_options(calibration))
    check_folder(store)
    check_executor(config)
    description: Description = plugins.call(
        "teachers", model.teacher, "describe", **teacher_options(config, model)
    )

    def planned(source: dict[str, Any]) -> Plan:
        plan = make_ode_plan(config, model, description, source)
        if calibration is not None:
            check_calibrated(calibration, plan)
        return with_accuracy(plan, calibration, old)

    if old is not None and not config.prompts:
        plan = planned(dict(old.source))
        check_same_plan(store, old, plan, say)
        if not store.exists(layout.PROMPTS):
            raise ConfigError(
                f"{layout.PROMPTS} of {store.url} is missing: give the first --prompts again."
            )
        say(f"Continuing {store.url} with its {old.source['num_inputs']:,} prompts.")
        write_plan(store, plan)
    else:
        plan = _read_prompts_and_write_plan(config, model, description, planned, store, old, say)
    return make_dataset(store, plan, config)


def _resolve(
    given: Mapping[str, Any], calibrated: Mapping[str, Any]
) -> tuple[OdeConfig, ModelConfig, Store, Plan | None]:
    """Fill in what was not given: from a calibration, the folder's plan, the defaults."""
    given = {**calibrated, **given}
    config = make_ode_config(given)
    model = find_model(config.model)
    config = make_ode_config({**model.sampling, **given})
    out = config.out or f"data/ode-{model.name}"
    store = open_store(out)
    if not has_plan(store):
        return config, model, store, None
    old = read_plan(store)
    if old.kind != "ode":
        raise ConfigError(f"{out} holds a dataset of kind {old.kind!r}, not 'ode'.")
    if config.prompts and not store.names(layout.RECEIPTS):
        # Nothing was made yet and the inputs are given: the command starts afresh, so that no
        # number of a mistaken first try stays behind.
        return config, model, store, None
    config = make_ode_config({**old.resolved["options"], **given})
    model = find_model(config.model)
    if "revision" not in given and model.location == old.teacher["location"]:
        # The branch may have moved since; the folder stays with the commit it was begun with.
        pinned = old.teacher["options"].get("revision", "")
        config = make_ode_config({**old.resolved["options"], **given, "revision": pinned})
    return config, model, store, old


def _read_prompts_and_write_plan(
    config: OdeConfig,
    model: ModelConfig,
    description: Description,
    planned: Callable[[dict[str, Any]], Plan],
    store: Store,
    old: Plan | None,
    say: Say,
) -> Plan:
    """Read the prompts, make the plan, and write both once everything is known to be right."""
    path = Path(config.prompts).expanduser() if config.prompts else packaged_prompts(model)
    if config.prompts:
        say(f"Prompts: {path}")
    else:
        say(f"No prompts given: using the packaged set {path}")
    # A plan for one prompt finds whatever is wrong with the other options before any reading.
    planned({"sha256": "", "num_inputs": 1})
    entries = read_prompts(path, config.column)
    refuse = refuse_prompts(config, model, description)
    with spooled_input(store, "prompts.arrow") as spooled:
        summary = collect_prompts(entries, spooled, refuse)
        plan = planned(prompt_source(path.name, summary))
        if old is not None:
            check_same_plan(store, old, plan, say)
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
