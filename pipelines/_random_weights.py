"""A network that knows nothing: the layers of a pretrained one, drawn anew."""

import torch
from torch import nn


def draw_anew(network: nn.Module, seed: int) -> None:
    """Draw the weights of all layers as when they were made; no other random numbers change."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for module in network.modules():
            reset = getattr(module, "reset_parameters", None)
            if isinstance(module, nn.Module) and callable(reset):
                reset()
