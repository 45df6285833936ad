"""`pairgen ode`: options to plan, plan to shards."""

import os
from collections.abc import Mapping
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
from pairgen.generate.conditioning import Refuse, refuse_prompts, teacher_options
from pairgen.generate.ode_config import OdeConfig, make_ode_config
from pairgen.generate.plan import make_ode_plan, prompt_counts, prompt_source
from pairgen.generate.progress import Progress
from pairgen.generate.run import check_executor
from pairgen.model_config import ModelConfig, find_model, packaged_prompts
from pairgen.shards import layout
from pairgen.shards.manifest import has_plan, read_plan, write_plan
from pairgen.shards.store import Store, open_store
from pairgen.sources.prompt_values import (
    STANDARD_INPUT,
    PromptReader,
    describe_values,
    find_prompts,
)
from pairgen.sources.prompts import PromptSummary, collect_prompts, encode_rejected
from pairgen.teachers.base import Description
from pairgen.types import Plan


def run_ode(given: Mapping[str, Any], say: Say = log) -> RunResult:
    """Do what `ode` says, tell what it starts from, and how it ended."""
    store, plan, config = plan_ode(given, say)
    return make_dataset(store, plan, config)


def plan_ode(given: Mapping[str, Any], say: Say = log) -> tuple[Store, Plan, OdeConfig]:
    """Read the prompts and write the plan, or find that the folder's plan continues.

    Returns:
        The folder, the plan that stands in it, and the options with what was not given filled in.
    """
    config, model, store, old = _resolve(given)
    check_folder(store)
    check_executor(config)
    description: Description = plugins.call(
        "teachers", model.teacher, "describe", **teacher_options(config, model)
    )
    if old is not None and not config.prompts:
        _check_choice(given, config, old)
        plan = make_ode_plan(config, model, description, dict(old.source))
        check_same_plan(store, old, plan, say)
        if not store.exists(layout.PROMPTS):
            raise ConfigError(
                f"{layout.PROMPTS} of {store.url} is missing: give the first --prompts again."
            )
        say(f"Continuing {store.url} with its {old.source['num_inputs']:,} prompts.")
        write_plan(store, plan)
    else:
        plan = _read_prompts_and_write_plan(config, model, description, store, old, say)
    return store, plan, config


def _check_choice(given: Mapping[str, Any], config: OdeConfig, old: Plan) -> None:
    """Refuse another choice among prompts that are chosen already."""
    for name in ("dedupe", "shuffle", "limit"):
        asked, there = getattr(config, name), old.source.get(name, getattr(OdeConfig, name))
        if name in given and asked != there:
            raise ConfigError(
                f"{name} must be {there} as for the prompts of the folder, or left out, got "
                f"{asked}: to choose others give --prompts and another --out."
            )


def _resolve(given: Mapping[str, Any]) -> tuple[OdeConfig, ModelConfig, Store, Plan | None]:
    """Fill in what was not given: from the folder's plan, then from the defaults."""
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
    store: Store,
    old: Plan | None,
    say: Say,
) -> Plan:
    """Read the prompts, make the plan, and write both once everything is known to be right."""
    values = config.prompts
    if values:
        say(f"Prompts: {', '.join(map(_as_told, values))}")
    else:
        values = (str(packaged_prompts(model)),)
        say(f"No prompts given: using the packaged set {values[0]}")
    # A plan for one prompt finds whatever is wrong with the other options before any reading.
    make_ode_plan(config, model, description, {"sha256": "", "num_inputs": 1})
    reader = PromptReader(find_prompts(values, config.column))
    refuse = refuse_prompts(config, model, description)
    with (
        spooled_input(store, "prompts.arrow") as spooled,
        spooled_input(store, "rejected.jsonl") as rejected,
    ):
        summary = _spool_prompts(reader, config, refuse, spooled, rejected)
        source = prompt_source(describe_values(values), summary, config.choice)
        plan = make_ode_plan(config, model, description, source)
        if old is not None:
            check_same_plan(store, old, plan, say)
        num_pairs = plan.num_samples // len(config.cfg)
        reuse = f", each used up to {-(-num_pairs // summary.num_accepted)} times with other noise"
        say(
            f"{summary.num_accepted:,} prompts{reuse if num_pairs > summary.num_accepted else ''}; "
            f"{prompt_counts(summary)}"
        )
        store.put_file(spooled, layout.PROMPTS)
        if summary.num_rejected:
            store.put_file(rejected, layout.REJECTED)
        else:
            store.drop(rejected)
            store.remove(layout.REJECTED)
    write_plan(store, plan)
    return plan


def _spool_prompts(
    reader: PromptReader, config: OdeConfig, refuse: Refuse | None, spooled: Path, rejected: Path
) -> PromptSummary:
    """Write the prompts, and as JSON lines what is refused."""
    progress = Progress(0, 0, unit="entries")
    with open(rejected, "wb") as file:

        def reject(number: int, reason: str, prompt: str) -> None:
            name, entry = reader.place(number)
            told = {"file": name, "entry": entry, "reason": reason, "prompt": prompt}
            file.write(encode_rejected([told]))

        try:
            return collect_prompts(reader, spooled, refuse, config.choice, reject, progress.reached)
        finally:
            progress.close()


def _as_told(value: str) -> str:
    return "standard input" if value == STANDARD_INPUT else os.path.expanduser(value)
