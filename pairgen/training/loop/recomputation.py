"""Gradient checkpointing: recompute activations instead of storing them."""

from collections.abc import Iterable, Iterator
from typing import Any

from torch import nn

from pairgen.adapters.adaptable import Adaptable
from pairgen.adapters.chosen import checkpoint_gradients
from pairgen.errors import ConfigError
from pairgen.teachers.base import Autoencoder


def enable_gradient_checkpointing(
    players: Iterable[nn.Module], autoencoders: Iterable[Autoencoder] = ()
) -> None:
    """Enable gradient checkpointing in every network that supports it, at any depth.

    Args:
        players: The players, and other networks that gradients flow through.
        autoencoders: Autoencoders that gradients flow through, trained or not.

    Raises:
        ConfigError: There is no such network.
    """
    halves = (half for each in autoencoders for half in (each.encoder, each.decoder))
    modules = [*players, *(half for half in halves if isinstance(half, nn.Module))]
    networks = [each for module in modules for each in _networks_that_can(module)]
    if not networks:
        raise ConfigError(
            "gradient_checkpointing must be false here: no network of this method supports it."
        )
    for network in networks:
        if isinstance(network, Adaptable):
            network.checkpoint_gradients()
        else:
            checkpoint_gradients(network)


def _networks_that_can(module: nn.Module) -> Iterator[Any]:
    """Yield the outermost networks that support it: each enables it for those inside."""
    supports = getattr(module, "_supports_gradient_checkpointing", False)
    if supports or (isinstance(module, Adaptable) and module.can_checkpoint_gradients):
        yield module
        return
    for child in module.children():
        yield from _networks_that_can(child)
