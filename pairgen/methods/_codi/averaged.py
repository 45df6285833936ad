"""The moving average of a network in training, as a network that can be called."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from pairgen.sampling.conditioning import Conditioning
from pairgen.sampling.parameterization import Prediction, Schedule
from pairgen.teachers.base import Denoiser


class AveragedDenoiser(nn.Module):
    """theta^-: what a denoiser computes with the average of its trained weights.

    It holds no copy of what is not trained. Its state is the averages alone.

    Args:
        denoiser: The denoiser, when its adapters, if any, are in place.
        decay: Decay of the average in [0, 1): a += (1 - decay) (w - a).
    """

    def __init__(self, denoiser: Denoiser, decay: float) -> None:
        super().__init__()
        # In a tuple, so that it is no module of this one.
        self._denoiser, self._decay = (denoiser,), decay
        self._places = {name: f"average{n}" for n, name in enumerate(self._trained())}
        for name, weight in self._trained().items():
            self.register_buffer(self._places[name], weight.detach().clone())

    @property
    def schedule(self) -> Schedule:
        """Alpha and sigma over time."""
        return self._denoiser[0].schedule

    @property
    def prediction(self) -> Prediction:
        """The quantity that the network predicts."""
        return self._denoiser[0].prediction

    @torch.no_grad()
    def update(self) -> None:
        """Move the averages towards the weights."""
        for name, weight in self._trained().items():
            average: Tensor = getattr(self, self._places[name])
            average.lerp_(weight.detach(), 1 - self._decay)

    @torch.no_grad()
    def forward(
        self,
        x: Tensor,
        t: Tensor,
        conditioning: Conditioning,
        guidance_scale: Tensor | None = None,
    ) -> Tensor:
        """Return the network's own output with the averages, see `Denoiser.__call__`."""
        averages = {name: getattr(self, place) for name, place in self._places.items()}
        network: Any = self._denoiser[0]
        given = (x, t, conditioning, guidance_scale)
        output: Tensor = functional_call(network, averages, given)
        return output

    def _trained(self) -> Mapping[str, nn.Parameter]:
        network: Any = self._denoiser[0]
        return {name: each for name, each in network.named_parameters() if each.requires_grad}
