"""What a network in training says of a state, with guidance and without."""

import torch
from torch import Tensor

from pairgen.losses.conditional_distillation import Predicted, bounded
from pairgen.methods._prediction import Predicting, x0_eps_from, x0_eps_of
from pairgen.sampling.conditioning import Conditioning
from pairgen.sampling.guidance import guided
from pairgen.sampling.parameterization import column


def said_of(
    denoiser: Predicting,
    x: Tensor,
    t: Tensor,
    conditioning: Conditioning,
    negative: Conditioning,
    scale: float,
) -> tuple[Predicted, Predicted]:
    """Return what a network says by the prompt alone, and with guidance; with gradients, bounded.

    Args:
        denoiser: The network.
        x: State, [B, C, H, W].
        t: Times, [B] float64.
        conditioning: The prompts' conditioning with what the network sees, B rows.
        negative: Conditioning of the null prompt, one row for any batch.
        scale: Guidance scale; 1 for none, in one evaluation instead of two.
    """
    if scale == 1:
        alone = bounded(Predicted(*x0_eps_of(denoiser, x, t, conditioning)), x, t)
        return alone, alone
    unprompted = negative.expand(len(x)).with_images_of(conditioning)
    both = Conditioning.cat([unprompted, conditioning])
    without, prompted = denoiser(torch.cat([x, x]), torch.cat([t, t]), both).chunk(2)
    scales = column(prompted.new_full((len(x),), scale))
    outputs = (prompted, guided(without, prompted, scales))
    alone, with_guidance = (
        bounded(Predicted(*x0_eps_from(denoiser, output, x, t)), x, t) for output in outputs
    )
    return alone, with_guidance


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
