"""The state of a worker of `pairgen annotate`: the parent and the loaded annotator."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

from pairgen import plugins
from pairgen.annotators.base import Added, Annotator, ParentSample, Refused
from pairgen.errors import OutOfDeviceMemoryError, PairgenError
from pairgen.kinds.machine import batch_does_not_fit, device_name
from pairgen.kinds.overlay.parent_samples import ParentSamples, ReadSlot, Samples, TextSamples
from pairgen.kinds.overlay.plan import planned_annotator
from pairgen.kinds.parent_shard import planned_parent
from pairgen.receipts import FailedSlot
from pairgen.shards.check.sample_check import is_finite
from pairgen.shards.format.image_encoding import encode_image
from pairgen.shards.format.image_member import is_image
from pairgen.shards.overlays.overlay import SHARED_FACTS, Layer, is_by_value
from pairgen.shards.overlays.values import TEXT, VALUE_HASH, text_hash
from pairgen.shards.storage.store import Store
from pairgen.types import Plan, Sample, ShardTask, sample_key
from pairgen.wording import counted

MODULES = ("torch", "numpy", "cv2", "PIL", "diffusers", "transformers")
FORMATS = {"png": "png", "jpg": "jpg", "webp": "webp-lossless"}


class OverlayMaker:
    """One annotator on one device, and the set that it annotates.

    Raises:
        ConfigError: The parent is not there, or is not the planned one.
        TeacherLoadError: The weights cannot be loaded, or do not match the plan.
        OutOfDeviceMemoryError: The weights do not fit into memory.
    """

    modules = MODULES
    index_columns: Mapping[str, Any] = {}

    def __init__(self, plan: Plan, store: Store) -> None:
        self.plan = plan
        parent, self.annotator = open_parent(plan, store)
        specs = {name: parent.plan.members[name] for name in self.annotator.reads}
        self._by_value = is_by_value(plan)
        self._samples: Samples = (
            TextSamples(store) if self._by_value else ParentSamples(parent.store, specs)
        )
        self._batch_size = plan.execution["batch_size"]
        on_gpu = self.annotator.model is not None and torch.cuda.is_available()
        self._device = torch.device("cuda" if on_gpu else "cpu")
        self.device = device_name(self._device)
        try:
            self._annotate = self.annotator.open(self._device)
        except torch.OutOfMemoryError:
            raise OutOfDeviceMemoryError(
                f"The weights of {plan.teacher.get('name')!r} do not fit into the memory of "
                f"{self.device}: free memory."
            ) from None

    def make(self, task: ShardTask) -> Iterator[list[Sample | FailedSlot]]:
        """Yield the results of a shard in order, in lists of any length."""
        return self._make(task, range(task.start, task.stop))

    def prepare(self, task: ShardTask) -> None:
        """Read the parent's shard, or the shard's texts, as `make` does."""
        self._samples.open(task)

    def make_again(
        self, indices: Collection[int], task: ShardTask
    ) -> Iterator[Sample | FailedSlot]:
        """Yield some slots of a shard as `make` does, each in its original batch."""
        for results in self._make(task, indices):
            yield from (result for result in results if result.index in indices)

    def _make(
        self, task: ShardTask, wanted: Collection[int]
    ) -> Iterator[list[Sample | FailedSlot]]:
        read = self._samples.open(task)
        if self.annotator.distinct and not self._by_value:
            yield self._make_distinct(task, read, wanted)
            return
        for start in range(task.start, task.stop, self._batch_size):
            indices = range(start, min(start + self._batch_size, task.stop))
            if not set(indices).isdisjoint(wanted):
                decoded = self._decode(indices, read)
                yield self._finish(decoded, self._annotated(decoded))

    def _make_distinct(
        self, task: ShardTask, read: ReadSlot, wanted: Collection[int]
    ) -> list[Sample | FailedSlot]:
        """Annotate one sample for each distinct value; the others get what it gets."""
        name = self.annotator.distinct
        decoded = self._decode(range(task.start, task.stop), read)
        samples = [each for each in decoded if isinstance(each, ParentSample)]
        first: dict[Any, ParentSample] = {}
        for each in samples:
            first.setdefault(each.fields[name], each)
        chosen = list(first.values())
        asked = {each.fields[name] for each in samples if each.index in wanted}
        added: dict[Any, Added | Refused] = {}
        for start in range(0, len(chosen), self._batch_size):
            batch = chosen[start : start + self._batch_size]
            if not asked.isdisjoint(each.fields[name] for each in batch):
                found = self._annotated(batch)
                added |= {each.fields[name]: found[each.index] for each in batch}
        kept = [each for each in decoded if each.index in wanted]
        by_index = {
            each.index: added[each.fields[name]] for each in kept if isinstance(each, ParentSample)
        }
        return self._finish(kept, by_index)

    def _decode(self, indices: Sequence[int], read: ReadSlot) -> list[ParentSample | FailedSlot]:
        with ThreadPoolExecutor(self.plan.execution["cpu_threads"]) as threads:
            return list(threads.map(read, indices))

    def _annotated(
        self, decoded: Sequence[ParentSample | FailedSlot]
    ) -> dict[int, Added | Refused]:
        """Annotate one batch; return what is added, by slot."""
        samples = [each for each in decoded if isinstance(each, ParentSample)]
        if not samples:
            return {}
        try:
            added = self._annotate(samples)
        except torch.OutOfMemoryError:
            raise batch_does_not_fit(self._batch_size, self._device) from None
        if len(added) != len(samples):
            raise self._wrong(
                f"returned {len(added)} results for {counted(len(samples), 'sample')}"
            )
        return {sample.index: each for sample, each in zip(samples, added, strict=True)}

    def _finish(
        self, decoded: Sequence[ParentSample | FailedSlot], added: Mapping[int, Added | Refused]
    ) -> list[Sample | FailedSlot]:
        def finish(each: ParentSample | FailedSlot) -> Sample | FailedSlot:
            return each if isinstance(each, FailedSlot) else self._sample(each, added[each.index])

        with ThreadPoolExecutor(self.plan.execution["cpu_threads"]) as threads:
            return list(threads.map(finish, decoded))

    def _sample(self, sample: ParentSample, added: Added | Refused) -> Sample | FailedSlot:
        """Check what was added to a sample, and encode it."""
        if isinstance(added, Refused):
            return FailedSlot(index=sample.index, reason=added.reason)
        index, members = sample.index, self.plan.members
        facts = {"index": index, "seed": self.plan.seed, **added.facts}
        if self._by_value:
            facts[VALUE_HASH] = text_hash(sample.fields[TEXT]).hex()
        for what, found, planned in (
            ("members", {*added.fields}, {*members} - {"json"}),
            ("columns", {*added.facts}, {*members["json"]["keys"]} - {*SHARED_FACTS, VALUE_HASH}),
        ):
            if found != planned:
                shown = ", ".join(sorted(found)) or "none"
                raise self._wrong(
                    f"gave sample {sample_key(index)} the {what} {shown}, it says that it adds "
                    f"{', '.join(sorted(planned)) or 'none'}"
                )
        fields: dict[str, Any] = {}
        for name, value in added.fields.items():
            if isinstance(value, np.ndarray):
                self._check_form(index, name, value, members[name])
                if not is_finite(value):
                    return FailedSlot(index=index, reason=f"{name} is not finite")
            fields[name] = _encoded(name, value)
        return Sample(index=index, fields=fields, facts=facts)

    def _check_form(
        self, index: int, name: str, value: np.ndarray, spec: Mapping[str, Any]
    ) -> None:
        form = f"{value.dtype} {list(value.shape)}"
        planned = f"{spec.get('dtype')} {list(spec.get('shape', ()))}"
        if form != planned:
            raise self._wrong(
                f"gave sample {sample_key(index)} the member {name} as {form}, it says {planned}"
            )

    def _wrong(self, what: str) -> PairgenError:
        return PairgenError(f"The annotator {self.plan.recipe['annotator']!r} {what}.")


build = OverlayMaker


def _encoded(name: str, value: np.ndarray | str) -> np.ndarray | bytes | str:
    """Return the content of a member: an image is encoded."""
    if isinstance(value, np.ndarray) and is_image(name):
        return encode_image(value, FORMATS[name.rpartition(".")[2]])
    return value


def check(plan: Plan) -> None:
    """Check that the annotator is there; `open_parent` checks all else.

    Raises:
        ConfigError: There is no such annotator.
    """
    plugins.load("annotators", plan.recipe["annotator"])


def open_parent(plan: Plan, store: Store) -> tuple[Layer, Annotator]:
    """Find an overlay's parent, without its receipts, and its annotator, without its weights.

    Raises:
        ConfigError: The parent or the annotator is not there, or is not the planned one.
        TeacherLoadError: The weights are not the planned ones.
    """
    parent = planned_parent(plan, store)
    return parent, planned_annotator(plan, parent.plan)
