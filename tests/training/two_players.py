"""A throw-away method: a student and a critic that share one forward, and an averaged target.

It exists to show that the protocol carries such methods: players that step at different rates, a
gradient penalty every few steps, draws that belong to samples, a network that only moves along.
"""

import copy
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pairgen.draws import Draws
from pairgen.methods.base import EVALUATIONS_IF_TRAINED, STUDENT, Setup, Student
from pairgen.methods.regression import Regression
from pairgen.shards.loading.batch import Batch

PENALTY_EVERY = 2


class TwoPlayers:
    """Regression with a critic, which steps twice as often as the student."""

    facts: Sequence[str] = ()
    evaluations: float = EVALUATIONS_IF_TRAINED

    def __init__(self, setup: Setup, weight: float = 0.1) -> None:
        self.base = Regression(setup=setup, distance="mse")
        self.fields, self.weight = self.base.fields, weight
        channels = setup.plans[0].members["latent.npy"]["shape"][0]
        self.critic = nn.Sequential(
            nn.Conv2d(2 * channels, 16, 3, padding=1), nn.SiLU(), nn.Conv2d(16, 1, 3, padding=1)
        ).to(setup.device)
        self.target = copy.deepcopy(self.critic).requires_grad_(False)

    def players(self) -> Mapping[str, nn.Module]:
        return {**self.base.players(), "critic": self.critic}

    def rounds(self, step: int) -> Sequence[Sequence[str]]:
        return (("critic",), ("critic", STUDENT))

    def forward(self, players: Sequence[str], batch: Batch, draws: Draws) -> tuple[Tensor, Tensor]:
        made = self.base.forward(players, batch, draws)
        return made, 0.01 * draws.normal(made.shape[1:])

    def loss(
        self, player: str, shared: tuple[Tensor, Tensor], batch: Batch, draws: Draws
    ) -> tuple[Tensor, dict[str, Tensor]]:
        made, jitter = shared
        noise, real = batch["noise.npy"].float(), batch["latent.npy"].float()
        if player == STUDENT:
            distance, _ = self.base.loss(player, made, batch, draws)
            logits = self.critic(torch.cat([made + jitter, noise], 1))
            return distance + self.weight * F.softplus(-logits).mean(), {"distance": distance}
        real = (real + jitter).requires_grad_(True)
        on_real = self.critic(torch.cat([real, noise], 1))
        on_made = self.critic(torch.cat([made.detach() + jitter, noise], 1))
        loss = F.softplus(-on_real).mean() + F.softplus(on_made).mean()
        if draws.step % PENALTY_EVERY == 0:
            (slope,) = torch.autograd.grad(on_real.sum(), real, create_graph=True)
            loss = loss + 0.1 * slope.square().flatten(1).sum(1).mean()
        threads = torch.tensor(float(torch.get_num_threads()))
        return loss, {"uniform": draws.uniform().mean(), "threads": threads}

    def after_step(self, step: int) -> None:
        with torch.no_grad():
            for average, weight in zip(
                self.target.parameters(), self.critic.parameters(), strict=True
            ):
                average.lerp_(weight, 0.1)

    def kept(self) -> Mapping[str, nn.Module]:
        return {"target": self.target}

    def student(self) -> Student:
        return self.base.student()


build = TwoPlayers
