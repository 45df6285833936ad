"""The inputs of `pairgen annotate`: the set, its annotators, and the plans of the overlays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pairgen import plugins
from pairgen.asked_model import Model, asked_model
from pairgen.config import did_you_mean
from pairgen.errors import ConfigError, PlanMismatchError
from pairgen.execution.dataset import check_folder, check_same_plan, find_old_plan
from pairgen.execution.own_code import with_code
from pairgen.execution.run import check_executor
from pairgen.execution.say import Say
from pairgen.kinds.overlay.distinct_texts import DistinctTexts, find_texts
from pairgen.kinds.overlay.options import OWN, AnnotateConfig
from pairgen.kinds.overlay.plan import (
    adds_to_texts,
    build_annotator,
    by_value,
    make_overlay_plan,
    planned_model,
    read_options,
)
from pairgen.option_names import option_text
from pairgen.resolution import Resolved, Sources, sources_of
from pairgen.shards.format.plan_file import remembered_options
from pairgen.shards.format.subsets import set_addresses
from pairgen.shards.overlays.annotations import overlay_address
from pairgen.shards.overlays.overlay import KIND, Layer, check_overlay, is_by_value, open_layer
from pairgen.shards.overlays.parent_shards import check_finished
from pairgen.shards.overlays.values import covered
from pairgen.shards.storage.store import Store, open_store
from pairgen.types import Plan


@dataclass(frozen=True)
class Request:
    """One overlay to make, continue or renew, checked.

    Attributes:
        name: Name of its annotator.
        parent: The set that it adds to.
        resolved: The options, with those of this annotator alone, and where each one came from.
        store: Its folder.
        plan: Its plan.
        texts: The texts that it annotates, if it is an overlay by value.
    """

    name: str
    parent: Layer
    resolved: Resolved[AnnotateConfig]
    store: Store
    plan: Plan
    texts: DistinctTexts | None = None

    @property
    def config(self) -> AnnotateConfig:
        """The options."""
        return self.resolved.options


def resolve_annotate(folder: str | Path, given: Mapping[str, Any], say: Say) -> list[Request]:
    """Resolve the options of every annotator for a set, or for each sub-set of a folder.

    The overlays' folders, the executor and the parents are checked too.

    Raises:
        ConfigError: An option is invalid, a folder holds something else, or a parent is not
            finished.
    """
    parents = [_open_annotated(address) for address in set_addresses(folder)]
    if len(parents) > 1 and sources_of(AnnotateConfig, given)["out"]:
        raise ConfigError(
            f"{option_text('out')} names one folder, but {folder} holds {len(parents)} sub-sets: "
            "leave it out."
        )
    return [request for parent in parents for request in _resolve(parent, given, say)]


def _open_annotated(folder: str | Path) -> Layer:
    """Open the set to annotate.

    Raises:
        ConfigError: The folder holds no set, or an overlay.
    """
    parent = open_layer(open_store(folder))
    if parent.plan.kind == KIND:
        raise ConfigError(f"{parent.store.url} is an overlay: annotate its parent instead.")
    return parent


def _resolve(parent: Layer, given: Mapping[str, Any], say: Say) -> list[Request]:
    """Resolve the options of every annotator for one set."""
    sources = sources_of(AnnotateConfig, given)
    names: Sequence[str] = sources["add"] or ()
    if not names:
        sources.resolved()
    if sources["out"] and len(names) > 1:
        raise ConfigError(
            f"{option_text('out')} names one folder, but {len(names)} annotators are asked for: "
            "leave it out, or give one of them in --add."
        )
    asked = {
        name.removeprefix(OWN)
        for layer in sources.layers
        for name in layer.values
        if name.startswith(OWN)
    }
    _check_asked(names, asked)
    return [_resolve_one(parent, name, sources, say) for name in names]


def _check_asked(names: Sequence[str], asked: set[str]) -> None:
    """Refuse an option that none of several annotators has."""
    if len(names) < 2:
        # The annotator itself refuses what it does not know.
        return
    known = {option for name in names for option in _options_of(name)}
    for option in sorted(asked - known):
        raise ConfigError(
            f"None of {', '.join(names)} has an option {option!r}{did_you_mean(option, known)}; "
            f"known are {', '.join(sorted(known)) or 'none'}."
        )


def _options_of(name: str) -> list[str]:
    """Return the options that an annotator declares, or names in the signature of `build`."""
    declared = plugins.declared_options("annotators", name)
    if declared is not None:
        return list(declared.model_fields)
    return [each for each in plugins.option_names("annotators", name) or [] if each != "setup"]


def _resolve_one(parent: Layer, name: str, sources: Sources[AnnotateConfig], say: Say) -> Request:
    """Resolve the options of one annotator, and check that its overlay can be made."""
    folder = name.rpartition(".")[2]
    store = open_store(sources["out"] or overlay_address(parent.store.address, folder))
    old = find_old_plan(store, KIND, has_inputs=True)
    if old is not None:
        check_overlay(parent, Layer(store, old, {}))
        _check_annotator(store, old, name)
    model = _find_model(parent.plan, old, sources["model"], sources["revision"])
    if old is not None:
        sources = sources.below(f"plan of {store.url}", remembered_options(old, store))
    options = read_options(name, _own_options(name, sources))
    annotator = build_annotator(name, parent.plan, model, options, sources["batch_size"])
    defaults = {"gpus_per_worker": float(annotator.model is not None)}
    resolved = sources.below(f"annotator {name}", defaults).resolved()
    config = resolved.options.model_copy(update={"options": options, "add": (name,)})
    plan = make_overlay_plan(name, annotator, parent.plan, parent.store.url, config)
    check_folder(store)
    check_executor(config)
    # A parent whose shards are not all there is refused before anything is written.
    check_finished(parent)
    texts = None
    # An overlay goes on as it began.
    if adds_to_texts(annotator) if old is None else is_by_value(old):
        texts = find_texts(parent, store)
        if not len(texts.hashes):
            raise ConfigError(f"{parent.store.url} has no sample with a text.")
        plan = by_value(plan, len(texts.hashes), covered(parent))
    if old is not None:
        check_same_plan(store, old, plan, say)
    plan = with_code(store, plan, config, say)
    return Request(name, parent, replace(resolved, options=config), store, plan, texts)


def _own_options(name: str, sources: Sources[AnnotateConfig]) -> dict[str, Any]:
    """Return the given options of one annotator; of several, each takes what it knows."""
    given = {
        option.removeprefix(OWN): value
        for layer in reversed(sources.layers)
        for option, value in layer.values.items()
        if option.startswith(OWN)
    }
    if len(sources["add"]) == 1:
        return given
    return {option: given[option] for option in _options_of(name) if option in given}


def _check_annotator(store: Store, old: Plan, name: str) -> None:
    """Refuse to continue the overlay of another annotator."""
    if (found := old.recipe.get("annotator", "another program")) != name:
        raise PlanMismatchError(
            f"{store.url} holds an overlay of {found}, not of {name}: give another --out."
        )


def _find_model(parent: Plan, old: Plan | None, asked: str, revision: str) -> Model | None:
    """Return the model that the user asked for, that the overlay has, or that made the set."""
    teacher = old.teacher if old is not None and old.teacher else parent.teacher
    model = planned_model(teacher) if teacher else None
    if asked:
        found = asked_model(asked)
        # The branch may have moved since then: what is asked for again keeps its commit.
        if old is None or old.teacher.get("location") != found.location:
            model = found
    return model if model is None else model.at(revision)
