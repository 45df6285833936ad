"""What `pairgen ode` starts from: options, teacher, prompts, and the plan that they give."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairgen import plugins
from pairgen.api.dataset_run import Say, check_folder, check_same_plan
from pairgen.errors import ConfigError
from pairgen.generate.conditioning import Refuse, refuse_prompts, teacher_options
from pairgen.generate.ode_config import OdeConfig, make_ode_config
from pairgen.generate.plan import make_ode_plan, prompt_source
from pairgen.generate.run import check_executor
from pairgen.model_config import ModelConfig, find_model, packaged_prompts
from pairgen.shards import layout
from pairgen.shards.manifest import has_plan, read_plan
from pairgen.shards.store import Store, open_store
from pairgen.sources.prompts import Found, PromptSummary, collect_prompts, read_prompts
from pairgen.teachers.base import Description
from pairgen.types import Plan


@dataclass(frozen=True, kw_only=True)
class OdeRequest:
    """What a command asks for, checked as far as it can be without prompts.

    Attributes:
        config: Its options, those of the folder's plan and the defaults filled in.
        model: What `--model` resolved to.
        description: Of its teacher.
        store: The dataset folder.
        old: The plan that stands there; None when there is none, or one that nothing was made of.
    """

    config: OdeConfig
    model: ModelConfig
    description: Description
    store: Store
    old: Plan | None

    @property
    def continues(self) -> bool:
        """Whether it goes on with the prompts of its folder."""
        return self.old is not None and not self.config.prompts


@dataclass(frozen=True)
class PromptFile:
    """Prompts that are about to be read.

    Attributes:
        name: Of the file.
        entries: What stands in it.
        refuse: Tells which prompts are refused; None where none is.
    """

    name: str
    entries: Iterator[Found]
    refuse: Refuse | None


def resolve_ode(given: Mapping[str, Any]) -> OdeRequest:
    """Resolve the options, and look at folder, executor and teacher.

    Raises:
        ConfigError: An option is wrong, the folder holds something else, or the teacher cannot be
            found.
    """
    config, model, store, old = _resolve(given)
    check_folder(store)
    check_executor(config)
    description: Description = plugins.call(
        "teachers", model.teacher, "describe", **teacher_options(config, model)
    )
    return OdeRequest(config=config, model=model, description=description, store=store, old=old)


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


def continued_plan(request: OdeRequest, say: Say) -> Plan:
    """Return the plan of a folder that goes on with the prompts it has.

    Raises:
        PlanMismatchError: The options are those of another dataset.
        ConfigError: Its prompts are gone.
    """
    store, old = request.store, request.old
    assert old is not None
    plan = make_ode_plan(request.config, request.model, request.description, dict(old.source))
    check_same_plan(store, old, plan, say)
    if not store.exists(layout.PROMPTS):
        raise ConfigError(
            f"{layout.PROMPTS} of {store.url} is missing: give the first --prompts again."
        )
    say(f"Continuing {store.url} with its {old.source['num_inputs']:,} prompts.")
    return plan


def find_prompts(request: OdeRequest, say: Say) -> PromptFile:
    """Return the prompts that the options name, and tell which these are.

    Raises:
        ConfigError: There is no such file or column, or an option is wrong.
    """
    config, model, description = request.config, request.model, request.description
    path = Path(config.prompts).expanduser() if config.prompts else packaged_prompts(model)
    if config.prompts:
        say(f"Prompts: {path}")
    else:
        say(f"No prompts given: using the packaged set {path}")
    # A plan for one prompt finds whatever is wrong with the other options before any reading.
    make_ode_plan(config, model, description, {"sha256": "", "num_inputs": 1})
    entries = read_prompts(path, config.column)
    return PromptFile(path.name, entries, refuse_prompts(config, model, description))


def read_plan_prompts(
    request: OdeRequest, prompts: PromptFile, target: Path, say: Say
) -> tuple[Plan, PromptSummary]:
    """Read the prompts, write the accepted ones to `target`, and make the plan.

    Raises:
        PlanMismatchError: The folder holds another dataset.
        ConfigError: No prompt can be used.
    """
    config, store, old = request.config, request.store, request.old
    summary = collect_prompts(prompts.entries, target, prompts.refuse)
    source = prompt_source(prompts.name, summary)
    plan = make_ode_plan(config, request.model, request.description, source)
    if old is not None:
        check_same_plan(store, old, plan, say)
    num_pairs = plan.num_samples // len(config.cfg)
    reuse = f", each used up to {-(-num_pairs // summary.num_accepted)} times with other noise"
    say(
        f"{summary.num_accepted:,} prompts{reuse if num_pairs > summary.num_accepted else ''}; "
        f"{summary.num_blank:,} blank lines skipped, {len(summary.rejected):,} refused."
    )
    return plan, summary
