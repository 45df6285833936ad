"""Gradient checkpointing: recompute activations instead of storing them."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from pairgen.errors import ConfigError


def enable_gradient_checkpointing(players: Mapping[str, nn.Module]) -> None:
    """Enable gradient checkpointing in every network that supports it, at any depth in a player.

    Raises:
        ConfigError: No player contains such a network.
    """
    networks = [each for module in players.values() for each in _networks_that_can(module)]
    if not networks:
        raise ConfigError(
            "gradient_checkpointing must be false here: none of the players "
            f"({', '.join(players)}) has a diffusers network that supports it."
        )
    for network in networks:
        network.enable_gradient_checkpointing()


def _networks_that_can(module: nn.Module) -> Iterator[Any]:
    """Yield the outermost networks that support it: each enables it for those inside."""
    if getattr(module, "_supports_gradient_checkpointing", False):
        yield module
        return
    for child in module.children():
        yield from _networks_that_can(child)
