"""The inputs of `pairgen ode`: options, teacher, prompts, and the plan made from them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pairgen import plugins
from pairgen.errors import ConfigError
from pairgen.execution.dataset import check_folder, check_same_plan, find_old_plan
from pairgen.execution.progress import Progress
from pairgen.execution.run import check_executor, is_on_cluster
from pairgen.execution.say import Say
from pairgen.execution.shard_size import check_one_size, fit_shards
from pairgen.kinds.ode.accuracy import check_calibrated, chosen_options, with_accuracy
from pairgen.kinds.ode.calibration import Calibration, read_calibration
from pairgen.kinds.ode.conditioning import (
    Refuse,
    cut_negative_prompt,
    refuse_prompts,
    teacher_options,
)
from pairgen.kinds.ode.options import OdeConfig
from pairgen.kinds.ode.plan import (
    make_ode_plan,
    model_numbers,
    own_dtype,
    prompt_counts,
    prompt_source,
)
from pairgen.kinds.usual_dtype import say_dtype
from pairgen.model_config import ModelConfig, find_model, packaged_prompts, with_lora
from pairgen.option_names import option_text
from pairgen.options import default_of
from pairgen.redaction import listed_without_secrets
from pairgen.resolution import Resolved, sources_of
from pairgen.shards.format import layout
from pairgen.shards.format.plan_file import remembered_options
from pairgen.shards.storage.store import Store, open_store
from pairgen.sources.passed_over import PassedOver
from pairgen.sources.prompt_values import (
    STANDARD_INPUT,
    PromptReader,
    describe_values,
    find_prompts,
)
from pairgen.sources.prompts import PromptSummary, collect_prompts, encode_rejected
from pairgen.teachers.base import Description
from pairgen.types import Plan
from pairgen.wording import counted

# Options that choose among prompts; a plan stores them next to the chosen prompts.
CHOICE = ("dedupe", "shuffle", "limit")


@dataclass(frozen=True, kw_only=True)
class OdeRequest:
    """The request of a command, checked as far as possible without prompts.

    Attributes:
        resolved: The options, and where each one came from.
        model: The model that `--model` resolved to.
        description: Description of its teacher.
        store: The dataset folder.
        old: The plan in the folder; None if there is none, or if no sample was made from it.
        calibration: The calibration that the sampler's options come from; None for none.
        negative_cut: How much of the negative prompt the teacher reads; empty if it reads all.
    """

    resolved: Resolved[OdeConfig]
    model: ModelConfig
    description: Description
    store: Store
    old: Plan | None
    calibration: Calibration | None
    negative_cut: str

    @property
    def config(self) -> OdeConfig:
        """The options."""
        return self.resolved.options

    @property
    def continues(self) -> bool:
        """Whether the run continues with the prompts of its folder."""
        return self.old is not None and not self.config.prompts

    def plan(self, source: Mapping[str, Any]) -> Plan:
        """Return the plan for prompts that are described as by `prompt_source`.

        Raises:
            ConfigError: An option is invalid, or the calibration is for other options.
        """
        plan = make_ode_plan(self.config, self.model, self.description, dict(source))
        if self.negative_cut:
            plan = replace(plan, resolved={**plan.resolved, "negative_prompt_truncated": True})
        if self.calibration is not None:
            check_calibrated(self.calibration, plan)
        return with_accuracy(plan, self.calibration, self.old)


@dataclass(frozen=True)
class Prompts:
    """Prompts that are about to be read.

    Attributes:
        name: Name of the sources, for the plan.
        reader: The reader of the sources.
        refuse: Finds the prompts to reject; None if none are rejected.
        passed_over: What the sources hold and is not taken, once they were read.
    """

    name: str
    reader: PromptReader
    refuse: Refuse | None
    passed_over: PassedOver


def resolve_ode(given: Mapping[str, Any]) -> OdeRequest:
    """Resolve the options; check the folder, the executor and the teacher.

    Raises:
        ConfigError: An option is invalid, the folder holds something else, or the teacher cannot
            be found.
    """
    check_one_size(given)
    sources = sources_of(OdeConfig, given)
    path = sources["from_calibration"]
    calibration = read_calibration(path) if path else None
    sources = sources.below(f"calibration {path}", chosen_options(calibration))
    model = with_lora(find_model(sources["model"]), sources["lora"])
    store = open_store(sources["out"] or f"data/ode-{model.name}")
    old = find_old_plan(store, "ode", bool(sources["prompts"]))
    if old is not None:
        remembered = _remembered(old, store, sources["model"] if "model" in given else "")
        sources = sources.below(f"plan of {store.url}", remembered)
        model = with_lora(find_model(sources["model"]), sources["lora"])
    check_folder(store)
    description: Description = plugins.call(
        "teachers", model.teacher, "describe", **teacher_options(sources["revision"], model)
    )
    sources = sources.below(f"model {model.name}", model.sampling)
    # Shards hold whole groups, so their default depends on the guidance scales.
    on_cluster = is_on_cluster(sources["executor"], sources["address"])
    usual = model_numbers(model, description, sources["cfg"], on_cluster)
    sources = sources.below(f"model {model.name}", usual)
    resolved = sources.resolved()
    check_executor(resolved.options)
    if old is not None and not resolved.options.prompts:
        _check_choice(given, resolved.options, old)
    return OdeRequest(
        resolved=resolved,
        model=model,
        description=description,
        store=store,
        old=old,
        calibration=calibration,
        negative_cut=cut_negative_prompt(resolved.options, model, description),
    )


def _remembered(old: Plan, store: Store, model: str) -> dict[str, Any]:
    """Return the options that a folder's plan remembers.

    Args:
        old: The folder's plan.
        store: The dataset folder.
        model: The model that the user gave; empty for none.
    """
    # If the prompts are given again, the same choice among them applies.
    chosen = {name: old.source[name] for name in CHOICE if old.source.get(name)}
    options = {**remembered_options(old, store), **chosen}
    if find_model(model or options["model"]).location == old.teacher["location"]:
        # The branch may have moved since then; the folder keeps the commit that it started with.
        options["revision"] = old.teacher["options"].get("revision", "")
    return options


def _check_choice(given: Mapping[str, Any], config: OdeConfig, old: Plan) -> None:
    """Refuse a different choice among prompts that are already chosen."""
    for name in CHOICE:
        new, before = getattr(config, name), old.source.get(name, default_of(OdeConfig, name))
        if name in given and new != before:
            raise ConfigError(
                f"{option_text(name)} must be {before} as for the prompts of the folder, or left "
                f"out, got {new}: to choose other prompts, give --prompts and another --out."
            )


def continued_plan(request: OdeRequest, say: Say) -> Plan:
    """Return the plan of a folder that continues with its own prompts.

    Raises:
        PlanMismatchError: The options are those of another dataset.
        ConfigError: The folder's prompts are missing.
    """
    store, old = request.store, request.old
    assert old is not None
    plan = request.plan(old.source)
    check_same_plan(store, old, plan, say)
    if not store.exists(layout.PROMPTS):
        raise ConfigError(
            f"{layout.PROMPTS} of {store.url} is missing: give the original --prompts again."
        )
    say(f"Continuing {store.url} with its {counted(old.source['num_inputs'], 'prompt')}.")
    _say_end_points(request, plan, say)
    return plan


def open_prompts(request: OdeRequest, say: Say) -> Prompts:
    """Open the prompts that the options name, and report them.

    Raises:
        ConfigError: There is no such source or column, or an option is invalid.
    """
    config, model, description = request.config, request.model, request.description
    values = config.prompts
    if values:
        say(f"Prompts: {listed_without_secrets(map(_shown, values))}")
    else:
        values = (str(packaged_prompts(model)),)
        say(f"No prompts given: using the packaged prompts {values[0]}")
    # A plan for one prompt reveals every problem with the other options before any reading.
    dtype = request.plan({"sha256": "", "num_inputs": 1}).execution["dtype"]
    on_cluster = is_on_cluster(config.executor, config.address)
    say_dtype(own_dtype(model, description), dtype, say, on_cluster)
    passed_over = PassedOver()
    reader = PromptReader(find_prompts(values, config.column, note=say, passed_over=passed_over))
    refuse = refuse_prompts(config, model, description)
    return Prompts(describe_values(values), reader, refuse, passed_over)


def read_plan_prompts(
    request: OdeRequest, prompts: Prompts, target: Path, rejected: Path, say: Say
) -> tuple[Plan, PromptSummary]:
    """Read the prompts, write them to `target` and the rejected ones to `rejected`; make the plan.

    Raises:
        PlanMismatchError: The folder holds another dataset.
        ConfigError: No prompt can be used.
    """
    config, store, old = request.config, request.store, request.old
    summary = _collect(prompts, config, target, rejected)
    plan = request.plan(prompt_source(prompts.name, summary, config.choice))
    if old is None:
        plan = fit_shards(plan, config.shard_bytes, None, say)
    else:
        check_same_plan(store, old, plan, say)
    num_pairs = plan.num_samples // len(config.cfg)
    reuse = (
        f", each used up to {-(-num_pairs // summary.num_accepted):,} times with different noise"
    )
    used = reuse * (num_pairs > summary.num_accepted)
    say(f"{counted(summary.num_accepted, 'prompt')}{used}; {prompt_counts(summary)}")
    if text := str(prompts.passed_over):
        say(f"Passed over: {text}.")
    _say_end_points(request, plan, say)
    return plan, summary


def _say_end_points(request: OdeRequest, plan: Plan, say: Say) -> None:
    """Report the end points of a calibrated run, and a negative prompt that is cut.

    Other flags may override the calibration.
    """
    if request.negative_cut:
        say(f"The negative prompt is cut: it has {request.negative_cut}.")
    if request.calibration is not None:
        say(f"End points: {plan.resolved['end_points']}.")


def _collect(prompts: Prompts, config: OdeConfig, target: Path, rejected: Path) -> PromptSummary:
    progress = Progress(0, 0, unit="prompts read")
    with open(rejected, "wb") as file:

        def reject(number: int, reason: str, prompt: str) -> None:
            name, entry = prompts.reader.place(number)
            row = {"file": name, "entry": entry, "reason": reason, "prompt": prompt}
            file.write(encode_rejected([row]))

        try:
            return collect_prompts(
                prompts.reader, target, prompts.refuse, config.choice, reject, progress.reached
            )
        finally:
            progress.close()


def _shown(value: str) -> str:
    return "standard input" if value == STANDARD_INPUT else os.path.expanduser(value)
