"""Low-rank adapters (peft), in the layers that diffusers' training scripts use."""

from typing import Any

from torch import nn

from pairgen.errors import ConfigError

# Queries, keys, values and outputs of attention, and the layers around and between.
TARGET_MODULES = (
    *("to_q", "to_k", "to_v", "to_out.0"),
    *("proj_in", "proj_out", "ff.net.0.proj", "ff.net.2"),
    *("conv1", "conv2", "conv_shortcut", "downsamplers.0.conv", "upsamplers.0.conv"),
)


def add_lora(name: str, module: nn.Module, rank: int) -> None:
    """Freeze a player's network and add adapters of a given rank, initially the identity.

    Raises:
        ConfigError: The network does not support adapters, or peft is not installed.
    """
    network: Any = getattr(module, "network", None)
    if not hasattr(network, "add_adapter"):
        raise ConfigError(f"lora_rank: the network of player {name!r} does not support adapters.")
    try:
        from peft import LoraConfig
    except ModuleNotFoundError:
        raise ConfigError("lora_rank needs peft: pip install 'pairgen[train]'.") from None
    network.requires_grad_(False)
    network.add_adapter(
        LoraConfig(
            r=rank,
            lora_alpha=rank,
            init_lora_weights="gaussian",
            target_modules=list(TARGET_MODULES),
        )
    )
