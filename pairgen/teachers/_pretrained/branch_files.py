"""Find and load a saved condition branch: a folder or hub id of diffusers' `ControlNetModel`."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import ControlNetModel

from pairgen.errors import TeacherLoadError
from pairgen.sampling.conditioning import MIXTURE, SUM
from pairgen.teachers._pretrained.branch import (
    CONFIG,
    EMBEDDING_WIDTHS,
    FUSION_FILE,
    WEIGHTS,
    Branch,
    embedding_factor,
)
from pairgen.teachers._pretrained.files import (
    Snapshot,
    find_snapshot,
    read_json,
)
from pairgen.teachers._pretrained.folders.weights import fetch_weights, weights_identity
from pairgen.teachers._pretrained.networks import load_network
from pairgen.teachers._pretrained.stable_diffusion import Layout

# Of the UNet, which its branch has as well.
SHARED = (
    *("block_out_channels", "cross_attention_dim", "down_block_types", "in_channels"),
    *("layers_per_block", "addition_embed_type"),
)
# What configs of early ControlNets leave out, and what it means then.
USUAL = {"conditioning_embedding_out_channels": list(EMBEDDING_WIDTHS), "conditioning_channels": 3}


@dataclass(frozen=True)
class BranchFiles:
    """The files of a branch.

    Attributes:
        snapshot: Their folder.
        config: Its config.
        fusion: `sum` or `mixture`.
        mu: mu; 1 where it is in the weights.
    """

    snapshot: Snapshot
    config: Mapping[str, Any]
    fusion: str
    mu: float

    @property
    def condition_channels(self) -> int:
        """Channels of the condition."""
        return int(self.config["conditioning_channels"])

    def identity(self, variant: str) -> dict[str, Any]:
        """Return what distinguishes branches, see `weights_identity`.

        Args:
            variant: Variant of the model's weight files.
        """
        folder = self.snapshot.folder
        configs = [folder / CONFIG, *([folder / FUSION_FILE] if self.fusion == MIXTURE else [])]
        return {**weights_identity(self.snapshot, [WEIGHTS], variant, configs)}

    def load(self, variant: str, dtype: torch.dtype) -> Branch:
        """Load the branch, frozen.

        Raises:
            TeacherLoadError: The weights are missing, incomplete or broken.
        """
        (weights,) = fetch_weights(self.snapshot, [WEIGHTS], variant).values()
        network = load_network(ControlNetModel, weights, dtype)
        return Branch(network, self.fusion, self.mu).requires_grad_(False).to(dtype)


def find_branch(location: str, layout: Layout) -> BranchFiles | None:
    """Find a branch for a model; None for an empty location.

    Args:
        location: Folder or hub id of the branch.
        layout: The model.

    Raises:
        TeacherLoadError: There is none, or it was made for another network.
    """
    if not location:
        return None
    snapshot = find_snapshot(location, "", (CONFIG, FUSION_FILE))
    config = {**USUAL, **read_json(snapshot, CONFIG)}
    if config.get("_class_name") != "ControlNetModel":
        raise TeacherLoadError(
            f"branch must be a folder or hub id of a ControlNetModel, and {location} holds a "
            f"{config.get('_class_name', 'model without a name')}."
        )
    unet = read_json(layout.snapshot, "unet/config.json")
    for name in SHARED:
        if config.get(name) != unet.get(name):
            raise TeacherLoadError(
                f"The branch {location} was made for another network: its {name} is "
                f"{config.get(name)}, that of {layout.snapshot.location} is {unet.get(name)}."
            )
    _check_numbers(location, config)
    if embedding_factor(config) != layout.factor:
        raise TeacherLoadError(
            f"The branch {location} takes {embedding_factor(config)} pixels a latent, "
            f"{layout.snapshot.location} has {layout.factor}."
        )
    return BranchFiles(snapshot, config, *_fusion(snapshot))


def _check_numbers(location: str, config: Mapping[str, Any]) -> None:
    """Refuse a config whose embedding of conditions is described by no numbers."""
    widths, channels = (config[name] for name in USUAL)
    numbers = [channels, *(widths if isinstance(widths, list) else [None])]
    if len(numbers) < 2 or not all(type(each) is int and each > 0 for each in numbers):
        raise TeacherLoadError(
            f"{CONFIG} of the branch {location} must hold numbers in {' and '.join(USUAL)}, got "
            f"{json.dumps(widths)[:60]} and {json.dumps(channels)[:60]}."
        )


def _fusion(snapshot: Snapshot) -> tuple[str, float]:
    if not (snapshot.folder / FUSION_FILE).is_file():
        return SUM, 1.0
    known = read_json(snapshot, FUSION_FILE)
    fusion, mu = known.get("fusion"), known.get("mu", "")
    # Not `isinstance`: true is an int in Python.
    if fusion != MIXTURE or type(mu) not in (int, float) or not math.isfinite(float(mu)):
        raise TeacherLoadError(
            f"{FUSION_FILE} of {snapshot.location} must hold fusion 'mixture' and a number mu, got "
            f"{json.dumps(known)[:100]}."
        )
    return MIXTURE, float(mu)
