"""Judged triplets, and their features, which are all that a calibration needs."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from pairgen.errors import ConfigError
from pairgen.networks.latent_vgg import LatentVgg
from pairgen.networks.lpips import tap_differences
from pairgen.shards.storage.local_store import LocalStore

NAMES = ("first", "second", "judge", "held_out", "kinds", "unrelated")


@dataclass(frozen=True)
class Triplets:
    """B references, each with two versions.

    Attributes:
        reference: [B, C, H, W].
        first: [B, C, H, W].
        second: [B, C, H, W].
        judge: Share of people who find the second closer to the reference, [B].
        held_out: Which triplets are only for evaluation, [B] bool.
        kinds: Kind of each triplet, B names.
    """

    reference: Tensor
    first: Tensor
    second: Tensor
    judge: Tensor
    held_out: Tensor
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Measured:
    """Triplets in the features of a frozen network, with the K channels of all its taps.

    A distance is linear in these, so the weights can be found without the network.

    Attributes:
        first: Differences between the reference and the first version, [N, K].
        second: Differences between the reference and the second version, [N, K].
        judge: [N].
        held_out: [N] bool.
        kinds: Index of each triplet's kind in `kind_names`, [N] int64.
        unrelated: Mean difference of two references, [K].
        kind_names: Names of the kinds, sorted.
    """

    first: Tensor
    second: Tensor
    judge: Tensor
    held_out: Tensor
    kinds: Tensor
    unrelated: Tensor
    kind_names: tuple[str, ...]


@torch.no_grad()
def measure(net: LatentVgg, batches: Iterable[Triplets]) -> Measured:
    """Measure triplets, batch by batch.

    Args:
        net: Network in eval mode.
        batches: Batches of triplets; at least one has two references.
    """
    parts: dict[str, list[Tensor]] = {name: [] for name in NAMES if name != "kinds"}
    names: list[str] = []
    for batch in batches:
        pairs = {
            "first": batch.first,
            "second": batch.second,
            # Two adjacent samples are unrelated to each other.
            "unrelated": batch.reference.roll(1, 0),
        }
        for name, other in pairs.items():
            found = torch.cat(tap_differences(net, batch.reference, other), dim=1).cpu()
            if name != "unrelated" or len(found) > 1:
                parts[name].append(found)
        parts["judge"].append(batch.judge.float().cpu())
        parts["held_out"].append(batch.held_out.cpu())
        names += batch.kinds
    kind_names = tuple(sorted(set(names)))
    whole = {name: torch.cat(each) for name, each in parts.items()}
    whole["unrelated"] = whole["unrelated"].mean(0)
    kinds = torch.tensor([kind_names.index(name) for name in names])
    return Measured(**whole, kinds=kinds, kind_names=kind_names)


def save_measured(folder: Path, name: str, measured: Measured) -> None:
    """Write measured triplets atomically."""
    tensors = {each: getattr(measured, each).contiguous() for each in NAMES}
    data = save(tensors, metadata={"kind_names": json.dumps(measured.kind_names)})
    store = LocalStore(folder.absolute())
    store.put_bytes(name, data)
    store.prune()


def load_measured(path: Path) -> Measured:
    """Load triplets written by `save_measured`.

    Raises:
        ConfigError: The file cannot be read.
    """
    try:
        with safe_open(path, framework="pt") as file:
            names = json.loads((file.metadata() or {})["kind_names"])
            tensors = {name: file.get_tensor(name) for name in NAMES}
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}; remove it and try again.") from None
    return Measured(**tensors, kind_names=tuple(names))
