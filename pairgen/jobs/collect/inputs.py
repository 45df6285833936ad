"""The inputs of `pairgen collect`: options, images, and the plan made from them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pairgen.execution.dataset import check_folder, check_same_plan, find_old_plan
from pairgen.execution.image_inputs import (
    ImageSource,
    check_continued,
    open_source,
    scan_images,
)
from pairgen.execution.run import check_executor
from pairgen.execution.say import Say
from pairgen.kinds.collect.acceptance import OneFormat, check_fits, check_label
from pairgen.kinds.collect.options import CollectConfig
from pairgen.kinds.collect.plan import make_collect_plan
from pairgen.kinds.images.source import image_source
from pairgen.resolution import Resolved, sources_of
from pairgen.shards.format.plan_file import remembered_options
from pairgen.shards.format.store import Store, open_store
from pairgen.sources.image_files import ImageFile
from pairgen.sources.images import ImageSummary
from pairgen.sources.photographs import ImageSize
from pairgen.types import Plan

OUT = "data/collect"


@dataclass(frozen=True)
class CollectRequest:
    """The request of a command, checked as far as possible without images.

    Attributes:
        resolved: The options, and where each one came from.
        store: The dataset folder.
        old: The plan in the folder; None if there is none, or if no sample was made from it.
    """

    resolved: Resolved[CollectConfig]
    store: Store
    old: Plan | None

    @property
    def config(self) -> CollectConfig:
        """The options."""
        return self.resolved.options

    @property
    def continues(self) -> bool:
        """Whether the run continues with the images of its folder."""
        return self.old is not None and not self.config.has_inputs


def resolve_collect(given: Mapping[str, Any]) -> CollectRequest:
    """Resolve the options; check the folder and the executor.

    Raises:
        ConfigError: An option is invalid, or the folder holds a dataset of another kind.
    """
    sources = sources_of(CollectConfig, given)
    store = open_store(sources["out"] or OUT)
    old = find_old_plan(store, "collect", any(sources[name] for name in CollectConfig.inputs))
    if old is not None:
        sources = sources.below(f"plan of {store.url}", remembered_options(old, store))
    resolved = sources.resolved()
    check_folder(store)
    check_executor(resolved.options)
    return CollectRequest(resolved, store, old)


def continued_plan(request: CollectRequest, say: Say) -> Plan:
    """Return the plan of a folder that continues with its own images.

    Raises:
        PlanMismatchError: The options are those of another dataset.
        ConfigError: The folder's list of images is missing.
    """
    old = request.old
    assert old is not None
    plan = make_collect_plan(request.config, dict(old.source), old.num_samples, old.teacher)
    check_continued(request.store, old, plan, say)
    return plan


def read_images(request: CollectRequest, target: Path, say: Say) -> tuple[Plan, ImageSummary]:
    """Read the image headers, write the accepted images to `target`, and make the plan.

    Raises:
        PlanMismatchError: The folder holds another dataset.
        ConfigError: A source is empty or cannot be read, or no image can be used.
    """
    config = request.config
    source = open_source(config, "size", config.size, say, config.label_column)
    formats = OneFormat()
    judged = _judged(config, source, formats)
    read = scan_images(config, judged, target, lambda _: 1, config.label_column)
    summary = read.summary
    described = {
        **image_source(source.name, summary),
        "num_classes": summary.num_classes,
        "kept": formats.extension,
    }
    plan = make_collect_plan(config, described, summary.num_slots, source.teacher)
    if request.old is not None:
        check_same_plan(request.store, request.old, plan, say)
    say(_counts(config, summary))
    read.say_captions(say)
    return plan, summary


def _judged(config: CollectConfig, source: ImageSource, formats: OneFormat) -> ImageSource:
    """Return a source whose images are also judged by their label and format."""

    def size_of(file: ImageFile) -> ImageSize:
        if config.label_column:
            check_label(file.label)
        size = source.size_of(file)
        # The first image that can be used decides on the format.
        check_fits(config, size)
        if config.format == "keep":
            formats.check(file)
        return size

    return replace(source, size_of=size_of)


def _counts(config: CollectConfig, summary: ImageSummary) -> str:
    """Return how many images were taken, rejected and skipped."""
    classes = f" of {summary.num_classes:,} classes" if summary.num_classes else ""
    skipped = summary.num_skipped
    thresholds = f", {skipped:,} skipped by --min-size and --max-aspect" if skipped else ""
    return (
        f"{summary.num_accepted:,} images{classes}, {config.size} px; "
        f"{len(summary.rejected) - skipped:,} images rejected{thresholds}."
    )
