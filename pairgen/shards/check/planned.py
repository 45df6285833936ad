"""What the plan and its inputs say about each sample, for every kind of dataset."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pairgen.errors import CorruptShardError
from pairgen.shards.check.report import Problem, not_read
from pairgen.shards.format import layout
from pairgen.shards.format.input_lists import planned_prompts
from pairgen.shards.format.planned_images import (
    ImageList,
    image_lists,
    is_painted,
    listed_images,
    painted_images,
    planned_sha256s,
)
from pairgen.shards.format.slots import caption_of, crop_facts, slot_at, slot_facts, source_facts
from pairgen.shards.overlays.overlay import is_by_value
from pairgen.shards.overlays.values import VALUE_HASH, text_hash
from pairgen.shards.storage.store import Store
from pairgen.sources.arrow_files import UNREADABLE, is_damage
from pairgen.sources.prompts import open_prompts, prompt_rows, prompts_sha256
from pairgen.types import Plan


@dataclass(frozen=True)
class Planned:
    """One sample as planned.

    Attributes:
        index: Slot of the sample.
        facts: Facts that follow from the plan and its inputs; the sample may have more.
        text: Content of the `txt` member; None if it is not known.
        label: Label whose class is the `cls` member; None if it is not known.
    """

    index: int
    facts: dict[str, Any]
    text: str | None
    label: str | None = None


class PlannedInputs(Protocol):
    """The list of inputs of a dataset."""

    def sha256s(self) -> list[str]:
        """Return the hash of each list, which the plan's must equal."""

    def samples(self, start: int, stop: int) -> Callable[[int], Planned]:
        """Return a function that gives the planned sample of a slot from `start` to `stop`."""


class PlannedPrompts:
    """Prompts of an ODE dataset."""

    def __init__(self, plan: Plan, path: Path) -> None:
        self._plan, self._prompts = plan, planned_prompts(plan, path)

    def sha256s(self) -> list[str]:
        """Return the hash of the prompts."""
        return [prompts_sha256(self._prompts)]

    def samples(self, start: int, stop: int) -> Callable[[int], Planned]:
        """Read only the prompts of a range."""
        first, last = (slot_at(self._plan, index) for index in (start, stop - 1))
        texts = prompt_rows(self._prompts, first.pair_index, last.pair_index + 1)

        def planned(index: int) -> Planned:
            slot = slot_at(self._plan, index)
            text = texts[slot.prompt_index]
            # The labels of a teacher with classes are its prompts.
            return Planned(index, slot_facts(self._plan, slot), text, text)

        return planned


class PlannedFromImages:
    """Images of a degraded or collected dataset."""

    def __init__(self, plan: Plan, images: ImageList) -> None:
        self._plan, self._images = plan, images

    def sha256s(self) -> list[str]:
        """Return the hash of each list of images."""
        return self._images.sha256s()

    def samples(self, start: int, stop: int) -> Callable[[int], Planned]:
        """Return a lookup by slot."""
        del start, stop

        def planned(index: int) -> Planned:
            found = self._images.of_slot(index)
            caption = caption_of(self._plan, found.image, index)
            if self._plan.kind == "collect":
                facts = source_facts(self._plan, found, index)
                return Planned(index, facts, caption, found.image.file.label)
            return Planned(index, crop_facts(self._plan, found, index), caption)

        return planned


class PlannedTexts:
    """Distinct texts of an overlay by value."""

    def __init__(self, plan: Plan, path: Path) -> None:
        self._plan, self._texts = plan, open_prompts(path)

    def sha256s(self) -> list[str]:
        """Return the plan's own hash: each receipt holds that of its shard's texts."""
        return planned_sha256s(self._plan)

    def samples(self, start: int, stop: int) -> Callable[[int], Planned]:
        """Read only the texts of a range."""
        texts = self._texts.slice(start, stop - start).to_pylist()

        def planned(index: int) -> Planned:
            facts: dict[str, Any] = {"index": index, "seed": self._plan.seed}
            if index - start < len(texts):
                facts[VALUE_HASH] = text_hash(texts[index - start]).hex()
            return Planned(index, facts, None)

        return planned


class NoInputs:
    """Stand-in if the list of inputs is missing: only the plan is known."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def sha256s(self) -> list[str]:
        """Return the plan's own hashes: there is nothing to compare."""
        return planned_sha256s(self._plan)

    def samples(self, start: int, stop: int) -> Callable[[int], Planned]:
        """Return what follows from the plan alone."""
        del start, stop
        if self._plan.kind == "ode":
            return lambda i: Planned(i, slot_facts(self._plan, slot_at(self._plan, i)), None)
        return lambda i: Planned(i, {"index": i, "seed": self._plan.seed}, None)


def _from_prompts(plan: Plan, paths: Sequence[Path]) -> PlannedInputs:
    (path,) = paths
    return PlannedTexts(plan, path) if is_by_value(plan) else PlannedPrompts(plan, path)


def _from_images(plan: Plan, paths: Sequence[Path]) -> PlannedInputs:
    return PlannedFromImages(plan, listed_images(plan, paths))


def _inputs_of(plan: Plan) -> tuple[list[str], Callable[[Plan, Sequence[Path]], PlannedInputs]]:
    """Return the paths of a plan's lists of inputs, none for an overlay, and what reads them."""
    if is_by_value(plan) or plan.kind == "ode":
        return [layout.PROMPTS], _from_prompts
    if plan.kind in ("degrade", "collect"):
        return image_lists(plan), _from_images
    # Any other overlay adds members to samples whose inputs its parent holds.
    return [], lambda plan, _: NoInputs(plan)


def inputs_paths(plan: Plan) -> list[str]:
    """Return the paths of the lists of inputs; none for a dataset without one."""
    return _inputs_of(plan)[0]


class UnreadableInputsError(CorruptShardError):
    """A list of inputs is damaged."""


def open_inputs(store: Store, plan: Plan) -> PlannedInputs:
    """Open the lists of inputs of a dataset; without one, only the plan is known.

    Raises:
        UnreadableInputsError: A list is damaged.
        OSError: The store cannot be read.
    """
    if is_painted(plan):
        return PlannedFromImages(plan, painted_images(plan))
    paths, read = _inputs_of(plan)
    # Inputs are optional.
    if not paths or not all(store.exists(path) for path in paths):
        return NoInputs(plan)
    with ExitStack() as stack:
        local = [stack.enter_context(store.local(path)) for path in paths]
        try:
            return read(plan, local)
        except UNREADABLE as error:
            if not is_damage(error):
                raise
            raise UnreadableInputsError(str(error)) from None


def check_inputs(store: Store, plan: Plan) -> Problem | None:
    """Return why a list of inputs does not match the plan; None if all do, or are absent."""
    paths = inputs_paths(plan)
    named, kind = ", ".join(paths), _kind_of_problem(plan)
    try:
        inputs = open_inputs(store, plan)
    except UnreadableInputsError as error:
        return Problem(kind, named, f"cannot be read: {error}")
    except OSError as error:
        return not_read(named, error)
    try:
        found = inputs.sha256s()
    except UNREADABLE as error:
        return Problem(kind, named, f"cannot be read: {error}")
    for number, (sha256, planned) in enumerate(zip(found, planned_sha256s(plan), strict=True)):
        if sha256 == planned:
            continue
        detail = f"sha256 {sha256[:12]}, the plan says {planned[:12]}"
        if is_painted(plan):
            detail = f"this version paints other pictures: {detail}"
        return Problem(kind, paths[number] if paths else layout.PLAN, detail)
    return None


def _kind_of_problem(plan: Plan) -> str:
    """Return the kind of a problem with the inputs of a plan."""
    if is_painted(plan):
        return "painter"
    return "images" if plan.kind in ("degrade", "collect") else "prompts"
