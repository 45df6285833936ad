"""The inputs of `pairgen collect`: options, images, and the plan made from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pairgen.errors import ConfigError
from pairgen.execution.dataset import (
    check_folder,
    check_same,
    check_same_plan,
    find_old_plan,
)
from pairgen.execution.inputs.growing import ListPaths, with_given_images
from pairgen.execution.inputs.images import scan_images
from pairgen.execution.inputs.taken import check_continued
from pairgen.execution.run import check_executor
from pairgen.execution.say import Say
from pairgen.execution.shard_size import check_one_size, fit_shards
from pairgen.jobs.collect.sources import open_collected
from pairgen.kinds.collect.acceptance import OneFormat
from pairgen.kinds.collect.options import CollectConfig
from pairgen.kinds.collect.plan import make_collect_plan
from pairgen.kinds.images.additions import with_rejected
from pairgen.kinds.images.painted import check_painted
from pairgen.kinds.images.painted_plan import painted_source
from pairgen.kinds.images.source import image_source
from pairgen.option_names import option_text
from pairgen.resolution import Resolved, sources_of
from pairgen.shards.format import layout
from pairgen.shards.format.manifest import is_untouched
from pairgen.shards.format.plan_file import has_plan, read_plan, remembered_options
from pairgen.shards.format.planned_images import is_painted
from pairgen.shards.format.subsets import BUCKETS, has_subsets, open_subset, read_subsets
from pairgen.shards.storage.local_store import LocalStore
from pairgen.shards.storage.store import Store, open_store
from pairgen.sources.image_list import ImageSummary
from pairgen.sources.painted.images import PaintedImages
from pairgen.types import Plan
from pairgen.wording import counted

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

    @property
    def is_painted(self) -> bool:
        """Whether the images are painted pictures."""
        if self.old is not None and self.continues:
            return is_painted(self.old)
        return self.config.paints

    @property
    def layout(self) -> str:
        """What a sample is: `images`, `pairs` or `edits`."""
        if self.old is not None and self.continues:
            return str(self.old.recipe["layout"])
        return self.config.layout


def resolve_collect(given: Mapping[str, Any]) -> CollectRequest:
    """Resolve the options; check the folder and the executor.

    Raises:
        ConfigError: An option is invalid, or the folder holds a dataset of another kind.
    """
    check_one_size(given)
    sources = sources_of(CollectConfig, given)
    store = open_store(sources["out"] or OUT)
    has_inputs = any(sources[name] for name in CollectConfig.inputs)
    if has_subsets(store):
        old = _find_old_buckets(store, has_inputs)
    else:
        old = find_old_plan(store, "collect", has_inputs)
    if old is not None:
        sources = sources.below(f"plan of {store.url}", remembered_options(old, store))
    resolved = sources.resolved()
    request = CollectRequest(resolved, store, old)
    if "scale" in given and request.layout != "pairs":
        raise ConfigError(
            f"{option_text('scale')} is for pairs, given by {option_text('hr')} and "
            f"{option_text('lr')} or by {option_text('pairs')}: leave it out, got "
            f"{given['scale']!r}."
        )
    check_painted(given, resolved.options, request.is_painted)
    if resolved.options.bucket:
        _check_bucket_folder(store)
    else:
        check_folder(store)
    check_executor(resolved.options)
    return request


def _find_old_buckets(store: Store, has_inputs: bool) -> Plan | None:
    """Return the plan that a folder of buckets is continued by, as `find_old_plan` does."""
    found = read_subsets(store)
    untouched = all(is_untouched(open_subset(store, name)) for name in found.names)
    return None if has_inputs and untouched else found.plan


def _check_bucket_folder(store: Store) -> None:
    """Check that a folder can hold buckets.

    Raises:
        ConfigError: It holds something else, or is not writable.
    """
    if has_plan(store):
        what = "one bucket: give the folder it lies in as"
        if BUCKETS not in read_plan(store).recipe:
            what = "a dataset without buckets: give another"
        raise ConfigError(f"{store.url} holds {what} --out.")
    # A list of images without a plan is what lost its list of sub-sets, or was killed before it.
    if not has_subsets(store) and not store.exists(layout.IMAGES):
        check_folder(store)
    elif isinstance(store, LocalStore):
        store.check_writable()


def continued_plan(request: CollectRequest, say: Say) -> Plan:
    """Return the plan of a folder that continues with its own images.

    Raises:
        PlanMismatchError: The options are those of another dataset.
        ConfigError: The folder's list of images is missing.
    """
    old = request.old
    assert old is not None
    if request.is_painted:
        return _painted_plan(request, say)
    plan = make_collect_plan(
        request.config, request.layout, dict(old.source), old.num_samples, old.teacher
    )
    _check_same(request, plan, say)
    check_continued(request.store, old, plan, say)
    return plan


def read_images(request: CollectRequest, path_of: ListPaths, say: Say) -> tuple[Plan, ImageSummary]:
    """Read the image headers, write the lists of the accepted images, and make the plan.

    Raises:
        PlanMismatchError: The folder holds another dataset.
        ConfigError: A source is empty or cannot be read, or no image can be used.
    """
    config = request.config
    if request.is_painted:
        return _painted_plan(request, say), ImageSummary()
    old, target = request.old, path_of(1)
    formats = OneFormat(str(old.source.get("kept", "")) if old else "")
    source = open_collected(config, formats, say)
    read = scan_images(config, source, target, lambda _: 1, config.label_column, say)
    summary = read.summary
    described = {
        **image_source(source.name, summary),
        "num_classes": summary.num_classes,
        "num_tags": summary.num_tags,
        **({"kept": formats.extension} if config.format == "keep" else {}),
    }
    if old is None:
        num = summary.num_slots
        plan = make_collect_plan(config, request.layout, described, num, source.teacher)
        # Buckets are measured when the images are sorted into them.
        if not config.bucket:
            plan = fit_shards(plan, config.shard_bytes, target, say)
    else:
        given = dict(old.source), old.num_samples, source.teacher
        plan = make_collect_plan(config, request.layout, *given)
        _check_same(request, plan, say)
        plan = with_given_images(request.store, plan, source.name, path_of, say)
        plan = with_rejected(plan, described)
    say(_counts(config, summary))
    read.say_passed_over(say)
    read.say_captions(say)
    return plan, summary


def _check_same(request: CollectRequest, plan: Plan, say: Say) -> None:
    """Refuse a plan other than the folder's.

    Raises:
        PlanMismatchError: It is another.
    """
    if request.old is None:
        return
    # A folder of buckets has no shard itself: nothing in it says whether any was made.
    if request.config.bucket:
        check_same(request.old, plan, say)
    else:
        check_same_plan(request.store, request.old, plan, say)


def _painted_plan(request: CollectRequest, say: Say) -> Plan:
    """Return the plan of a set of painted pictures or their edits.

    Raises:
        PlanMismatchError: The folder holds another dataset.
    """
    config = request.config
    is_edited = request.layout == "edits"
    images = PaintedImages(config.seed, config.split, config.size, edits=is_edited)
    source = {**painted_source(config, images), "num_classes": 0}
    plan = make_collect_plan(config, request.layout, source, config.num_images, {})
    if request.old is None:
        plan = fit_shards(plan, config.shard_bytes, None, say)
    else:
        check_same_plan(request.store, request.old, plan, say)
    one = request.layout.removesuffix("s")
    say(
        f"{counted(config.num_images, f'painted {one}')}, {config.size} px, of "
        f"{counted(source['num_inputs'], 'composition')} of the split {config.split}."
    )
    return plan


def _counts(config: CollectConfig, summary: ImageSummary) -> str:
    """Return how many images were taken, rejected and skipped."""
    classes = f" of {summary.num_classes:,} classes" if summary.num_classes else ""
    skipped = summary.num_skipped
    thresholds = f", {skipped:,} skipped by --min-size and --max-aspect" if skipped else ""
    taken = counted(summary.num_images, config.layout.removesuffix("s"))
    return (
        f"{taken}{classes}, {config.size} px; "
        f"{counted(len(summary.rejected) - skipped, 'image')} rejected{thresholds}"
        f"{summary.frames_text()}."
    )
