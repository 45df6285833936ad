"""Read what an annotator needs of a shard: of the parent, or of an overlay's distinct texts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pairgen.annotators.base import ParentSample
from pairgen.errors import CorruptShardError
from pairgen.kinds.parent_shard import NO_SAMPLE, Stored, read_parent
from pairgen.receipts import FailedSlot
from pairgen.shards.format import layout
from pairgen.shards.format.codec import decode_member
from pairgen.shards.format.image_member import decode_image, is_image
from pairgen.shards.overlays.values import TEXT, hash_of_texts, read_texts, rows_of_task
from pairgen.shards.storage.store import Store
from pairgen.sources.photographs import UnusableImageError
from pairgen.types import ShardTask

# Returns what stands at a slot of an opened shard.
ReadSlot = Callable[[int], ParentSample | FailedSlot]


class Samples(Protocol):
    """The samples that an annotator annotates."""

    def open(self, task: ShardTask) -> ReadSlot:
        """Return the function that reads the slots of a shard.

        Raises:
            CorruptShardError: The shard is damaged, or not the one that the task names.
        """


@dataclass(frozen=True)
class ParentSamples:
    """Those of the parent.

    Attributes:
        parent: The parent.
        specs: The members to read, as the parent's plan says.
    """

    parent: Store
    specs: Mapping[str, Mapping[str, Any]]

    def open(self, task: ShardTask) -> ReadSlot:
        """Read the parent's shard, see `Samples.open`."""
        stored = read_parent(self.parent, task, self.specs)
        return lambda index: decode_sample(index, stored.get(index), self.specs)


class TextSamples:
    """The distinct texts of an overlay by value.

    Args:
        overlay: The overlay.

    Raises:
        CorruptShardError: Its list of texts is missing or damaged.
    """

    def __init__(self, overlay: Store) -> None:
        self._overlay, self._texts = overlay, read_texts(overlay)

    def open(self, task: ShardTask) -> ReadSlot:
        """Read the texts of a shard, see `Samples.open`."""
        texts = rows_of_task(self._texts, task)
        if task.parent_sha256 not in ("", hash_of_texts(texts)):
            raise CorruptShardError(
                f"The texts of {self._overlay.url} are others than those of "
                f"{layout.shard_path(task.shard_index)}: run the command that made it again."
            )
        return lambda index: ParentSample(index, {TEXT: texts[index - task.start]})


def decode_sample(
    index: int, stored: Stored | None, specs: Mapping[str, Mapping[str, Any]]
) -> ParentSample | FailedSlot:
    """Decode the members of a sample; a sample that is not there, or not readable, has a reason.

    Args:
        index: Its slot.
        stored: Its members; None if the parent has no such sample.
        specs: The members to decode, as the parent's plan says.
    """
    if stored is None:
        return FailedSlot(index=index, reason=NO_SAMPLE, skipped=True)
    fields: dict[str, Any] = {}
    for name, spec in specs.items():
        try:
            fields[name] = _decoded(name, stored[name], spec)
        except KeyError:
            return FailedSlot(index=index, reason=f"{name} is missing")
        except (UnusableImageError, ValueError, RecursionError) as error:
            return FailedSlot(index=index, reason=f"{name} cannot be read: {error}")
    return ParentSample(index, fields)


def _decoded(name: str, data: bytes, spec: Mapping[str, Any]) -> Any:
    """Return a member's content.

    Raises:
        UnusableImageError, ValueError: It cannot be read, or is not as planned.
    """
    value = decode_image(data, spec) if is_image(name) else decode_member(name, data)
    if "shape" in spec and (str(value.dtype), [*value.shape]) != (spec["dtype"], [*spec["shape"]]):
        raise ValueError(
            f"{value.dtype} {list(value.shape)}, the plan says {spec['dtype']} "
            f"{list(spec['shape'])}"
        )
    return value
