"""A running average of weights."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Ema:
    """Average the weights as they move: a += (1 - decay) (w - a).

    While few steps are behind it the decay is (1 + n) / (10 + n), so that the beginning does not
    weigh for ever.

    Args:
        parameters: By name; the average begins at their values.
        decay: In (0, 1).
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
        """Let the network have the averages for a while."""
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
