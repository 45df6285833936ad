"""OSEDiff with a frozen score that knows nothing: the pretrained network's layers, drawn anew."""

from typing import Any

import torch
from torch import nn

from pairgen.methods.base import Setup
from pairgen.methods.osediff import OPTIONS, OSEDiff
from pairgen.signature import takes

SEED = 7


class RandomScore(OSEDiff):
    """Is as expensive as OSEDiff, and its direction is as long."""

    def __init__(self, *, setup: Setup, **options: Any) -> None:
        super().__init__(setup=setup, **options)
        self._frozen = setup.new_denoiser()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            for module in self._frozen.network.modules():
                reset = getattr(module, "reset_parameters", None)
                if isinstance(module, nn.Module) and callable(reset):
                    reset()
        self._frozen.network.requires_grad_(False)


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> RandomScore:
    """Build the method."""
    return RandomScore(setup=setup, **options)
