"""AdamW with float32 state, with 8-bit state, or with its state sharded over ranks."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from pairgen.errors import ConfigError
from pairgen.training.player_options import PlayerConfig

# AdamW's moments, shaped like the parameter, and its step count.
MOMENTS, COUNT = ("exp_avg", "exp_avg_sq"), "step"


def make_optimizer(config: PlayerConfig, parameters: Mapping[str, nn.Parameter]) -> Optimizer:
    """Return the optimizer of a player.

    `adamw8bit` is bitsandbytes' AdamW: 8-bit moments in blocks of 256 with a scale each
    (Dettmers et al. 2021, arXiv:2110.02861). `sharded` is ZeRO stage 1 (Rajbhandari et al.
    2019, arXiv:1910.02054): each rank steps its part of the tensors, keeps only their moments,
    and sends their weights to the others. On one rank it equals `adamw`.

    Raises:
        ConfigError: bitsandbytes is not installed.
    """
    weights = list(parameters.values())
    options: dict[str, Any] = {
        "lr": config.lr,
        "betas": config.betas,
        "weight_decay": config.weight_decay,
    }
    if config.optimizer == "adamw8bit":
        try:
            from bitsandbytes.optim import AdamW8bit
        except ModuleNotFoundError:
            raise ConfigError(
                "optimizer adamw8bit needs bitsandbytes: pip install 'pairgen[8bit]'."
            ) from None
        return AdamW8bit(weights, **options)
    if config.optimizer == "sharded" and dist.is_initialized() and dist.get_world_size() > 1:
        from torch.distributed.optim import ZeroRedundancyOptimizer

        return ZeroRedundancyOptimizer(weights, optimizer_class=AdamW, **options)
    return AdamW(weights, **options)


def gather_state(optimizer: Optimizer, parameters: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """Return the complete state of an optimizer as `{parameter}/{quantity}`.

    For a sharded optimizer this is AdamW's state, the same on any number of ranks. It is gathered:
    every rank must call this, and the first one gets the result, on the CPU.
    """
    part = _part_of_rank(optimizer)
    if part is not optimizer:
        return _gather(part, parameters)
    return {
        # bitsandbytes shares one code table among all parameters; a file stores a copy for each.
        f"{name}/{quantity}": value.clone()
        if quantity.startswith("qmap")
        else torch.as_tensor(value)
        for name, parameter in parameters.items()
        for quantity, value in optimizer.state.get(parameter, {}).items()
    }


def place_state(
    optimizer: Optimizer, parameters: Mapping[str, nn.Parameter], tensors: Mapping[str, Tensor]
) -> None:
    """Load a complete state from `gather_state`; if sharded, only this rank's part."""
    part = _part_of_rank(optimizer)
    kept = {id(each) for group in part.param_groups for each in group["params"]}
    for path, value in tensors.items():
        name, _, quantity = path.rpartition("/")
        parameter = parameters[name]
        if id(parameter) in kept:
            part.state[parameter][quantity] = _placed(value, parameter.device)


def check_state(parameters: Mapping[str, nn.Parameter], tensors: Mapping[str, Tensor]) -> str:
    """Return why a complete state is not that of these parameters; empty if it fits."""
    for path, value in tensors.items():
        name, _, quantity = path.rpartition("/")
        if name not in parameters:
            return f"it has no {name or path}"
        if quantity in MOMENTS and value.shape != parameters[name].shape:
            return f"{path} is {list(value.shape)}, not {list(parameters[name].shape)}"
    return ""


def _part_of_rank(optimizer: Optimizer) -> Optimizer:
    """Return the optimizer of this rank's part of the weights; of all of them if not sharded."""
    part: Optimizer = getattr(optimizer, "optim", optimizer)
    return part


def _placed(value: Tensor, device: torch.device) -> Any:
    if value.dim():
        return value.to(device)
    # AdamW counts in a tensor on the CPU, bitsandbytes in a plain integer.
    return value if value.is_floating_point() else int(value)


def _gather(part: Optimizer, parameters: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    # ZeroRedundancyOptimizer.consolidate_state_dict would unpickle data from other ranks, and send
    # all of a rank's state in one piece.
    rank = dist.get_rank()
    device = next(iter(parameters.values())).device
    # The rank that has the state of each parameter, counted from 1; 0 if it was never stepped.
    mine = [(rank + 1) * bool(part.state.get(each)) for each in parameters.values()]
    holders = torch.tensor(mine, device=device)
    dist.all_reduce(holders, dist.ReduceOp.MAX)
    gathered = {}
    for (name, parameter), holder in zip(parameters.items(), holders.tolist(), strict=True):
        for quantity in (COUNT, *MOMENTS) if holder else ():
            if holder == rank + 1:
                sent = part.state[parameter][quantity].to(device).contiguous()
            else:
                shape = parameter.shape if quantity in MOMENTS else ()
                sent = torch.empty(shape, dtype=torch.float32, device=device)
            dist.broadcast(sent, src=holder - 1)
            if rank == 0:
                gathered[f"{name}/{quantity}"] = sent.cpu()
    return gathered
