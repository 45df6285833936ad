"""Models of the transformers library that look at images: find, identify and load them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
import transformers

from pairgen.asked_model import Model
from pairgen.errors import ConfigError
from pairgen.teachers._pretrained.files import (
    Snapshot,
    find_snapshot,
    read_json,
)
from pairgen.teachers._pretrained.folders.weights import fetch_weights, weights_identity
from pairgen.teachers._pretrained.networks import load_network

STEM = "model"
FILES = ("*.json", "*.txt")
CONFIG = "config.json"


@dataclass(frozen=True)
class VisionModel:
    """A model that was found, but not loaded.

    Attributes:
        model: The model, for the plan.
        snapshot: Its files.
        config: Its `config.json`.
        network: Name of its class in transformers.
    """

    model: Model
    snapshot: Snapshot
    config: Mapping[str, Any]
    network: str

    @property
    def identity(self) -> dict[str, str]:
        """What distinguishes its weights and configs."""
        folder = self.snapshot.folder
        configs = sorted(path for pattern in FILES for path in folder.glob(pattern))
        return weights_identity(self.snapshot, [STEM], "", configs)

    def load(self, device: torch.device, **options: Any) -> Any:
        """Load the network in float32, with options of its class.

        Raises:
            TeacherLoadError: The weights are missing, incomplete or broken.
        """
        (weights,) = fetch_weights(self.snapshot, [STEM], "").values()
        network = getattr(transformers, self.network)
        return load_network(network, weights, torch.float32, **options).to(device)


def find_vision_model(
    model: Model | None, networks: Mapping[str, str], such_as: str, option: str = "model"
) -> VisionModel:
    """Find a model that the user gave as a folder or a hub id.

    Args:
        model: The model, found as if it were a teacher.
        networks: The known `model_type`s, each with the class of its network.
        such_as: An example, for messages.
        option: Name of the option that names it, for messages.

    Raises:
        ConfigError: There is no model, or it is of another type.
        TeacherLoadError: Its files cannot be found.
    """
    wanted = f"{option} must be a {' or '.join(networks)} of transformers, such as {such_as}"
    if model is None:
        raise ConfigError(f"{wanted}, got none.")
    snapshot = find_snapshot(model.location, str(model.options.get("revision", "")), FILES)
    if not (snapshot.folder / CONFIG).is_file():
        raise ConfigError(f"{wanted}, got {model.name}, which has no {CONFIG}.")
    config = read_json(snapshot, CONFIG)
    kind = str(config.get("model_type"))
    if kind not in networks:
        raise ConfigError(f"{wanted}, got {model.name}, a {kind}.")
    network, saved = networks[kind], config.get("architectures") or []
    # A model without a head is read out of any of its type; a head must have been saved.
    if saved and network not in saved and not network.endswith("Model"):
        raise ConfigError(f"{option} must be a {network}, got {model.name}, a {', '.join(saved)}.")
    # It is no teacher: only where it lies is kept.
    found = replace(model, module="transformers", location=snapshot.location)
    return VisionModel(found, snapshot, config, network)
