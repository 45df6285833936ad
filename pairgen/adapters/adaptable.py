"""A network whose calls may use an adapter of its own."""

import copy
import weakref
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Self

from torch import nn

from pairgen.adapters.adapter import Adapter
from pairgen.adapters.chosen import checkpoint_gradients, using
from pairgen.errors import ConfigError


class Adaptable(nn.Module):
    """Base of the wrappers of networks that a method trains or calls.

    A subclass calls its network inside `with self.in_use():`. Then two wrappers of one network,
    from `beside`, compute with two adapters, or one of them with the network's own weights, without
    any switching in between.

    Args:
        network: The network.
        default_targets: Layers that adapters change unless told otherwise; names that the network
            does not have are passed over.
        new_layers: Layers with weights that are new, and zero: nothing but training them gives
            them an effect.

    Attributes:
        adapter: Its own adapter; None for the network's own weights.
    """

    def __init__(
        self, network: nn.Module, default_targets: Sequence[str], new_layers: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self.network: Any = network
        self.adapter: Adapter | None
        self.register_module("adapter", None)
        self.default_targets, self.new_layers = tuple(default_targets), tuple(new_layers)
        # Weak, so that a deep copy of one is no copy of the others.
        self._views = [weakref.ref(self)]

    @property
    def shares_weights(self) -> bool:
        """Whether other wrappers call the same network."""
        views = (view() for view in self._views)
        others = [each for each in views if each is not None and each is not self]
        return any(each.network is self.network for each in others)

    def in_use(self) -> AbstractContextManager[None]:
        """Compute with the own adapter inside the context."""
        return using(self.network, self.adapter)

    def beside(self) -> Self:
        """Return another wrapper of the same network, which can get an adapter of its own."""
        other = copy.copy(self)
        # Not the same mapping, so that an adapter of one does not reach the other.
        other._modules = {**self._modules, "adapter": None}
        self._views.append(weakref.ref(other))
        return other

    def adapt(
        self,
        *,
        rank: int,
        alpha: float,
        targets: Sequence[str] = (),
        trained: Sequence[str] = (),
    ) -> None:
        """Freeze the network and add an adapter, which changes nothing at first.

        Args:
            rank: Rank of the low-rank additions; 0 for none.
            alpha: Their scale is alpha / rank.
            targets: Layers that get an addition; () for the default ones.
            trained: Layers to train as a whole.

        Raises:
            ConfigError: It has an adapter already, a name matches no layer, a layer cannot be
                adapted, or a new layer would stay as it is.
        """
        if self.adapter is not None:
            raise ConfigError(
                "a network is adapted twice: players that share weights need a wrapper each, from "
                "`beside()`."
            )
        self.network.requires_grad_(False)
        self.adapter = Adapter(
            self.network,
            rank=rank,
            alpha=alpha,
            targets=targets or self._present(self.default_targets),
            trained=trained,
        )
        changed = {name for name, _ in self.adapter.layer_changes()}
        for name in self.new_layers:
            if name not in changed:
                raise ConfigError(
                    f"trained_layers must name {name}: it has weights that are new and zero, so "
                    "without training its input would never have an effect."
                )

    def unfreeze(self) -> None:
        """Make the weights trainable that were frozen when the network was loaded."""

    def merge(self) -> None:
        """Write the adapter into the network's weights, and drop it."""
        if self.adapter is not None:
            self.adapter.merge_into(self.network.state_dict())
            self.adapter = None

    @property
    def can_checkpoint_gradients(self) -> bool:
        """Whether the network supports gradient checkpointing."""
        return bool(getattr(self.network, "_supports_gradient_checkpointing", False))

    def checkpoint_gradients(self) -> None:
        """Enable gradient checkpointing in the network."""
        checkpoint_gradients(self.network)

    def _present(self, ends: Sequence[str]) -> list[str]:
        names = [f".{name}" for name, _ in self.network.named_modules()]
        return [end for end in ends if any(name.endswith(f".{end}") for name in names)]


def adaptable_networks(module: nn.Module) -> Iterator[tuple[str, Adaptable]]:
    """Yield the networks of a player that can get adapters, by their last name; "" for itself."""
    if isinstance(module, Adaptable):
        yield "", module
        return
    for name, child in module.named_children():
        for inner, network in adaptable_networks(child):
            yield inner or name, network
