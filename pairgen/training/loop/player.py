"""A player: the networks that are stepped together, their optimizer, their moving average."""

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pairgen.adapters.adaptable import adaptable_networks
from pairgen.config import check_keys
from pairgen.errors import ConfigError
from pairgen.training.loop.ema import Ema
from pairgen.training.loop.optimizer import make_optimizer
from pairgen.training.player_options import NetworkConfig, PlayerConfig


@dataclass(frozen=True)
class Player:
    """One or more networks and everything needed to train them.

    Attributes:
        name: Name of the player in the method.
        module: The network, or a module that holds the networks.
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

    @property
    def num_trained(self) -> int:
        """Number of weights that are trained, those of adapters among them."""
        return sum(each.numel() for each in self.parameters.values())

    @property
    def buffers(self) -> dict[str, Tensor]:
        """What the networks hold and change beside their weights, by name."""
        state = self.module.state_dict(keep_vars=True)
        return {name: each for name, each in state.items() if not isinstance(each, nn.Parameter)}

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Use the moving average, if there is one, inside the context."""
        if self.ema is None:
            yield
        else:
            with self.ema.applied(self.parameters):
                yield


def make_player(
    name: str,
    module: nn.Module,
    config: PlayerConfig,
    networks: Mapping[str, NetworkConfig] | None = None,
) -> Player:
    """Prepare a player for training.

    Args:
        name: Name of the player in the method.
        module: The network, or a module that holds the networks.
        config: Training options of the player.
        networks: Options of single networks of it, by name, above those of `config`.

    Raises:
        ConfigError: A network does not support the requested adapters, an option is for a network
            that the player does not have, nothing is left to train, or the optimizer is missing.
    """
    _adapt(name, module, config, networks or {})
    # A weight that two networks share is one parameter.
    parameters = {n: each for n, each in module.named_parameters() if each.requires_grad}
    if not parameters:
        raise ConfigError(f"The player {name!r} has no weights to train.")
    return Player(
        name=name,
        module=module,
        parameters=parameters,
        optimizer=make_optimizer(config, parameters),
        config=config,
        ema=Ema(parameters, config.ema_decay) if config.ema_decay else None,
    )


def _adapt(
    player: str, module: nn.Module, config: PlayerConfig, networks: Mapping[str, NetworkConfig]
) -> None:
    """Add the adapters of a player's networks, and make trainable what has none."""
    every = list(adaptable_networks(module))
    found = dict(every)
    if len(found) < len(every):
        names = ", ".join(name for name, _ in every)
        raise ConfigError(f"The networks of the player {player!r} need different names: {names}.")
    check_keys(networks, [each for each in found if each], f"the networks of the player {player!r}")
    if not found and config.adapted:
        option = "lora_rank" if config.lora_rank else "trained_layers"
        raise ConfigError(f"{option}: the network of player {player!r} does not support adapters.")
    for name, network in found.items():
        chosen = networks.get(name, config)
        where = f"{player}.{name}" if name else player
        for option in ("lora_alpha", "lora_targets"):
            if getattr(chosen, option) and not chosen.lora_rank:
                raise ConfigError(f"{where}.{option} needs a lora_rank of at least 1, got 0.")
        if chosen.adapted:
            try:
                network.adapt(
                    rank=chosen.lora_rank,
                    alpha=chosen.lora_alpha or chosen.lora_rank,
                    targets=chosen.lora_targets,
                    trained=chosen.trained_layers,
                )
            except ConfigError as error:
                raise ConfigError(f"{where}: {error}") from None
        elif network.shares_weights:
            raise ConfigError(
                f"{where}.lora_rank must be at least 1: others compute with the same weights, "
                "which must stay as they are."
            )
        else:
            network.unfreeze()


def count_weights(modules: Iterable[nn.Module]) -> int:
    """Return the number of weights of networks, each counted once, without their adapters."""
    found = {
        id(each): each.numel()
        for module in modules
        for name, each in module.named_parameters()
        if "adapter" not in name.split(".")
    }
    return sum(found.values())


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
