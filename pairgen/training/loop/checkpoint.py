"""Checkpoints: folders that appear atomically. Tensors are in safetensors, the rest in JSON.

checkpoints/00001000/
  student.safetensors             trained weights
    student.ema.safetensors         their moving average, if there is one
  student.optimizer.safetensors   the optimizer's moments and counts, of all ranks
  student.buffers.safetensors     what its networks change beside weights, if anything
  kept.NAME.safetensors           networks that change without being trained
    state.json                      step, position in the data, gradient scaler, checksums
"""

import json
import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pairgen.errors import ConfigError, PairgenError
from pairgen.regular_file import check_regular, read_regular, sha256_of
from pairgen.shards.storage.local_store import sync
from pairgen.training.loop.checkpoint_version_1 import renamed
from pairgen.training.loop.optimizer import check_state, place_state
from pairgen.training.loop.player import Player
from pairgen.untrusted.json_text import load_json
from pairgen.untrusted.malformed import shown
from pairgen.untrusted.sealed import OWN_SHA256, check_seal, sealed
from pairgen.wording import counted

STATE_FILE = "state.json"
CHECKPOINT_VERSION = 2
STATE_KEYS = ("version", "step", "loader", "seconds", "scalers", "tensors")


def save_checkpoint(
    folder: Path,
    step: int,
    players: Mapping[str, Player],
    optimizers: Mapping[str, Mapping[str, Tensor]],
    kept: Mapping[str, nn.Module],
    state: Mapping[str, Any],
    limit: int,
) -> Path:
    """Write the checkpoint after `step` steps, and remove the oldest beyond `limit` (0: none).

    Args:
        folder: The run's checkpoints folder.
        step: Number of steps trained.
        players: Players, whose weights, averages and buffers are written.
        optimizers: Their complete optimizer states, from `gather_state`.
        kept: Networks that change without being trained.
        state: State that is not a tensor.
        limit: Number of checkpoints to keep.

    Raises:
        PairgenError: The checkpoint cannot be written; earlier ones are kept.
    """
    target = folder / f"{step:08d}"
    partial = folder / f".{step:08d}.{os.getpid()}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for stale in folder.glob(".*.partial"):
            shutil.rmtree(stale)
        partial.mkdir()
        checksums = {}
        for name, tensors in _tensors(players, optimizers, kept).items():
            _save(partial / name, tensors)
            checksums[name] = sha256_of(partial / name)
        facts = {"version": CHECKPOINT_VERSION, **state, "step": step, "tensors": checksums}
        text = json.dumps(facts, indent=2, allow_nan=False)
        (partial / STATE_FILE).write_bytes(sealed(text.encode()))
        open_to_umask(partial)
        for path in (*partial.iterdir(), partial):
            sync(path)
        if target.exists():
            shutil.rmtree(target)
        partial.rename(target)
        sync(folder)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        reason = getattr(error, "strerror", None) or str(error)
        last = find_checkpoints(folder)
        stands = f"; {last[-1].name} is intact" if last else ""
        raise PairgenError(
            f"The checkpoint {target} could not be written: {reason}{stands}."
        ) from None
    for old in find_checkpoints(folder)[:-limit] if limit else ():
        shutil.rmtree(old, ignore_errors=True)
    return target


def find_checkpoints(folder: Path) -> list[Path]:
    """Return the complete checkpoints of a run, oldest first."""
    found = (path.parent for path in folder.glob(f"[0-9]*/{STATE_FILE}"))
    # Not the copies that a user may keep beside them.
    return sorted(each for each in found if each.name.isdecimal())


def open_to_umask(folder: Path) -> None:
    """Give the files in a new folder its permissions: safetensors writes for the owner alone."""
    # The folder was made under the user's umask, which cannot be read without setting it.
    mode = folder.stat().st_mode & 0o666
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.chmod(mode)


def read_state(checkpoint: Path) -> dict[str, Any]:
    """Return a checkpoint's JSON.

    Raises:
        ConfigError: The file cannot be read, is of another version, or belongs to another step.
    """
    path = checkpoint / STATE_FILE
    try:
        text = read_regular(path)
        state = load_json(text)
        if isinstance(state, dict) and OWN_SHA256 in state:
            check_seal(text, state.pop(OWN_SHA256))
    except (OSError, ValueError) as error:
        raise _damaged(path, str(error)) from None
    if not isinstance(state, dict):
        raise _damaged(path, "it is not the state of a training")
    if "version" not in state:
        # Version 1 had neither.
        names = sorted(each.name for each in checkpoint.glob("*.safetensors"))
        state = {**state, "version": 1, "tensors": dict.fromkeys(names, "")}
    elif state["version"] != CHECKPOINT_VERSION:
        raise ConfigError(
            f"The checkpoint {checkpoint} has version {shown(state['version'])}, this pairgen "
            f"reads up to version {CHECKPOINT_VERSION}: continue the run with the pairgen that "
            "wrote it."
        )
    if missing := [key for key in STATE_KEYS if key not in state]:
        raise _damaged(path, f"it lacks {', '.join(missing)}")
    kinds = {"step": int, "loader": dict, "seconds": int | float, "scalers": dict, "tensors": dict}
    for key, kind in kinds.items():
        if not isinstance(state[key], kind):
            raise _damaged(path, f"its {key} is {shown(state[key])}")
    if not math.isfinite(state["seconds"]) or not _are_plain_scalers(state["scalers"]):
        raise _damaged(path, "its seconds or scalers are no numbers")
    if not all(isinstance(each, str) for each in state["tensors"].values()):
        raise _damaged(path, "its tensors have no checksums")
    if state["step"] != int(checkpoint.name):
        raise _damaged(path, f"it is the state after {counted(state['step'], 'step')}")
    return state


def _are_plain_scalers(scalers: Mapping[str, Any]) -> bool:
    """Whether each scaler of gradients is a mapping of finite numbers."""
    return all(
        isinstance(each, dict)
        and all(isinstance(it, int | float) and math.isfinite(it) for it in each.values())
        for each in scalers.values()
    )


def load_checkpoint(
    checkpoint: Path,
    players: Mapping[str, Player],
    kept: Mapping[str, nn.Module],
    state: Mapping[str, Any],
) -> None:
    """Load a checkpoint's tensors into networks and optimizers.

    Args:
        checkpoint: The checkpoint's folder.
        players: The players, as they were when it was written.
        kept: The networks that change without being trained.
        state: The return value of `read_state`.

    Raises:
        ConfigError: The checkpoint cannot be read, was altered, or belongs to other networks;
            nothing was loaded.
    """
    optimizers = {f"{name}.optimizer.safetensors": player for name, player in players.items()}
    wanted = _tensors(players, {name: {} for name in players}, kept)
    checksums: Mapping[str, Any] = state["tensors"]
    if wanted.keys() != checksums.keys():
        others = sorted(wanted.keys() ^ checksums.keys())
        raise ConfigError(
            f"The checkpoint {checkpoint} belongs to other players or options: only one of it and "
            f"this run has {', '.join(others)}."
        )
    loaded = {name: _load(checkpoint / name, str(checksums[name])) for name in wanted}
    if state["version"] == 1:
        loaded = {name: renamed(tensors) for name, tensors in loaded.items()}
    for name, tensors in loaded.items():
        if name in optimizers:
            reason = check_state(optimizers[name].parameters, tensors)
        else:
            reason = _difference(wanted[name], tensors)
        if reason:
            raise ConfigError(
                f"The checkpoint file {checkpoint / name} belongs to another network: {reason}."
            )
    for name, tensors in loaded.items():
        if name in optimizers:
            player = optimizers[name]
            place_state(player.optimizer, player.parameters, tensors)
        else:
            _fill(wanted[name], tensors)


def _tensors(
    players: Mapping[str, Player],
    optimizers: Mapping[str, Mapping[str, Tensor]],
    kept: Mapping[str, nn.Module],
) -> dict[str, Mapping[str, Tensor]]:
    """Return the tensors of each file of a checkpoint, by the file's name."""
    files: dict[str, Mapping[str, Tensor]] = {}
    for name, player in players.items():
        files[f"{name}.safetensors"] = player.parameters
        if player.ema is not None:
            files[f"{name}.ema.safetensors"] = player.ema.averages
        files[f"{name}.optimizer.safetensors"] = optimizers[name]
        if player.buffers:
            files[f"{name}.buffers.safetensors"] = player.buffers
    for name, module in kept.items():
        files[f"kept.{name}.safetensors"] = module.state_dict()
    return files


def _save(path: Path, tensors: Mapping[str, Tensor]) -> None:
    save_file({name: each.detach().cpu().contiguous() for name, each in tensors.items()}, path)


def _load(path: Path, sha256: str) -> dict[str, Tensor]:
    """Return the tensors of a file with this checksum; empty for a file without one."""
    try:
        check_regular(path)
        if sha256 and sha256_of(path) != sha256:
            raise _damaged(path, "its SHA-256 is not the recorded one")
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise _damaged(path, str(error)) from None


def _damaged(path: Path, reason: str) -> ConfigError:
    """Describe what is wrong with a checkpoint file, and how to continue."""
    checkpoint = path.parent
    before = [each for each in find_checkpoints(checkpoint.parent) if each < checkpoint]
    remedy = (
        f"remove {checkpoint}, and --resume continues from {before[-1].name}"
        if before
        else "there is no earlier one: start again with another --out"
    )
    return ConfigError(
        f"The checkpoint file {path} cannot be read: {reason.rstrip('.')}; {remedy}."
    )


def _difference(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    """Return how tensors differ from the expected ones; empty if they fit exactly."""
    if other := sorted(wanted.keys() ^ found.keys()):
        return f"only one of them has {other[0]}"
    for name, tensor in wanted.items():
        # A copy would broadcast and convert without a word.
        if (tensor.shape, tensor.dtype) != (found[name].shape, found[name].dtype):
            return (
                f"{name} is {found[name].dtype} {list(found[name].shape)} there, "
                f"{tensor.dtype} {list(tensor.shape)} here"
            )
    return ""


@torch.no_grad()
def _fill(tensors: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        tensor.copy_(values[name])
