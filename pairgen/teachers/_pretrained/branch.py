"""A condition branch: a copy of the UNet's encoder that sees an image, beside the UNet.

Letters: h = what the UNet's encoder hands to its decoder, h_eta = what the branch computes in the
same places, mu = a learned number.

    sum        h + mu zero_conv(h_eta)     a ControlNet; PE-CoDi
    mixture    (1 - mu) h + mu h_eta       CoDi

References:
    Zhang et al. 2023 (ControlNet), arXiv:2302.05543. Mei et al. 2023 (CoDi), arXiv:2310.01407,
    whose fusion is known to us from a note about the paper. That the branch sees the state too, and
    the start of mu, are ours.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers import ControlNetModel
from safetensors.torch import save_file
from torch import Tensor, nn

from pairgen.errors import ConfigError
from pairgen.sampling.conditioning import MIXTURE, SUM
from pairgen.teachers._pretrained.quiet import quiet

# As in ControlNet for a VAE of factor 8: every width but the first halves the condition's size.
EMBEDDING_WIDTHS = (16, 32, 96, 256)
CONFIG, WEIGHTS = "config.json", "diffusion_pytorch_model"
# Of a branch that mixes: an ordinary ControlNet sums.
FUSION_FILE = "fusion.json"
# The weights that carry mu where it is no number of its own.
ZERO_CONVS = ("controlnet_down_blocks.", "controlnet_mid_block.")
# Where a mixture starts: at first both encoders agree, so any value changes nothing; at 0 the
# branch would get no gradient.
MIXTURE_START = 0.5


class Branch(nn.Module):
    """A condition branch, see the module.

    Args:
        network: The copy of the encoder.
        fusion: `sum` or `mixture`.
        mu: mu.
    """

    def __init__(self, network: ControlNetModel, fusion: str = SUM, mu: float = 1.0) -> None:
        super().__init__()
        self.network: Any = network
        self.fusion = fusion
        self.mu = nn.Parameter(torch.tensor(mu))

    @property
    def condition_channels(self) -> int:
        """Channels of the condition."""
        return int(self.network.config.conditioning_channels)

    @property
    def factor(self) -> int:
        """Pixels of the condition a latent, along each axis."""
        return embedding_factor(self.network.config)

    def unfreeze(self) -> None:
        """Make trainable what is learned: where it mixes, the layers at its ends only pass on."""
        self.requires_grad_(True)
        if self.fusion == MIXTURE:
            for layer in (*self.network.controlnet_down_blocks, self.network.controlnet_mid_block):
                layer.requires_grad_(False)

    def run(
        self, unet: Any, x: Tensor, t: Tensor, condition: Tensor, inputs: Mapping[str, Any]
    ) -> Tensor:
        """Return the output of a UNet with this branch, [B, C, H, W].

        Args:
            unet: The UNet.
            x: Its input, [B, C, H, W].
            t: Times, [B].
            condition: The conditions, [B, K, f H, f W] in [0, 1].
            inputs: What the UNet takes besides, by name.

        Raises:
            ConfigError: The condition has other channels, or another size.
        """
        channels, height, width = condition.shape[1:]
        rows, columns = (self.factor * side for side in x.shape[-2:])
        if (channels, height, width) != (self.condition_channels, rows, columns):
            raise ConfigError(
                f"The branch takes a condition of {self.condition_channels} channels and {columns} "
                f"x {rows} px here, and is given {channels} channels and {width} x {height} px."
            )
        own = {name: each for name, each in inputs.items() if name != "timestep_cond"}
        down, mid = self.network(x, t, controlnet_cond=condition.to(x.dtype), **own)
        down, mid = [self.mu * each for each in down], self.mu * mid
        output: Tensor
        if self.fusion == MIXTURE:
            with _mixing(unet, 1 - self.mu, down, mid):
                (output,) = unet(x, t, **inputs)
        else:
            added = {"down_block_additional_residuals": down, "mid_block_additional_residual": mid}
            (output,) = unet(x, t, **inputs, **added)
        return output

    def exported(self) -> dict[str, Tensor]:
        """Return the weights that are saved: where the branch sums, mu is folded into them."""
        state = {name: each.detach() for name, each in self.network.state_dict().items()}
        if self.fusion == SUM:
            mu = self.mu.detach()
            state |= {name: mu * state[name] for name in state if name.startswith(ZERO_CONVS)}
        return state

    def last_weights(self) -> dict[str, Tensor]:
        """Return the weights as they are saved, with mu where it is a number of its own."""
        own = {"mu": self.mu.detach()} if self.fusion == MIXTURE else {}
        return {**self.exported(), **own}

    def load_last(self, weights: Mapping[str, Tensor]) -> None:
        """Load the result of `last_weights`.

        Raises:
            RuntimeError: It is of another branch.
        """
        mu = weights.get("mu", torch.ones(()))
        self.network.load_state_dict({n: each for n, each in weights.items() if n != "mu"})
        self.mu.data.copy_(mu)

    def save(self, folder: Path) -> None:
        """Write the branch as a folder of diffusers' `ControlNetModel`.

        A branch that mixes has a file `fusion.json` besides, with mu.
        """
        folder.mkdir(parents=True, exist_ok=True)
        with quiet():
            self.network.save_config(folder)
        _forget_place(folder / CONFIG)
        plain = {name: each.float().cpu().contiguous() for name, each in self.exported().items()}
        save_file(plain, folder / f"{WEIGHTS}.safetensors", metadata={"format": "pt"})
        if self.fusion == MIXTURE:
            known = {"fusion": MIXTURE, "mu": float(self.mu.detach())}
            (folder / FUSION_FILE).write_text(json.dumps(known, indent=2), encoding="utf-8")


def new_branch(unet: Any, fusion: str, channels: int, factor: int) -> Branch:
    """Return a branch for a UNet, which changes nothing at first; all of it is trained.

    Args:
        unet: The UNet, whose encoder is copied.
        fusion: `sum` or `mixture`.
        channels: Channels of the conditions.
        factor: Pixels of a condition a latent, along each axis: 1, 2, 4 or 8.

    Raises:
        ConfigError: There is no branch for this UNet.
    """
    depth = factor.bit_length()
    if unet.config.time_cond_proj_dim:
        raise ConfigError("The network takes a guidance scale as an input, and a branch would not.")
    if factor != 2 ** (depth - 1) or depth > len(EMBEDDING_WIDTHS):
        raise ConfigError(
            f"A branch is for a VAE with 1, 2, 4 or 8 pixels a latent, and this one has {factor}."
        )
    with quiet():
        network = ControlNetModel.from_unet(
            unet,
            conditioning_embedding_out_channels=EMBEDDING_WIDTHS[:depth],
            conditioning_channels=channels,
        )
    branch = Branch(network.eval())
    if fusion == MIXTURE:
        for layer in (*network.controlnet_down_blocks, network.controlnet_mid_block):
            nn.init.dirac_(layer.weight)
        branch = Branch(network, MIXTURE, MIXTURE_START)
    branch.unfreeze()
    return branch


def embedding_factor(config: Mapping[str, Any]) -> int:
    """Return the pixels of a condition a latent, along each axis, by a ControlNet's config."""
    return int(2 ** (len(config["conditioning_embedding_out_channels"]) - 1))


def _forget_place(config: Path) -> None:
    """Drop where the network was loaded from: a copy is the same branch, wherever it lies."""
    values = json.loads(config.read_text(encoding="utf-8"))
    values.pop("_name_or_path", None)
    config.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


@contextmanager
def _mixing(unet: Any, share: Tensor, down: Sequence[Tensor], mid: Tensor) -> Iterator[None]:
    """Inside the context, the UNet's decoder is handed share h + what a branch adds.

    Args:
        unet: The UNet.
        share: 1 - mu.
        down: mu h_eta of every place, the first one of the encoder first.
        mid: mu h_eta of the block in the middle.
    """
    left = list(down)

    def before_up(_: Any, args: Any, inputs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        handed = inputs["res_hidden_states_tuple"]
        added = left[-len(handed) :]
        del left[-len(handed) :]
        mixed = tuple(share * h + more for h, more in zip(handed, added, strict=True))
        return args, {**inputs, "res_hidden_states_tuple": mixed}

    def after_mid(*call: Any) -> Tensor:
        h: Tensor = call[-1]
        return share * h + mid

    handles = [unet.mid_block.register_forward_hook(after_mid)]
    handles += [
        block.register_forward_pre_hook(before_up, with_kwargs=True) for block in unet.up_blocks
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
