"""The inputs of `pairgen degrade`: options, images, and the plan made from them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pairgen.errors import ConfigError, FewerAskedError, PlanMismatchError
from pairgen.execution.dataset import check_folder, check_same_plan, find_old_plan
from pairgen.execution.inputs.growing import ListPaths, with_given_images
from pairgen.execution.inputs.images import open_source, scan_images
from pairgen.execution.inputs.taken import check_continued
from pairgen.execution.run import check_executor
from pairgen.execution.say import Say
from pairgen.execution.shard_size import check_one_size, fit_shards
from pairgen.kinds.degrade.crops import count_crops
from pairgen.kinds.degrade.earlier_presets import is_earlier
from pairgen.kinds.degrade.nested import choose_operations
from pairgen.kinds.degrade.options import DegradeConfig, check_batch_size
from pairgen.kinds.degrade.plan import make_degrade_plan
from pairgen.kinds.degrade.pyramid import Preset, check_preset, find_preset, make_preset
from pairgen.kinds.images.additions import (
    gained,
    num_images,
    samples_per_image,
    with_pictures,
    with_rejected,
    with_samples_per_image,
)
from pairgen.kinds.images.options import INPUT_OPTIONS
from pairgen.kinds.images.painted import check_painted
from pairgen.kinds.images.painted_plan import painted_source
from pairgen.kinds.images.source import image_source
from pairgen.resolution import Resolved, sources_of
from pairgen.shards.format.plan_file import remembered_options
from pairgen.shards.format.planned_images import is_painted
from pairgen.shards.storage.store import Store, open_store
from pairgen.sources.image_list import ImageSummary
from pairgen.sources.painted.images import PaintedImages
from pairgen.sources.photographs import ImageSize
from pairgen.types import Plan
from pairgen.wording import counted


@dataclass(frozen=True)
class DegradeRequest:
    """The request of a command, checked as far as possible without images.

    Attributes:
        resolved: The options, and where each one came from.
        preset: The degradation preset.
        store: The dataset folder.
        old: The plan in the folder; None if there is none, or if no sample was made from it.
    """

    resolved: Resolved[DegradeConfig]
    preset: Preset
    store: Store
    old: Plan | None

    @property
    def config(self) -> DegradeConfig:
        """The options."""
        return self.resolved.options

    @property
    def continues(self) -> bool:
        """Whether the run continues with the images of its folder."""
        return self.old is not None and not self.config.has_inputs

    @property
    def is_painted(self) -> bool:
        """Whether the images are painted pictures."""
        if self.old is not None and self.continues:
            return is_painted(self.old)
        return self.config.paints

    @property
    def asks_for_more(self) -> bool:
        """Whether more samples of each image are asked for than the folder's set has."""
        if self.old is None or self.config.crops != "random":
            return False
        return self.config.samples_per_image > samples_per_image(self.old)


def resolve_degrade(given: Mapping[str, Any]) -> DegradeRequest:
    """Resolve the options; check the folder and the executor.

    Raises:
        ConfigError: An option is invalid, or the folder holds a dataset of another kind.
    """
    check_one_size(given)
    sources = sources_of(DegradeConfig, given)
    store = open_store(sources["out"] or f"data/degrade-{Path(sources['degradation']).stem}")
    old = find_old_plan(store, "degrade", any(sources[name] for name in INPUT_OPTIONS))
    if old is not None:
        remembered = dict(remembered_options(old, store))
        if sources["crops"] == "tiled":
            # Tiles have no such number: the folder holds random crops, which is refused below.
            remembered.pop("samples_per_image", None)
        sources = sources.below(f"plan of {store.url}", remembered)
    resolved = sources.resolved()
    options = resolved.options
    preset = preset_of(given, options, old)
    if old is None:
        check_preset(preset, ImageSize(options.crop, options.crop), options.stored_levels)
    check_batch_size(given, options)
    request = DegradeRequest(resolved, preset, store, old)
    check_painted(given, options, request.is_painted)
    check_folder(store)
    check_executor(options)
    return request


def preset_of(given: Mapping[str, Any], options: DegradeConfig, old: Plan | None) -> Preset:
    """Return the preset that is asked for, or that of the folder.

    A name that stood for the folder's operations in an earlier version still means them.

    Raises:
        ConfigError: There is no such preset, it is invalid, or it is for nested levels only.
    """
    if old is not None and "degradation" not in given:
        # The folder's own operations, even if the preset's file has changed since.
        name, recipe = old.recipe["degradation"], old.recipe["operations"]
    else:
        found = find_preset(options.degradation)
        name, recipe = found.name, found.recipe
        if found.nested is not None and not options.nested:
            raise ConfigError(
                f"The preset {options.degradation} has operations under `nested`, which need "
                "nested levels: add --nested, or leave the section out."
            )
        if old is not None and is_earlier(found, old.recipe, options.nested):
            recipe = old.recipe["operations"]
    return make_preset(name, choose_operations(recipe, options.nested))


def continued_plan(request: DegradeRequest, say: Say) -> Plan:
    """Return the plan of a folder that continues with its own images.

    Raises:
        PlanMismatchError: The options are those of another dataset.
        ConfigError: The folder's list of images is missing.
    """
    old = request.old
    assert old is not None
    if request.is_painted:
        return _painted_plan(request, say)
    plan = _same_plan(request, old, old.source, old.teacher)
    check_continued(request.store, old, plan, say)
    return _with_samples(request, plan, say)


def _same_plan(
    request: DegradeRequest, old: Plan, source: Mapping[str, Any], teacher: Mapping[str, Any]
) -> Plan:
    """Return the plan of a folder by the options of the command, before it grows."""
    config = request.config
    if config.crops == "random":
        # How many samples an image had at first is part of what the set is.
        first = {"samples_per_image": old.recipe["samples_per_image"]}
        config = config.model_copy(update=first)
    described = {**source, **gained(old)}
    return make_degrade_plan(config, request.preset, described, old.num_samples, teacher)


def _with_samples(request: DegradeRequest, plan: Plan, say: Say) -> Plan:
    """Return a plan with as many samples of each image as are asked for.

    Raises:
        PlanMismatchError: It has more.
    """
    config = request.config
    if config.crops == "random":
        before = samples_per_image(plan)
        try:
            plan = with_samples_per_image(plan, config.samples_per_image)
        except FewerAskedError as fewer:
            if request.old is not None and plan.num_samples > request.old.num_samples:
                # Of more images: that is no set of which all is there.
                raise PlanMismatchError(str(fewer)) from None
            raise
        if more := config.samples_per_image - before:
            say(
                f"{more:,} more of each of {counted(num_images(plan), 'image')}: "
                f"{counted(plan.num_samples, 'sample')} in all."
            )
    return replace(plan, resolved={**plan.resolved, "options": config.remembered()})


def read_images(request: DegradeRequest, path_of: ListPaths, say: Say) -> tuple[Plan, ImageSummary]:
    """Read the image headers, write the lists of the accepted images, and make the plan.

    Raises:
        PlanMismatchError: The folder holds another dataset.
        ConfigError: A source is empty or cannot be read, or no image can be used.
    """
    config = request.config
    if request.is_painted:
        return _painted_plan(request, say), ImageSummary()
    source = open_source(config, "crop", config.crop, say)

    def count_slots(size: ImageSize) -> int:
        tiled = config.crops == "tiled"
        return count_crops(size, config.crop, config.samples_per_image, tiled, config.max_aspect)

    target = path_of(1)
    read = scan_images(config, source, target, count_slots, say=say)
    summary = read.summary
    described = image_source(source.name, summary)
    if request.old is None:
        num = summary.num_slots
        plan = make_degrade_plan(config, request.preset, described, num, source.teacher)
        plan = fit_shards(plan, config.shard_bytes, target, say)
    else:
        plan = _same_plan(request, request.old, request.old.source, source.teacher)
        check_same_plan(request.store, request.old, plan, say)
        plan = with_given_images(request.store, plan, source.name, path_of, say)
        plan = with_rejected(_with_samples(request, plan, say), described)
    skipped = f", {summary.num_skipped:,} skipped by --max-aspect" if summary.num_skipped else ""
    say(
        f"{counted(summary.num_images, 'image')}, {counted(summary.num_slots, 'crop')} of "
        f"{config.crop} px; "
        f"{config.levels_text()}; "
        f"{counted(described['num_rejected'], 'image')} rejected{skipped}{summary.frames_text()}."
    )
    read.say_passed_over(say)
    read.say_captions(say)
    return plan, summary


def _painted_plan(request: DegradeRequest, say: Say) -> Plan:
    """Return the plan of a set of painted pictures.

    Raises:
        PlanMismatchError: The folder holds another dataset.
    """
    config = request.config
    source = painted_source(config, PaintedImages(config.seed, config.split, config.crop))
    # A picture is one tile.
    num_crops = config.samples_per_image if config.crops == "random" else 1
    num = config.num_images * num_crops
    if request.old is None:
        plan = make_degrade_plan(config, request.preset, source, num, {})
        plan = fit_shards(plan, config.shard_bytes, None, say)
    else:
        plan = _same_plan(request, request.old, source, {})
        check_same_plan(request.store, request.old, plan, say)
        plan = _with_samples(request, with_pictures(plan, config.num_images), say)
    say(
        f"{counted(config.num_images, 'painted image')}, {counted(plan.num_samples, 'sample')} "
        f"of {config.crop} px; "
        f"{config.levels_text()}; "
        f"{counted(source['num_inputs'], 'composition')} of the split {config.split}."
    )
    return plan
