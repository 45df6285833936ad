"""What a network in training says of a state, with guidance and without."""

import torch
from torch import Tensor

from pairgen.losses.conditional_distillation import Predicted
from pairgen.methods._codi.averaged import AveragedDenoiser
from pairgen.sampling.guidance import guided
from pairgen.sampling.parameterization import column, to_x0_eps
from pairgen.teachers.base import Conditioning, Denoiser


class GuidedDenoiser:
    """A network, asked with its prompt and, if there is guidance, without it too.

    Args:
        denoiser: The network.
        negative: Conditioning of the null prompt, one row for any batch.
        scale: Guidance scale; 1 for none.
    """

    def __init__(
        self, denoiser: Denoiser | AveragedDenoiser, negative: Conditioning, scale: float
    ) -> None:
        self._denoiser, self._negative, self._scale = denoiser, negative, scale

    def __call__(
        self, x: Tensor, t: Tensor, conditioning: Conditioning
    ) -> tuple[Predicted, Predicted]:
        """Return what it says by the prompt alone, and with guidance; with gradients, in float64.

        Args:
            x: State, [B, C, H, W].
            t: Times, [B] float64.
            conditioning: The prompts' conditioning with what the network sees, B rows.
        """
        if self._scale == 1:
            prompted = self._predicted(self._denoiser(x, t, conditioning), x, t)
            return prompted, prompted
        unprompted = self._negative.expand(len(x)).with_images_of(conditioning)
        both = Conditioning.cat([unprompted, conditioning])
        output = self._denoiser(torch.cat([x, x]), torch.cat([t, t]), both)
        without, given = output.chunk(2)
        scale = column(output.new_full((len(x),), self._scale))
        return (
            self._predicted(given, x, t),
            self._predicted(guided(without, given, scale), x, t),
        )

    def _predicted(self, output: Tensor, x: Tensor, t: Tensor) -> Predicted:
        alpha, sigma = (column(each) for each in self._denoiser.schedule.alpha_sigma(t))
        # In float64, because 1 / alpha is 15 at Stable Diffusion's first time.
        found = to_x0_eps(self._denoiser.prediction, output.double(), x.double(), alpha, sigma)
        return Predicted(*found)


def without_some_prompts(
    conditioning: Conditioning, negative: Conditioning, dropped: Tensor
) -> Conditioning:
    """Return the conditioning with the null prompt in some rows.

    Args:
        conditioning: The prompts' conditioning, B rows.
        negative: That of the null prompt, one row.
        dropped: Whether a row has the null prompt, [B] bool.
    """
    tensors = {
        name: torch.where(
            dropped.view(-1, *[1] * (each.dim() - 1)), negative.tensors[name].to(each), each
        )
        for name, each in conditioning.tensors.items()
    }
    return Conditioning(tensors)
