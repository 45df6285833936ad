"""Convert a network's own output to guided (x0, eps), for every pretrained network."""

from collections.abc import Callable

import torch
from torch import Tensor

from pairgen.sampling.conditioning import Conditioning
from pairgen.sampling.guidance import guided
from pairgen.sampling.parameterization import Prediction, Schedule, column, to_x0_eps

# Maps x [B, C, H, W], t [B] float32 and B rows to the network's output [B, C, H, W] float32.
Forward = Callable[[Tensor, Tensor, Conditioning], Tensor]


@torch.no_grad()
def predict_guided(
    forward: Forward,
    schedule: Schedule,
    prediction: Prediction,
    negative: Conditioning,
    x: Tensor,
    t: Tensor,
    conditioning: Conditioning,
    guidance: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Predict (x0, eps) at x_t, see `Teacher.predict`; both halves of guidance are one batch.

    Args:
        forward: The network.
        schedule: alpha and sigma over time.
        prediction: The quantity that the network predicts.
        negative: Conditioning of the negative prompt, one row.
        x: State, [B, C, H, W] float32.
        t: Times, [B] float64.
        conditioning: The prompts' conditioning, B rows.
        guidance: Guidance scales, [B] float32; None for no guidance.
    """
    alpha, sigma = (column(value.float()) for value in schedule.alpha_sigma(t))
    t = t.float()
    if guidance is None:
        output = forward(x, t, conditioning)
    else:
        # Guidance is by the prompt: both halves see the image.
        opposite = negative.expand(len(x)).with_images_of(conditioning)
        both = Conditioning.cat([opposite, conditioning])
        unprompted, prompted = forward(torch.cat([x, x]), torch.cat([t, t]), both).chunk(2)
        output = guided(unprompted, prompted, column(guidance))
    return to_x0_eps(prediction, output, x, alpha, sigma)
