"""An adapter: its own weights, beside those of a frozen network."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from pairgen.adapters.chosen import is_used
from pairgen.adapters.layer import LayerAdapter
from pairgen.config import did_you_mean
from pairgen.errors import ConfigError


class Adapter(nn.Module):
    """Changes of some layers of a network, in effect only in calls that use it.

    The network is not modified: it gets hooks, which look up whether a call uses this adapter (see
    `pairgen.adapters.chosen`). The layers lie in this module under their names in the network.

    Args:
        network: The network, whose weights should be frozen.
        rank: Rank of the low-rank additions; 0 for none.
        alpha: Their scale is alpha / rank.
        targets: Layers that get an addition, each by the end of its name, such as `to_q`.
        trained: Layers of which a copy is trained instead, named alike.

    Raises:
        ConfigError: A name matches no layer, or a layer cannot be adapted.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        rank: int,
        alpha: float,
        targets: Sequence[str],
        trained: Sequence[str] = (),
    ) -> None:
        super().__init__()
        found = dict(network.named_modules())
        low_rank = _matching(found, targets if rank else (), "lora_targets")
        full = _matching(found, trained, "trained_layers")
        for name, layer in found.items():
            if name not in low_rank and name not in full:
                continue
            change = LayerAdapter(
                layer,
                name=name,
                rank=rank if name in low_rank else 0,
                alpha=alpha,
                trained=name in full,
            )
            self._place(name, change)
            layer.register_forward_hook(_Hook(network, self, change), with_kwargs=True)

    def layer_changes(self) -> Iterator[tuple[str, LayerAdapter]]:
        """Yield each changed layer's name in the network, and its change."""
        for name, module in self.named_modules():
            if isinstance(module, LayerAdapter):
                yield name, module

    def merge_into(self, weights: Mapping[str, Tensor]) -> None:
        """Write the changes into the weights of a network, by their names in it."""
        for name, change in self.layer_changes():
            prefix = f"{name}."
            own = {key: each for key, each in weights.items() if key.startswith(prefix)}
            change.merge_into({key.removeprefix(prefix): each for key, each in own.items()})

    def low_rank_tensors(self) -> dict[str, Tensor]:
        """Return the low-rank additions under their names in peft, with alpha / rank folded into B.

        So a file of them needs no alpha: every loader takes a scale of 1.
        """
        tensors = {}
        for name, change in self.layer_changes():
            if change.scale:
                tensors[f"{name}.lora_A.weight"] = change.lora_A.weight.detach()
                tensors[f"{name}.lora_B.weight"] = change.lora_B.weight.detach() * change.scale
        return tensors

    def trained_tensors(self) -> dict[str, Tensor]:
        """Return the weights of the trained copies, under their names in the network."""
        return {
            f"{name}.{key}": tensor
            for name, change in self.layer_changes()
            if change.full is not None
            for key, tensor in change.full.state_dict().items()
        }

    def _place(self, name: str, change: LayerAdapter) -> None:
        """Add a module under a name with dots."""
        *parents, last = name.split(".")
        place: nn.Module = self
        for parent in parents:
            if parent not in place._modules:
                place.add_module(parent, nn.Module())
            place = place.get_submodule(parent)
        place.add_module(last, change)


@dataclass(eq=False)
class _Hook:
    """Changes the output of a layer in calls that use the adapter.

    An object and no closure, so that a deep copy of a network with its adapter is one too.
    """

    network: nn.Module
    adapter: Adapter
    change: LayerAdapter

    def __call__(
        self, _: nn.Module, args: tuple[Tensor, ...], named: Mapping[str, Tensor], output: Tensor
    ) -> Tensor | None:
        if not is_used(self.network, self.adapter):
            return None
        # A layer has one input, by whatever name.
        (x,) = (*args, *named.values())
        changed: Tensor = self.change(x, output)
        return changed


def _matching(layers: dict[str, nn.Module], ends: Sequence[str], option: str) -> set[str]:
    """Return the names that are, or end with a dot and, one of `ends`.

    Raises:
        ConfigError: One of them matches nothing, or something other than a layer with weights.
    """
    found = set()
    for end in ends:
        names = [name for name in layers if name == end or name.endswith(f".{end}")]
        if not names:
            last = sorted({name.rpartition(".")[2] for name in layers if name})
            raise ConfigError(
                f"{option}: the network has no layer {end!r}{did_you_mean(end, last)}."
            )
        for name in names:
            if any(True for _ in layers[name].children()) or not hasattr(layers[name], "weight"):
                raise ConfigError(f"{option}: {name} is not a single layer with weights.")
        found.update(names)
    return found
