"""Read checkpoints of version 1: no checksums, no buffers, and adapters under peft's names."""

import re
from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")
# `network.LAYER.lora_A.default.weight`, in a player or deeper in it.
_ADAPTER = re.compile(r"(^|\.)network\.(.+\.lora_[AB])\.default\.weight")


def renamed(tensors: Mapping[str, T]) -> dict[str, T]:
    """Return tensors under the names that they have today, also those of an optimizer's state."""
    return {_ADAPTER.sub(r"\1adapter.\2.weight", name): each for name, each in tensors.items()}
