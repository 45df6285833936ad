"""Which adapter a call of a network uses: an argument of the call, never a state of the network.

The choice lives in a context variable, so that several adapters of one network can be used in one
step, in any order. Gradient checkpointing computes a block again in the backward pass, when another
adapter may have been used in between: `checkpoint_gradients` makes it remember the choice of its
own forward pass.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

import torch.utils.checkpoint
from torch import nn

# Of each network, by its `id`, the adapter in use; None for the network's own weights.
_chosen: ContextVar[Mapping[int, nn.Module | None]] = ContextVar(
    "adapters in use", default=MappingProxyType({})
)


@contextmanager
def using(network: nn.Module, adapter: nn.Module | None) -> Iterator[None]:
    """Compute with one adapter of a network inside the context; None for its own weights."""
    with _restored({**_chosen.get(), id(network): adapter}):
        yield


def is_used(network: nn.Module, adapter: nn.Module) -> bool:
    """Return whether calls of a network use this adapter now."""
    return _chosen.get().get(id(network)) is adapter


def checkpoint_gradients(network: Any) -> None:
    """Enable gradient checkpointing in a diffusers network, safe with adapters."""
    network.enable_gradient_checkpointing(_checkpoint)


def _checkpoint(module: nn.Module, *args: Any) -> Any:
    chosen = _chosen.get()

    def run(*args: Any) -> Any:
        with _restored(chosen):
            return module(*args)

    return torch.utils.checkpoint.checkpoint(run, *args, use_reentrant=False)


@contextmanager
def _restored(chosen: Mapping[int, nn.Module | None]) -> Iterator[None]:
    token = _chosen.set(chosen)
    try:
        yield
    finally:
        _chosen.reset(token)
