"""Check the types and ranges of a plan that was read, before anything follows it.

Its fingerprint shows that it was edited, not that its values can be: a stranger computes one for
any content. Whatever pairgen does not read itself may be any plain data, and a key that a later
version adds is let through.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import ConfigDict, Field, ValidationError

from pairgen.errors import ConfigError
from pairgen.labels import ClassLabels
from pairgen.shards.format.image_member import is_image
from pairgen.shards.format.parsing.recipes import RECIPES, Part
from pairgen.types import Plan
from pairgen.untrusted.malformed import MalformedError, shown
from pairgen.untrusted.typed import MAX_INT64, Count, IntOrFloat, check_plain, fault_in

# Kinds whose recipe may lack keys, as long as nothing is made by it.
OF_IMAGES = ("degrade", "collect")
# Keys have nine digits.
MAX_SAMPLES = 10**9
# The tasks of all shards are held in memory.
MAX_SHARDS = 10**6
# The fingerprint is computed as it was before each.
MAX_ADDITIONS = 1000
# Values in an array or picture of one sample.
MAX_VALUES = 2**31

Dimension = Annotated[int, Field(ge=0, le=MAX_VALUES)]
# Of a batch, and of threads: each is held or started.
Several = Annotated[int, Field(ge=1, le=2**20)]


class AdditionFile(Part):
    """What a set of images has gained."""

    # `Addition` has no other keys.
    model_config = ConfigDict(strict=True, extra="forbid")

    first_slot: Annotated[int, Field(ge=1, le=MAX_SAMPLES)]
    first_row: Count
    num_inputs: Annotated[int, Field(ge=1, le=MAX_SAMPLES)]
    samples_per_image: Annotated[int, Field(ge=0, le=MAX_SAMPLES)]
    first_number: Count
    sha256: str = ""
    name: str = ""
    list_sha256: str = ""


class Source(Part):
    """Where the inputs come from."""

    sha256: str
    num_inputs: Count
    name: str = ""
    num_rejected: Count = 0
    num_captions: Count = 0
    num_classes: Count = 0
    num_tags: Count = 0
    kept: str = ""
    parent: str = ""
    covers: str = ""
    list_sha256: str = ""
    additions: Annotated[list[AdditionFile], Field(max_length=MAX_ADDITIONS)] = Field(
        default_factory=list
    )


class Teacher(Part):
    """The model that makes the samples."""

    module: str
    identity: dict[str, Any]
    name: str = ""
    location: str = ""
    options: dict[str, Any] = Field(default_factory=dict)


class Member(Part):
    """Form of a member: none for texts."""

    dtype: str = "float32"
    shape: list[Dimension] = Field(default_factory=list, max_length=8)
    keys: list[str] = Field(default_factory=list)
    num_classes: Annotated[int, Field(ge=1, le=10**7)] = 1
    names: list[str] = Field(default_factory=list)


class Execution(Part):
    """What the bits depend on."""

    batch_size: Several = 1
    cpu_threads: Several = 1
    dtype: str = ""
    compile: bool | str = False


class Resolved(Part):
    """What follows from the rest."""

    options: dict[str, Any] = Field(default_factory=dict)
    times: list[IntOrFloat] = Field(default_factory=list)
    index_columns: list[str] = Field(default_factory=list)
    num_transitions: Count = 0


class PlanFile(Part):
    """A plan."""

    kind: str
    seed: Annotated[int, Field(ge=0, le=MAX_INT64)]
    num_samples: Annotated[int, Field(ge=1, le=MAX_SAMPLES)]
    samples_per_shard: Annotated[int, Field(ge=1, le=MAX_INT64)]
    fingerprint: str
    source: Source
    teacher: dict[str, Any]
    recipe: dict[str, Any]
    members: Annotated[dict[str, Member], Field(max_length=1000)]
    execution: Execution
    resolved: Resolved = Resolved()
    code: dict[str, Any] = Field(default_factory=dict)


def parse_plan(data: Any) -> Plan:
    """Return the plan that a file holds.

    Raises:
        MalformedError: A value is missing, of another type, or out of range.
    """
    if not isinstance(data, Mapping):
        raise MalformedError("it holds no `key: value` lines")
    check_plain(data)
    try:
        found = PlanFile.model_validate(data)
        if found.teacher:
            Teacher.model_validate(found.teacher)
        if found.kind not in RECIPES:
            raise MalformedError(
                f"kind must be one of {', '.join(RECIPES)}, got {shown(found.kind)}"
            )
    except ValidationError as error:
        raise MalformedError(fault_in(error)) from None
    _check_recipe(found.kind, found.recipe, may_lack=found.kind in OF_IMAGES)
    _check(found)
    return Plan.from_dict(data)


def check_limits(plan: Plan) -> None:
    """Check that a plan could be read again, before it is written.

    Raises:
        ConfigError: It has too many samples, shards or additions.
    """
    if plan.num_samples > MAX_SAMPLES:
        raise ConfigError(f"A set has at most {MAX_SAMPLES:,} samples, got {plan.num_samples:,}.")
    if plan.num_shards > MAX_SHARDS:
        raise ConfigError(
            f"A set has at most {MAX_SHARDS:,} shards, got {plan.num_shards:,}: give larger ones, "
            "or fewer samples."
        )
    if len(plan.additions) > MAX_ADDITIONS:
        raise ConfigError(f"A set grows at most {MAX_ADDITIONS:,} times: give another --out.")


def check_whole(plan: Plan) -> None:
    """Check that the recipe of a set of images has all that it is made and checked by.

    Sets that others have written may have less, and are loaded all the same.

    Raises:
        MalformedError: A key is missing.
    """
    _check_recipe(plan.kind, dict(plan.recipe), may_lack=False)


def _check_recipe(kind: str, recipe: dict[str, Any], may_lack: bool) -> None:
    try:
        RECIPES[kind].model_validate(recipe)
    except ValidationError as error:
        if not may_lack or any(each["type"] != "missing" for each in error.errors()):
            raise MalformedError(f"recipe.{fault_in(error)}") from None


def _check(found: PlanFile) -> None:
    if -(-found.num_samples // found.samples_per_shard) > MAX_SHARDS:
        raise MalformedError(
            f"{found.num_samples:,} samples, {found.samples_per_shard} in a shard, are more than "
            f"{MAX_SHARDS:,} shards"
        )
    if found.kind == "ode" and not found.source.num_inputs:
        raise MalformedError("source.num_inputs is 0")
    if "json" not in found.members:
        raise MalformedError("members.json is missing")
    _check_additions(found)
    for name, member in found.members.items():
        _check_member(name, member)


def _check_additions(found: PlanFile) -> None:
    """Check that each addition has slots, and images that are there."""
    begun = [each.first_slot for each in found.source.additions]
    if begun and (found.kind not in OF_IMAGES or begun != sorted({*begun})):
        raise MalformedError(f"source.additions begin at {shown(begun)}")
    ends = [*begun[1:], found.num_samples]
    is_painted, num_images = "painted" in found.recipe, found.source.num_inputs
    for each, end in zip(found.source.additions, ends, strict=False):
        num = each.num_inputs * each.samples_per_image
        # Of tiles, the list alone says how many there are.
        if each.first_slot >= end or (num and num != end - each.first_slot):
            raise MalformedError(f"source.additions give {num:,} samples from {each.first_slot:,}")
        if not each.sha256 and not each.samples_per_image:
            raise MalformedError("source.additions have neither images nor samples")
        if is_painted and not each.sha256:
            continue
        stop = each.first_row + (0 if each.sha256 else each.num_inputs)
        if is_painted or stop > num_images or (each.sha256 and stop != num_images):
            raise MalformedError(f"source.additions have images from {each.first_row:,}")
        num_images += each.num_inputs if each.sha256 else 0


def _check_member(name: str, member: Member) -> None:
    if "/" in name or not name.isprintable():
        raise MalformedError(f"a member is called {shown(name)}")
    try:
        is_known = np.dtype(member.dtype).kind in "biuf"
    except TypeError:
        is_known = False
    if not is_known:
        raise MalformedError(f"members.{name}.dtype is {shown(member.dtype)}")
    if math.prod(member.shape) > MAX_VALUES:
        raise MalformedError(f"members.{name}.shape is {shown(member.shape)}")
    has_form = name.endswith("npy") or is_image(name)
    needed = (
        {"num_classes", "names"} if name == "cls" else {"dtype", "shape"} if has_form else set()
    )
    if lacking := needed - member.model_fields_set:
        raise MalformedError(f"members.{name}.{min(lacking)} is missing")
    if name == "cls":
        ClassLabels.from_dict({"num_classes": member.num_classes, "names": member.names})
