"""LPIPS in a file: ours in safetensors, or a checkpoint of the authors of E-LatentLPIPS."""

import json
import pickle
import warnings
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
from pairgen.networks.latent_vgg import BLOCKS, LATENT_POOLS_REMOVED, LatentVgg
from pairgen.networks.lpips import Lpips
from pairgen.shards.format.local_store import LocalStore, sync
from pairgen.shards.format.publish import file_sha256
from pairgen.types import canonical_json

# Key of the header that holds all facts, as JSON: safetensors writes several keys in any order, and
# equal trainings are to end in equal bytes.
HEADER = "pairgen-lpips"
OURS, AUTHORS = ".safetensors", (".pth", ".pt", ".ckpt")
FIRST = "net.slice1.0.weight"
# Folder of assets.
PACKAGED = "perceptual"
# Its heads; the authors' module holds them under two names.
HEAD, TWICE = "lin", "lins."


@dataclass(frozen=True, kw_only=True)
class LpipsOrigin:
    """What the header of a file says of the weights, for a reader.

    Attributes:
        made_for: The VAE whose latents or images they judge: its identity, as canonical JSON.
        made_by: How they came to be, in a line.
    """

    made_for: str
    made_by: str


def save_lpips(
    path: Path, lpips: Lpips, origin: LpipsOrigin, dtype: torch.dtype = torch.float32
) -> None:
    """Write the weights as safetensors, what they are in the header; whole or not at all.

    Args:
        path: Of the file, `.safetensors`.
        lpips: To be saved.
        origin: Of the weights.
        dtype: Of the convolutions; what batch norm has measured stays in float32.
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
        location: A file of `save_lpips`; one of the package, as `package:assets/...`; or a
            checkpoint of the authors of E-LatentLPIPS (`.pth`, `.pt`, `.ckpt`), whose pools are
            taken to be removed as theirs are.
        in_channels: Of what is to be compared.
        device: Where it goes.

    Raises:
        ConfigError: There is no such file, it holds something else, or it is for another number of
            channels.
    """
    path = _found(location)
    read = _read_ours if path.suffix == OURS else _read_authors
    tensors, shape = read(path)
    if shape["in_channels"] != in_channels:
        raise ConfigError(
            f"The perceptual network {path} is for {shape['in_channels']} channels, what it is to "
            f"compare has {in_channels}."
        )
    lpips = Lpips(LatentVgg(**shape))
    _check_tensors(path, tensors, lpips.state_dict())
    lpips.load_state_dict(tensors)
    return lpips.to(device)


def read_origin(path: Path) -> LpipsOrigin:
    """Return what the header of one of our files says of its weights.

    Raises:
        ConfigError: It is not one.
    """
    facts = _header(path)
    return LpipsOrigin(**{each.name: str(facts.get(each.name, "")) for each in fields(LpipsOrigin)})


def vae_of(location: str) -> str | None:
    """Return the identity of the VAE that a file was made for; None where it does not tell.

    Args:
        location: As `load_lpips` takes it. The authors' checkpoints do not tell.

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
    return file_sha256(LocalStore(path.parent), path.name)


def packaged_lpips(made_for: str, in_channels: int) -> str:
    """Return the location of the packaged network for latents or images of a VAE.

    Args:
        made_for: As in its header, see `LpipsOrigin`.
        in_channels: Of what is to be compared.

    Raises:
        ConfigError: There is none.
    """
    for path in sorted((packaged_assets() / PACKAGED).glob(f"*{OURS}")):
        if read_origin(path).made_for == made_for and _shape(path)["in_channels"] == in_channels:
            return f"{PACKAGE_PREFIX}assets/{PACKAGED}/{path.name}"
    raise ConfigError(
        f"perceptual must name the weights of a perceptual network for this VAE and {in_channels} "
        "channels: a file of `pairgen train latent-lpips`, or the authors' checkpoint; none is "
        "packaged but that of the model tiny."
    )


def _found(location: str) -> Path:
    """Return the file that is meant.

    Raises:
        ConfigError: There is none, or its name has another ending.
    """
    path = local_path(location)
    if path.suffix not in (OURS, *AUTHORS):
        raise ConfigError(
            f"A perceptual network must be a file {OURS}, {', '.join(AUTHORS[:-1])} or "
            f"{AUTHORS[-1]}, got {location!r}."
        )
    if not path.is_file():
        raise ConfigError(f"There is no perceptual network {location!r}.")
    return path


def _header(path: Path) -> dict[str, Any]:
    """Return the facts in the header of one of our files.

    Raises:
        ConfigError: It cannot be read, or has none.
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


def _read_ours(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    shape = _shape(path)
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, shape  # noqa: SIM118


def _read_authors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        # What torch warns of besides, the sentence below says.
        with warnings.catch_warnings(action="ignore", category=UserWarning):
            data = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError):
        raise ConfigError(
            f"The perceptual network {path} is not a checkpoint of tensors alone; nothing else is "
            "unpickled."
        ) from None
    tensors = {
        name: value
        for name, value in (data.items() if isinstance(data, Mapping) else ())
        if isinstance(value, Tensor) and isinstance(name, str) and not name.startswith(TWICE)
    }
    first = tensors.get(FIRST)
    if first is None or first.ndim != 4:
        raise ConfigError(f"{path} lacks {FIRST}: it is no checkpoint of E-LatentLPIPS.")
    return tensors, {
        "in_channels": first.shape[1],
        "width": first.shape[0] / BLOCKS[0][0],
        "num_pools_removed": LATENT_POOLS_REMOVED,
    }


def _check_tensors(path: Path, found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Raise ConfigError where a tensor is missing, of another shape, or unknown."""
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
        # Counters of batch norm are whole numbers, and no part of a distance.
        fits = found[name].is_floating_point() or not tensor.is_floating_point()
        if not (fits and found[name].isfinite().all()):
            raise ConfigError(
                f"{name} in the perceptual network {path} must hold finite floating-point numbers."
            )
    if not any(bool(found[name].any()) for name in wanted if name.startswith(HEAD)):
        raise ConfigError(
            f"The perceptual network {path} finds no difference: the weights of all its channels "
            "are 0."
        )
