"""LPIPS files: ours in safetensors, or those of other projects."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from pairgen.config import PACKAGE_PREFIX, local_path, packaged_assets
from pairgen.errors import ConfigError
from pairgen.networks.latent_vgg import LatentVgg
from pairgen.networks.lpips import Lpips
from pairgen.networks.lpips_checkpoint import read_checkpoint
from pairgen.shards.storage.local_store import LocalStore, sync
from pairgen.types import canonical_json

# Header key that holds all facts, as JSON: safetensors writes several keys in any order, and equal
# trainings must give equal bytes.
HEADER = "pairgen-lpips"
OURS, AUTHORS = ".safetensors", (".pth", ".pt", ".ckpt")
FIRST = "net.slice1.0.weight"
# Folder of packaged assets.
PACKAGED = "perceptual"
# Its heads, which the authors' module holds under two names.
HEAD, TWICE = "lin", "lins."


@dataclass(frozen=True, kw_only=True)
class LpipsOrigin:
    """The header's facts about the origin of the weights.

    Attributes:
        made_for: Identity of the VAE whose latents or images they judge, as canonical JSON.
        made_by: One line on how they were made.
    """

    made_for: str
    made_by: str


def save_lpips(
    path: Path, lpips: Lpips, origin: LpipsOrigin, dtype: torch.dtype = torch.float32
) -> None:
    """Write the weights and their facts as safetensors, atomically.

    Args:
        path: Path of the `.safetensors` file.
        lpips: Network to save.
        origin: Origin of the weights.
        dtype: Dtype of the convolutions; batch norm statistics stay in float32.
    """
    net = lpips.net
    facts = {
        "in_channels": net.in_channels,
        "width": net.width,
        "num_pools_removed": net.num_pools_removed,
        **asdict(origin),
    }
    tensors = {
        name: (value.to(dtype) if name.endswith("weight") and value.ndim == 4 else value)
        .detach()
        .cpu()
        .contiguous()
        for name, value in lpips.state_dict().items()
    }
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(save(tensors, metadata={HEADER: canonical_json(facts)}))
    sync(partial)
    partial.replace(path)


def load_lpips(location: str, in_channels: int, device: torch.device) -> Lpips:
    """Load LPIPS in float32.

    Args:
        location: A file of `save_lpips`; a packaged file, as `package:assets/...`; or a file of
            another project (`.pth`, `.pt`, `.ckpt`), see `pairgen.networks.lpips_checkpoint`.
        in_channels: Channels of the inputs to compare.
        device: Device to load to.

    Raises:
        ConfigError: There is no such file, it holds something else, or its number of channels is
            different.
    """
    path = _found(location)
    tensors, lpips = _read_ours(path) if path.suffix == OURS else read_checkpoint(path)
    if lpips.net.in_channels != in_channels:
        raise ConfigError(
            f"The perceptual network {path} takes {lpips.net.in_channels} channels, but its inputs "
            f"have {in_channels} here."
        )
    _check_tensors(path, tensors, lpips.state_dict())
    lpips.load_state_dict(tensors)
    return lpips.to(device)


def read_origin(path: Path) -> LpipsOrigin:
    """Return the origin in the header of one of our files.

    Raises:
        ConfigError: It is not one of our files.
    """
    facts = _header(path)
    return LpipsOrigin(**{each.name: str(facts.get(each.name, "")) for each in fields(LpipsOrigin)})


def vae_of(location: str) -> str | None:
    """Return the identity of the VAE that a file was made for; None if the file does not say.

    Args:
        location: As for `load_lpips`. Files of other projects do not say.

    Raises:
        ConfigError: There is no such file, or it cannot be read.
    """
    path = _found(location)
    return read_origin(path).made_for if path.suffix == OURS else None


def hash_lpips(location: str) -> str:
    """Return the SHA-256 of a file, 64 digits.

    Raises:
        ConfigError: There is no such file.
    """
    path = _found(location).absolute()
    return LocalStore(path.parent).sha256(path.name)


def packaged_lpips(made_for: str, in_channels: int) -> str:
    """Return the location of the packaged network for latents or images of a VAE.

    Args:
        made_for: VAE identity as in the header, see `LpipsOrigin`.
        in_channels: Channels of the inputs to compare.

    Raises:
        ConfigError: There is none.
    """
    for path in sorted((packaged_assets() / PACKAGED).glob(f"*{OURS}")):
        if read_origin(path).made_for == made_for and _shape(path)["in_channels"] == in_channels:
            return f"{PACKAGE_PREFIX}assets/{PACKAGED}/{path.name}"
    raise ConfigError(
        f"perceptual must name the weights of a perceptual network for this VAE and {in_channels} "
        "channels: a file of `pairgen train latent-lpips`, or the authors' checkpoint; for images "
        "also torchvision's VGG16, such as vgg16-397923af.pth. Only the one for the model tiny is "
        "packaged."
    )


def _found(location: str) -> Path:
    """Return the file at a location.

    Raises:
        ConfigError: There is none, or its suffix is not supported.
    """
    path = local_path(location)
    if path.suffix not in (OURS, *AUTHORS):
        raise ConfigError(
            f"A perceptual network must be a {OURS}, {', '.join(AUTHORS[:-1])} or "
            f"{AUTHORS[-1]} file, got {location!r}."
        )
    if not path.is_file():
        raise ConfigError(f"There is no perceptual network {location!r}.")
    return path


def _header(path: Path) -> dict[str, Any]:
    """Return the facts in the header of one of our files.

    Raises:
        ConfigError: The header cannot be read, or has no facts.
    """
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(HEADER)
    except (OSError, SafetensorError) as error:
        raise ConfigError(f"The perceptual network {path} cannot be read: {error}.") from None
    if text is None:
        raise ConfigError(f"{path} holds no perceptual network: its header lacks {HEADER!r}.")
    try:
        return dict(json.loads(text))
    except (ValueError, TypeError):
        raise ConfigError(f"The header of {path} must hold JSON, got {text[:80]!r}.") from None


def _shape(path: Path) -> dict[str, Any]:
    facts = _header(path)
    try:
        return {
            "in_channels": int(facts["in_channels"]),
            "width": float(facts["width"]),
            "num_pools_removed": int(facts["num_pools_removed"]),
        }
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"The header of {path} is incomplete: {error!r}.") from None


def _read_ours(path: Path) -> tuple[dict[str, Tensor], Lpips]:
    lpips = Lpips(LatentVgg(**_shape(path)))
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, lpips  # noqa: SIM118


def _check_tensors(path: Path, found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Raise ConfigError if a tensor is missing, unknown or has the wrong shape."""
    missing = [name for name in wanted if name not in found]
    unknown = [name for name in found if name not in wanted]
    if missing or unknown:
        problem, names = ("lacks", missing) if missing else ("has unknown", unknown)
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        raise ConfigError(f"The perceptual network {path} {problem} {names[0]}{more}.")
    for name, tensor in wanted.items():
        if found[name].shape != tensor.shape:
            raise ConfigError(
                f"{name} in the perceptual network {path} must be {list(tensor.shape)}, got "
                f"{list(found[name].shape)}."
            )
        # Batch norm counters are integers, and do not affect distances.
        fits = found[name].is_floating_point() or not tensor.is_floating_point()
        if not (fits and found[name].isfinite().all()):
            raise ConfigError(
                f"{name} in the perceptual network {path} must hold finite floating-point numbers."
            )
    if not any(bool(found[name].any()) for name in wanted if name.startswith(HEAD)):
        raise ConfigError(
            f"The perceptual network {path} sees no differences: the weights of all its channels "
            "are 0."
        )
