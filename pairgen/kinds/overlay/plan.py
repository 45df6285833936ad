"""The plan of an overlay that `pairgen annotate` makes, and the annotator that a plan names."""

import socket
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pairgen import plugins
from pairgen.annotators.base import Annotator, Setup
from pairgen.asked_model import Model
from pairgen.errors import ConfigError, TeacherLoadError
from pairgen.kinds.overlay.options import AnnotateConfig
from pairgen.shards.overlays.overlay import SHARED_FACTS, overlay_plan
from pairgen.shards.overlays.values import TEXT, VALUE_HASH
from pairgen.types import Plan


def build_annotator(
    name: str, parent: Plan, model: Model | None, options: Mapping[str, Any], batch_size: int
) -> Annotator:
    """Build an annotator for a set, without loading weights.

    Raises:
        ConfigError: There is no such annotator or option, or it cannot annotate this set.
    """
    setup = Setup(members=parent.members, seed=parent.seed, model=model, batch_size=batch_size)
    annotator: Annotator = plugins.build("annotators", name, setup=setup, **options)
    missing = [each for each in annotator.reads if each not in parent.members]
    if missing:
        raise ConfigError(
            f"The annotator {name!r} reads {', '.join(missing)}, but the members of the set are "
            f"{', '.join(sorted(parent.members))}."
        )
    return annotator


def read_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of an annotator as plain data: all of them, if it declares them.

    Raises:
        ConfigError: There is no such annotator or option, or a value is not allowed.
    """
    declared = plugins.declared_options("annotators", name)
    return dict(options) if declared is None else declared(**options).plain()


def make_overlay_plan(
    name: str, annotator: Annotator, parent: Plan, parent_url: str, config: AnnotateConfig
) -> Plan:
    """Return the plan of the overlay that an annotator makes.

    Args:
        name: Name of the annotator's module.
        annotator: The annotator.
        parent: The parent's plan.
        parent_url: Where the parent lies.
        config: The checked options, with those of this annotator alone.

    Raises:
        ConfigError: The parent is itself an overlay, or has one of the members or columns.
    """
    model, identity = annotator.model, dict(annotator.identity)
    options = {each: it for each, it in config.options.items() if each not in annotator.places}
    recipe: dict[str, Any] = {"annotator": name, "options": options}
    teacher: dict[str, Any] = {}
    if model is None:
        recipe["identity"] = identity
    else:
        found = dict(model.options)
        if commit := identity.get("commit"):
            # Branches move: every worker and every later run must load the current commit.
            found["revision"] = commit
        teacher = {
            "name": model.name,
            "module": model.module,
            "location": model.location,
            "options": found,
            "identity": identity,
        }
    members = {name: dict(spec) for name, spec in annotator.adds.items()}
    return overlay_plan(
        parent,
        parent_url,
        {**members, "json": {"keys": sorted({*SHARED_FACTS, *annotator.facts})}},
        recipe,
        teacher=teacher,
        execution={"batch_size": config.batch_size, "cpu_threads": config.cpu_threads},
        resolved={"options": {**config.remembered(), "add": [name]}},
    )


def adds_to_texts(annotator: Annotator) -> bool:
    """Whether what an annotator adds depends on the text alone, so that each text gets it once.

    Columns are searched by sample, so an annotator that adds some has a sample for each sample.
    """
    return annotator.distinct == TEXT and not annotator.facts


def by_value(plan: Plan, num_texts: int, covers: str) -> Plan:
    """Return the plan of an overlay by value, see `pairgen.shards.overlays.values`.

    Args:
        plan: The plan of the overlay as it would be with a sample for each sample.
        num_texts: Number of distinct texts.
        covers: The parent's shards that they are from, see `values.covered`.
    """
    return replace(
        plan,
        num_samples=num_texts,
        source={**plan.source, "covers": covers},
        recipe={**plan.recipe, "distinct": TEXT},
        members={**plan.members, "json": {"keys": sorted((*SHARED_FACTS, VALUE_HASH))}},
    )


def planned_annotator(plan: Plan, parent: Plan) -> Annotator:
    """Build the annotator that an overlay's plan names, without loading weights.

    Raises:
        ConfigError: It is not there, or does not do what the plan says.
        TeacherLoadError: Its weights or files are not those of the plan.
    """
    recipe, name = plan.recipe, plan.recipe["annotator"]
    batch_size = plan.execution["batch_size"]
    model = planned_model(plan.teacher) if plan.teacher else None
    # What is no part of the identity stands with the remembered options.
    options = {**plan.resolved["options"]["options"], **recipe["options"]}
    annotator = build_annotator(name, parent, model, options, batch_size)
    planned = plan.teacher["identity"] if plan.teacher else recipe["identity"]
    if dict(annotator.identity) != planned:
        where = plan.teacher.get("location") or name
        raise TeacherLoadError(
            f"The weights or files at {where} on {socket.gethostname()} do not match the plan."
        )
    facts = sorted({*plan.members["json"]["keys"]} - {*SHARED_FACTS, VALUE_HASH})
    adds = {name: spec for name, spec in plan.members.items() if name != "json"}
    if {name: dict(spec) for name, spec in annotator.adds.items()} != adds or sorted(
        annotator.facts
    ) != facts:
        raise ConfigError(
            f"The annotator {name!r} adds {', '.join([*annotator.adds, *annotator.facts])} here, "
            f"but the plan says {', '.join([*adds, *facts])}: it is another version."
        )
    return annotator


def planned_model(teacher: Mapping[str, Any]) -> Model:
    """Return the model that a plan's `teacher` names."""
    return Model(**{name: teacher[name] for name in ("name", "module", "location", "options")})
