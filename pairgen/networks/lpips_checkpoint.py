"""Perceptual networks in other projects' files: E-LatentLPIPS, the lpips package, torchvision."""

import re
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from pairgen.config import packaged_assets
from pairgen.errors import ConfigError
from pairgen.networks.latent_vgg import BLOCKS, LATENT_POOLS_REMOVED, LatentVgg
from pairgen.networks.lpips import PUBLISHED_EPSILON, Lpips
from pairgen.networks.vgg16 import Vgg16
from pairgen.sources.tensor_file import load_tensor_file

# Heads of LPIPS 0.1 for VGG16, as in the lpips package.
HEADS = "lpips/vgg16_heads.safetensors"
FIRST = "net.slice1.0.weight"
# Only E-LatentLPIPS has batch norm.
NORMALIZED = "net.slice1.1.running_mean"
# Constants and second names of the heads in the authors' modules.
NOT_OURS = ("lins.", "scaling_layer.")
CONVOLUTION = re.compile(r"features\.(\d+)\.(weight|bias)")


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], Lpips]:
    """Read a file of another project.

    Args:
        path: A checkpoint of E-LatentLPIPS, whose pools are assumed to be removed as in theirs; the
            state of `lpips.LPIPS(net="vgg")`; or torchvision's `vgg16`, to which the packaged heads
            are added.

    Returns:
        The weights, unchecked, and an untrained network for them.

    Raises:
        ConfigError: It cannot be read without unpickling, or is none of these.
    """
    tensors = _without_unpickling(path)
    if "features.0.weight" in tensors:
        heads = load_file(packaged_assets() / HEADS)
        return {**_of_torchvision(tensors), **heads}, Lpips(Vgg16(), PUBLISHED_EPSILON)
    kept = {name: each for name, each in tensors.items() if not name.startswith(NOT_OURS)}
    first = kept.get(FIRST)
    if first is None or first.ndim != 4:
        raise ConfigError(
            f"{path} lacks {FIRST}: it is neither a checkpoint of E-LatentLPIPS nor "
            'lpips.LPIPS(net="vgg") nor torchvision\'s vgg16.'
        )
    if NORMALIZED not in kept:
        return kept, Lpips(Vgg16(), PUBLISHED_EPSILON)
    width = first.shape[0] / BLOCKS[0][0]
    return kept, Lpips(LatentVgg(first.shape[1], width, LATENT_POOLS_REMOVED))


def _of_torchvision(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the convolutions of torchvision's `vgg16` by their names here; others are left out."""
    slices = Vgg16().state_dict().keys()
    places = {name.partition(".")[2]: f"net.{name}" for name in slices if name.startswith("slice")}
    found = {}
    for name, each in tensors.items():
        if match := CONVOLUTION.fullmatch(name):
            place = f"{match[1]}.{match[2]}"
            # A layer that VGG16 has not is told by its own name.
            found[places.get(place, name)] = each
    return found


def _without_unpickling(path: Path) -> dict[str, Tensor]:
    data = load_tensor_file(path, "The perceptual network")
    return {
        name: value
        for name, value in data.items()
        if isinstance(value, Tensor) and isinstance(name, str)
    }
