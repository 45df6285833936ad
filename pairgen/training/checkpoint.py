"""Checkpoints: folders that appear atomically. Tensors are in safetensors, the rest in JSON.

checkpoints/00001000/
  student.safetensors             trained weights
    student.ema.safetensors         their moving average, if there is one
  student.optimizer.safetensors   the optimizer's moments and counts, of all ranks
  kept.NAME.safetensors           networks that change without being trained
    state.json                      step, position in the data, gradient scaler
"""

import json
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
from pairgen.shards.format.local_store import sync
from pairgen.training.optimizer import place_state
from pairgen.training.player import Player

STATE_FILE = "state.json"


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
        players: Players, whose weights and averages are written.
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
        for name, player in players.items():
            _save(partial / f"{name}.safetensors", player.parameters)
            if player.ema is not None:
                _save(partial / f"{name}.ema.safetensors", player.ema.averages)
            _save(partial / f"{name}.optimizer.safetensors", optimizers[name])
        for name, module in kept.items():
            _save(partial / f"kept.{name}.safetensors", module.state_dict())
        text = json.dumps({**state, "step": step}, indent=2, allow_nan=False)
        (partial / STATE_FILE).write_text(text, encoding="utf-8")
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
    return sorted(path.parent for path in folder.glob(f"[0-9]*/{STATE_FILE}"))


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
        ConfigError: The file cannot be read.
    """
    path = checkpoint / STATE_FILE
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(path, str(error)) from None
    if not isinstance(state, dict) or not {"step", "loader", "seconds", "scalers"} <= state.keys():
        raise _damaged(path, "it is not the state of a training")
    return state


def load_checkpoint(
    checkpoint: Path, players: Mapping[str, Player], kept: Mapping[str, nn.Module]
) -> None:
    """Load a checkpoint's tensors into networks and optimizers.

    Raises:
        ConfigError: The checkpoint cannot be read, or belongs to other networks.
    """
    for name, player in players.items():
        _fill(checkpoint / f"{name}.safetensors", player.parameters)
        if player.ema is not None:
            _fill(checkpoint / f"{name}.ema.safetensors", player.ema.averages)
        tensors = _load(checkpoint / f"{name}.optimizer.safetensors")
        place_state(player.optimizer, player.parameters, tensors)
    for name, module in kept.items():
        _fill(checkpoint / f"kept.{name}.safetensors", module.state_dict())


def _save(path: Path, tensors: Mapping[str, Tensor]) -> None:
    save_file({name: each.detach().cpu().contiguous() for name, each in tensors.items()}, path)


def _load(path: Path) -> dict[str, Tensor]:
    try:
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


@torch.no_grad()
def _fill(path: Path, tensors: Mapping[str, Tensor]) -> None:
    loaded = _load(path)
    if loaded.keys() != tensors.keys():
        raise ConfigError(f"The checkpoint file {path} holds the weights of another network.")
    for name, tensor in tensors.items():
        tensor.copy_(loaded[name])
