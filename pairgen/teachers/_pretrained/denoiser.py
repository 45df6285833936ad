"""A pretrained network in float32, for training."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pairgen.adapters.adaptable import Adaptable
from pairgen.adapters.chosen import checkpoint_gradients
from pairgen.sampling.conditioning import Conditioning
from pairgen.sampling.parameterization import Prediction, Schedule

# Maps network, x [B, C, H, W], t [B] float32, conditioning, guidance scales to the output; `branch`
# is its condition branch, if it has one.
Output = Callable[..., Tensor]
# Queries, keys, values and outputs of attention, and the layers around and between, as in
# diffusers' training scripts.
LORA_TARGETS = (
    *("to_q", "to_k", "to_v", "to_out.0"),
    *("proj_in", "proj_out", "ff.net.0.proj", "ff.net.2"),
    *("conv1", "conv2", "conv_shortcut", "downsamplers.0.conv", "upsamplers.0.conv"),
)


class Denoiser(Adaptable):
    """A network to train, see `pairgen.teachers.base.Denoiser`.

    Args:
        network: A diffusers model with a last layer `conv_out`.
        output: Function that calls the network.
        prediction: The quantity that it predicts.
        schedule: alpha and sigma over time.
        latent_shape: Shape [C, H, W] of a latent.
        guidance_dim: Width of its guidance embedding; 0 for none.
        image_channels: Channels of the image latent in its input; 0 for none.
        new_layers: Layers with weights that are new, and zero, see `Adaptable`.
        branch: Its condition branch; None for none.
    """

    def __init__(
        self,
        network: Any,
        output: Output,
        *,
        prediction: Prediction,
        schedule: Schedule,
        latent_shape: tuple[int, int, int],
        guidance_dim: int,
        image_channels: int = 0,
        new_layers: Sequence[str] = (),
        branch: torch.nn.Module | None = None,
    ) -> None:
        super().__init__(network.requires_grad_(True), LORA_TARGETS, new_layers)
        # x0 is the output divided by alpha, which is small at the first time and amplifies errors.
        network.conv_out.__class__ = Float32Conv2d
        self.prediction, self.schedule = prediction, schedule
        self.latent_shape, self.guidance_dim = latent_shape, guidance_dim
        self.image_channels = image_channels
        self.branch: Any = branch
        self._output = output

    @property
    def condition_channels(self) -> int:
        """Channels of the condition that the branch takes; 0 for no branch."""
        return 0 if self.branch is None else int(self.branch.condition_channels)

    def checkpoint_gradients(self) -> None:
        """Enable gradient checkpointing in the network and in its branch."""
        super().checkpoint_gradients()
        if self.branch is not None:
            checkpoint_gradients(self.branch.network)

    def forward(
        self,
        x: Tensor,
        t: Tensor,
        conditioning: Conditioning,
        guidance_scale: Tensor | None = None,
    ) -> Tensor:
        """Return the network's own output, [B, C, H, W] float32."""
        with self.in_use():
            given = (self.network, x, t.float(), conditioning, guidance_scale)
            branch = {} if self.branch is None else {"branch": self.branch}
            return self._output(*given, **branch)


class Float32Conv2d(torch.nn.Conv2d):
    """A convolution that stays in float32 under mixed precision."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Convolve without autocast."""
        with torch.autocast(input.device.type, enabled=False):
            return F.conv2d(
                input.float(), self.weight.float(), self.bias, self.stride, self.padding
            )
