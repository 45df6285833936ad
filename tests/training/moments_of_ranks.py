"""A rank: it steps a small network, and writes how many moments it keeps."""

import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist

from pairgen.training.loop.optimizer import gather_state, make_optimizer, place_state
from pairgen.training.player_options import PlayerConfig


def main() -> None:
    dist.init_process_group("gloo")
    torch.manual_seed(0)
    network = torch.nn.Sequential(*(torch.nn.Linear(8, 8) for _ in range(6)))
    weights = dict(network.named_parameters())
    optimizer = make_optimizer(PlayerConfig(optimizer="sharded"), weights)

    def step() -> None:
        optimizer.zero_grad()
        network(torch.ones(1, 8)).sum().backward()
        optimizer.step()

    step()
    state = gather_state(optimizer, weights)
    again = make_optimizer(PlayerConfig(optimizer="sharded"), weights)
    # The checkpoint is read by all ranks.
    whole = {
        path: torch.full(weights[path.rpartition("/")[0]].shape, 2.0) for path in moments(weights)
    }
    place_state(again, weights, whole)
    found = {
        "kept": kept(optimizer),
        "placed": kept(again),
        "gathered": sum(each.numel() for path, each in state.items() if "/exp" in path),
        "all": 2 * sum(each.numel() for each in weights.values()),
        "weights": [float(each.detach().double().sum()) for each in weights.values()],
    }
    path = Path(sys.argv[1]) / f"{dist.get_rank()}.json"
    path.write_text(json.dumps(found), encoding="utf-8")
    dist.destroy_process_group()


def moments(weights: dict[str, torch.nn.Parameter]) -> list[str]:
    return [f"{name}/{quantity}" for name in weights for quantity in ("exp_avg", "exp_avg_sq")]


def kept(optimizer: torch.optim.Optimizer) -> int:
    """Return the numbers of the moments that lie in this process."""
    states = [*optimizer.state.values(), *optimizer.optim.state.values()]
    return sum(each.numel() for state in states for each in state.values() if each.dim())


if __name__ == "__main__":
    main()
