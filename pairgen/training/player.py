"""A network being trained: its weights, its optimizer, its moving average."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from pairgen.training.ema import Ema
from pairgen.training.lora import add_lora
from pairgen.training.optimizer import make_optimizer
from pairgen.training.player_options import PlayerConfig


@dataclass(frozen=True)
class Player:
    """A network and everything needed to train it.

    Attributes:
        name: Name of the player in the method.
        module: The network.
        parameters: Trainable parameters, by name.
        optimizer: Optimizer of these parameters.
        config: Training options of the player.
        ema: Moving average of the parameters; None for none.
    """

    name: str
    module: nn.Module
    parameters: dict[str, nn.Parameter]
    optimizer: torch.optim.Optimizer
    config: PlayerConfig
    ema: Ema | None

    def set_lr(self, step: int, num_steps: int) -> float:
        """Set and return the learning rate of a step, counted from 0."""
        lr = learning_rate(self.config, step, num_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        return lr

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Use the moving average, if there is one, inside the context."""
        if self.ema is None:
            yield
        else:
            with self.ema.applied(self.parameters):
                yield


def make_player(name: str, module: nn.Module, config: PlayerConfig) -> Player:
    """Prepare a network for training.

    Raises:
        ConfigError: It does not support the requested adapters, or its optimizer is missing.
    """
    if config.lora_rank:
        add_lora(name, module, config.lora_rank)
    parameters = {n: each for n, each in module.named_parameters() if each.requires_grad}
    return Player(
        name=name,
        module=module,
        parameters=parameters,
        optimizer=make_optimizer(config, parameters),
        config=config,
        ema=Ema(parameters, config.ema_decay) if config.ema_decay else None,
    )


def learning_rate(config: PlayerConfig, step: int, num_steps: int) -> float:
    """Return the learning rate of step `step` of `num_steps`, counted from 0."""
    factor = 1.0
    if config.lr_schedule == "cosine":
        left = max(num_steps - config.warmup_steps, 1)
        done = min(max(step - config.warmup_steps, 0) / left, 1.0)
        factor = 0.5 * (1 + math.cos(math.pi * done))
    if step < config.warmup_steps:
        factor *= (step + 1) / config.warmup_steps
    return config.lr * factor
