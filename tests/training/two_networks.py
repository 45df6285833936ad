"""The method of two players with a critic as large as its student: a wrapped denoiser."""

import torch
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor, nn

from pairgen.methods.base import Setup
from tests.training.two_players import TwoPlayers


class Critic(nn.Module):
    """Judges a latent and its noise by the teacher's network and a layer behind it."""

    def __init__(self, setup: Setup) -> None:
        super().__init__()
        denoiser = setup.new_denoiser(False)
        # The penalty takes a gradient of a gradient, which fused attention does not have.
        denoiser.network.set_attn_processor(AttnProcessor())
        self.inner = nn.ModuleDict({"denoiser": denoiser})
        self.head = nn.Conv2d(4, 1, 1)
        self.conditioning = setup.teacher.encode_prompts([""])

    def forward(self, both: Tensor) -> Tensor:
        latent, noise = both.chunk(2, dim=1)
        t = torch.full((len(both),), 500.0, dtype=torch.float64, device=both.device)
        conditioning = self.conditioning.expand(len(both))
        return self.head(self.inner["denoiser"](latent + 0.1 * noise, t, conditioning))


class TwoNetworks(TwoPlayers):
    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.critic = Critic(setup).to(setup.device)
        self.target = nn.Conv2d(4, 1, 1)

    def after_step(self, step: int) -> None:
        pass


build = TwoNetworks
