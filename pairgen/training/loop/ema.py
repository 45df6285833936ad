"""Exponential moving average of weights."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Ema:
    """Averages the weights as they change: a += (1 - decay) (w - a).

    In early steps n, the decay is (1 + n) / (10 + n), so that the beginning does not weigh
    forever.

    Args:
        parameters: Parameters by name; the average starts at their values.
        decay: Decay in (0, 1).
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], decay: float) -> None:
        self.decay = decay
        self.averages = {name: each.detach().clone() for name, each in parameters.items()}

    @torch.no_grad()
    def update(self, parameters: Mapping[str, nn.Parameter], num_steps: int) -> None:
        """Move the average towards the weights after `num_steps` steps."""
        decay = min(self.decay, (1 + num_steps) / (10 + num_steps))
        for name, average in self.averages.items():
            average.lerp_(parameters[name].detach(), 1 - decay)

    @contextmanager
    def applied(self, parameters: Mapping[str, nn.Parameter]) -> Iterator[None]:
        """Load the averages into the network inside the context."""
        held = {name: each.detach().clone() for name, each in parameters.items()}
        _write(parameters, self.averages)
        try:
            yield
        finally:
            _write(parameters, held)


@torch.no_grad()
def _write(parameters: Mapping[str, nn.Parameter], values: Mapping[str, Tensor]) -> None:
    for name, parameter in parameters.items():
        parameter.copy_(values[name])
