"""`pairgen collect --bucket`: sort the images into buckets, and make the sub-set of each."""

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from pairgen.execution.dataset import (
    check_folder,
    find_old_plan,
    make_dataset,
)
from pairgen.execution.inputs.growing import ListPaths
from pairgen.execution.inputs.spooled import put_inputs
from pairgen.execution.inputs.taken import take_images
from pairgen.execution.own_code import with_code
from pairgen.execution.run_result import RunResult, count_left
from pairgen.execution.say import Say
from pairgen.execution.shard_size import fit_shards, with_samples_per_shard
from pairgen.jobs.collect.inputs import CollectRequest, continued_plan, read_images
from pairgen.kinds.collect.bucket_card import render_bucket_card
from pairgen.kinds.collect.buckets import (
    aspect_ratio,
    bucket_counts,
    bucket_name,
    bucket_plan,
    shape_in,
)
from pairgen.kinds.continuing import check_continues
from pairgen.receipts import Manifest
from pairgen.shard_range import ALL_SHARDS, ShardRange
from pairgen.shards.format import layout
from pairgen.shards.format.manifest import scan
from pairgen.shards.format.plan_file import has_plan, read_plan, write_plan
from pairgen.shards.format.planned_images import image_lists
from pairgen.shards.format.subsets import (
    Subsets,
    has_subsets,
    open_subset,
    read_subsets,
    write_subsets,
)
from pairgen.shards.storage.store import Store
from pairgen.sources.image_groups import split_images
from pairgen.sources.image_list import ImageSummary
from pairgen.sources.photographs import ImageSize
from pairgen.types import Plan
from pairgen.wording import counted


@dataclass(frozen=True)
class Bucket:
    """The sub-set of one bucket, checked.

    Attributes:
        shape: Its shape.
        store: Its folder.
        plan: Its plan.
        lists: Its lists of images, not yet in the folder.
    """

    shape: ImageSize
    store: Store
    plan: Plan
    lists: tuple[Path, ...]

    @property
    def name(self) -> str:
        """Its name."""
        return bucket_name(self.shape)


def run_buckets(request: CollectRequest, say: Say) -> RunResult:
    """Make one sub-set after the other; stop where the user asks for it.

    The result is that of all: its manifest holds the plan of the whole, and the receipts and
    missing tasks of every sub-set.
    """
    store, config = request.store, request.config
    whole, buckets = _take_buckets(request, say)
    stopped = False
    for bucket in buckets:
        say(f"Bucket {bucket.name}: {counted(bucket.plan.num_samples, 'image')}.")
        made = make_dataset(bucket.store, bucket.plan, config, shard_range=config.part)
        stopped = made.stopped
        if stopped:
            break
    manifests = {bucket.name: scan(bucket.store, bucket.plan) for bucket in buckets}
    manifest = Manifest(
        plan=whole,
        receipts=tuple(receipt for each in manifests.values() for receipt in each.receipts),
        missing=tuple(task for each in manifests.values() for task in each.missing),
    )
    card = render_bucket_card(manifest, manifests)
    store.put_bytes(layout.CARD, card.encode("utf-8"))
    num_rejected = whole.source["num_rejected"]
    num_tried = num_rejected + whole.num_samples
    return RunResult(
        manifest=manifest,
        store_url=store.url,
        stopped=stopped,
        too_many_rejected=num_rejected + manifest.num_failed > config.max_rejected * num_tried,
        shard_range=config.part,
        num_left=sum(count_left(each, config.part) for each in manifests.values()),
        num_tried=num_tried,
        max_rejected=config.max_rejected,
    )


def _take_buckets(request: CollectRequest, say: Say) -> tuple[Plan, list[Bucket]]:
    """Read the images, and write the list and the plan of each bucket once all is checked.

    Raises:
        PlanMismatchError: The folder holds another dataset.
        ConfigError: A source is empty or cannot be read, no image can be used, or a sub-folder
            holds something else.
    """
    store = request.store
    store.remove_stale_spool()
    with TemporaryDirectory(prefix="pairgen-") as folder:
        sort = partial(_sort_images, store, Path(folder))
        buckets: list[Bucket] = []
        if request.continues:
            whole = continued_plan(request, say)
            with ExitStack() as stack:
                paths = [stack.enter_context(store.local(path)) for path in image_lists(whole)]
                buckets += sort(whole, paths)
        else:

            def read(path_of: ListPaths) -> tuple[Plan, ImageSummary]:
                plan, summary = read_images(request, path_of, say)
                paths = [path_of(number) for number in range(1, len(image_lists(plan)) + 1)]
                buckets.extend(sort(plan, paths))
                if request.old is None and request.config.shard_bytes:
                    plan = _fit_buckets(plan, buckets, request.config.shard_bytes, say)
                return plan, summary

            # Parts share the list and the plan of the whole.
            every = request.config.model_copy(update={"shard_range": str(ALL_SHARDS)})
            whole = take_images(store, request.old, read, every, say)
        say(bucket_counts({bucket.shape: bucket.plan.num_samples for bucket in buckets}))
        buckets = [
            replace(each, plan=with_code(each.store, each.plan, request.config, say))
            for each in buckets
        ]
        begun = read_subsets(store).names if has_subsets(store) else ()
        if begun:
            # If the command is killed between the plans of two buckets, it can go on.
            write_subsets(store, Subsets(whole, begun))
        for place, bucket in enumerate(buckets):
            buckets[place] = replace(bucket, plan=_put_lists(bucket, request.config.part))
            write_plan(bucket.store, buckets[place].plan)
    names = tuple(bucket.name for bucket in buckets)
    write_subsets(store, Subsets(whole, names))
    _remove_plans(store, [name for name in begun if name not in names])
    return whole, buckets


def _put_lists(bucket: Bucket, part: ShardRange) -> Plan:
    """Copy the lists of a bucket into its folder; return the plan with their hashes."""
    plan = bucket.plan
    for number, (images, path) in enumerate(zip(bucket.lists, image_lists(plan), strict=True), 1):
        spooled = bucket.store.spool(Path(path).name)
        shutil.copyfile(images, spooled)
        plan = put_inputs(bucket.store, spooled, path, plan, part, number)
    return plan


def _sort_images(store: Store, folder: Path, whole: Plan, lists: Sequence[Path]) -> list[Bucket]:
    """Sort the images into buckets, the narrowest first; check the folder of each.

    Raises:
        PlanMismatchError: A sub-folder holds another dataset.
        ConfigError: A sub-folder holds something else.
    """
    names = [str(whole.source["name"]), *(each.name for each in whole.additions)]
    found: dict[ImageSize, list[tuple[str, Path, ImageSummary]]] = {}
    for number, (name, images) in enumerate(zip(names, lists, strict=True)):
        into = folder / str(number)
        into.mkdir()
        split = split_images(images, into, lambda size: shape_in(whole.recipe, size))
        for shape, (path, summary) in split.items():
            found.setdefault(shape, []).append((name, path, summary))
    buckets = []
    for shape in sorted(found, key=aspect_ratio):
        subset = open_subset(store, bucket_name(shape))
        plan = bucket_plan(whole, shape, [(name, each) for name, _, each in found[shape]])
        check_folder(subset)
        if old := find_old_plan(subset, whole.kind, has_inputs=True):
            check_continues(old, plan)
        buckets.append(Bucket(shape, subset, plan, tuple(path for _, path, _ in found[shape])))
    return buckets


def _fit_buckets(whole: Plan, buckets: list[Bucket], shard_bytes: int, say: Say) -> Plan:
    """Give all buckets shards of about a number of bytes, by samples of the fullest one.

    The buckets of a dataset hold images of nearly the same number of pixels. A folder remembers one
    number for all.
    """
    fullest = max(buckets, key=lambda bucket: bucket.plan.num_samples)
    number = fit_shards(fullest.plan, shard_bytes, fullest.lists[0], say).samples_per_shard
    buckets[:] = [
        replace(bucket, plan=with_samples_per_shard(bucket.plan, number)) for bucket in buckets
    ]
    return with_samples_per_shard(whole, number)


def _remove_plans(store: Store, names: Sequence[str]) -> None:
    """Remove what a mistaken first try has planned and not made."""
    for name in names:
        subset = open_subset(store, name)
        lists = image_lists(read_plan(subset)) if has_plan(subset) else [layout.IMAGES]
        for path in (layout.PLAN, *lists, layout.MANIFEST, layout.CARD):
            subset.remove(path)
        subset.prune()
