"""What DINOv2 sees in an image: `dino_cls.npy`, its class token after the last norm.

Reference:
    Oquab et al. 2023 (DINOv2), arXiv:2304.07193. ADD (arXiv:2311.17042) conditions its
    discriminator on it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from pairgen.annotators._encoding import padded
from pairgen.annotators._options import PictureOptions
from pairgen.annotators.base import (
    Added,
    Annotate,
    Annotator,
    ParentSample,
    Setup,
    picture_member,
)
from pairgen.signature import takes
from pairgen.vision.model import VisionModel, find_vision_model
from pairgen.vision.preparation import read_preparation

MEMBER = "dino_cls.npy"
NETWORKS = {"dinov2": "Dinov2Model", "dinov2_with_registers": "Dinov2WithRegistersModel"}


class DinoOptions(PictureOptions):
    """Options of `dino`."""

    command = "the dino annotator"


OPTIONS = DinoOptions


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> Annotator:
    """Build the annotator.

    Args:
        setup: What it works on; it needs a DINOv2 of transformers as its model.
        **options: The options.
    """
    picture = picture_member(setup.members, OPTIONS(**options).image)
    found = find_vision_model(setup.model, NETWORKS, "facebook/dinov2-large")
    return Annotator(
        reads=(picture,),
        adds={MEMBER: {"dtype": "float16", "shape": [int(found.config["hidden_size"])]}},
        open=lambda device: _open(found, picture, setup.batch_size, device),
        model=found.model,
        identity=found.identity,
    )


def _open(found: VisionModel, picture: str, batch_size: int, device: torch.device) -> Annotate:
    prepare = read_preparation(found.snapshot)
    network = found.load(device)

    @torch.no_grad()
    def annotate(samples: Sequence[ParentSample]) -> list[Added]:
        pictures = padded([prepare(sample.fields[picture]) for sample in samples], batch_size)
        output = network(pixel_values=torch.from_numpy(np.stack(pictures)).to(device))
        tokens = output.last_hidden_state[:, 0].to(torch.float16).cpu().numpy()
        return [Added({MEMBER: tokens[row]}) for row in range(len(samples))]

    return annotate
