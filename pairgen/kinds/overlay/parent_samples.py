"""Decode what an annotator needs of a sample of the parent."""

from collections.abc import Mapping
from typing import Any

from pairgen.annotators.base import ParentSample
from pairgen.kinds.parent_shard import NO_SAMPLE, Stored
from pairgen.shards.format.codec import decode_member
from pairgen.shards.format.image_member import decode_image, is_image
from pairgen.sources.photographs import UnusableImageError
from pairgen.types import FailedSlot


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
