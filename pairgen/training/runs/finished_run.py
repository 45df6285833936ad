"""A finished run as the frozen teacher of another: its average, or its last weights."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from pairgen import plugins
from pairgen.config import choice
from pairgen.errors import ConfigError
from pairgen.methods.base import LAST, RUN_WEIGHTS
from pairgen.model_config import MODEL_FILE, find_model
from pairgen.teachers.base import Denoiser, Description
from pairgen.types import canonical_json

# Weights of the exported network without averaging, as far as they differ.
LAST_WEIGHTS_FILE = "last.safetensors"
# Of the weights of a condition branch, there and in a denoiser.
BRANCH_PREFIX = "branch."


def load_run(folder: str, weights: str, device: torch.device) -> tuple[Denoiser, str]:
    """Load the network of a finished run, frozen; return it and the SHA-256 of what it is.

    Args:
        folder: The run's folder.
        weights: `average` for the weights of the exported student, `last` for those after the last
            step; they are the same if the run kept no moving average.
        device: Device that it runs on.

    Raises:
        ConfigError: The folder holds no finished run, or its last weights cannot be read.
        TeacherLoadError: The weights of its student are missing, incomplete or broken.
    """
    choice("weights", weights, RUN_WEIGHTS)
    if not (Path(folder) / MODEL_FILE).is_file():
        raise ConfigError(f"{folder} is not a finished run of pairgen train.")
    # By its path: a packaged model may have the same name.
    model = find_model(str(Path(folder).absolute()))
    denoiser: Denoiser = plugins.call(
        "teachers",
        model.teacher,
        "build_denoiser",
        device=device,
        location=model.location,
        guidance_embedding=False,
        **model.options,
    )
    path = Path(folder) / LAST_WEIGHTS_FILE
    try:
        sha256 = hash_run(folder, weights)
        if weights == LAST and path.is_file():
            _load_last(denoiser, load_file(path, device=str(device)))
    except (OSError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise ConfigError(f"{path} cannot be read: {reason}.") from None
    denoiser.network.requires_grad_(False)
    # Teachers of users need not know of branches.
    if (branch := getattr(denoiser, "branch", None)) is not None:
        branch.requires_grad_(False)
    return denoiser, sha256


def _load_last(denoiser: Denoiser, weights: Mapping[str, Tensor]) -> None:
    """Load the last weights of a run: those of the network, of its branch, or of both."""
    branch = {
        name.removeprefix(BRANCH_PREFIX): each
        for name, each in weights.items()
        if name.startswith(BRANCH_PREFIX)
    }
    network = {name: each for name, each in weights.items() if not name.startswith(BRANCH_PREFIX)}
    if network:
        denoiser.network.load_state_dict(network)
    if branch:
        denoiser.branch.load_last(branch)


def hash_run(folder: str | Path, weights: str) -> str:
    """Return the SHA-256 of what a finished run is, of the student and, if asked, its last weights.

    Args:
        folder: The run's folder.
        weights: `average` or `last`, see `load_run`.

    Raises:
        ConfigError: The folder holds no model.
        TeacherLoadError: The weights of its student are missing, incomplete or broken.
    """
    model = find_model(str(Path(folder).absolute()))
    described: Description = plugins.call(
        "teachers", model.teacher, "describe", location=model.location, **model.options
    )
    sha256 = hashlib.sha256(canonical_json(dict(described.identity)).encode())
    path = Path(folder) / LAST_WEIGHTS_FILE
    if weights == LAST and path.is_file():
        sha256.update(path.read_bytes())
    return sha256.hexdigest()
