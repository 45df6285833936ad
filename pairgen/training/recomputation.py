"""Activations that are computed twice instead of being kept: gradient checkpointing."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from pairgen.errors import ConfigError


def enable_gradient_checkpointing(players: Mapping[str, nn.Module]) -> None:
    """Let every network that can, wherever it lies in a player, compute its activations twice.

    Raises:
        ConfigError: No player holds one.
    """
    networks = [each for module in players.values() for each in _networks_that_can(module)]
    if not networks:
        raise ConfigError(
            "gradient_checkpointing must be false here: none of the players "
            f"({', '.join(players)}) holds a network of diffusers that offers it."
        )
    for network in networks:
        network.enable_gradient_checkpointing()


def _networks_that_can(module: nn.Module) -> Iterator[Any]:
    """Yield the outermost networks that offer it: such a one tells those inside it."""
    if getattr(module, "_supports_gradient_checkpointing", False):
        yield module
        return
    for child in module.children():
        yield from _networks_that_can(child)
