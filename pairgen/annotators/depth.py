"""Estimated depth: `depth.png`, 16 bits, near is bright, scaled to the range of each image.

The columns `depth_low` and `depth_high` are what 0 and 65,535 stand for, in the model's own
relative inverse depth.

Reference:
    Yang et al. 2024 (Depth Anything V2), arXiv:2406.09414; Ranftl et al. 2021 (DPT),
    arXiv:2103.13413.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from pairgen.annotators._encoding import padded
from pairgen.annotators._options import PictureOptions
from pairgen.annotators.base import (
    Added,
    Annotate,
    Annotator,
    ParentSample,
    Refused,
    Setup,
    one_channel,
    picture_member,
)
from pairgen.signature import takes
from pairgen.vision.model import VisionModel, find_vision_model
from pairgen.vision.preparation import read_preparation

MEMBER, LOW, HIGH = "depth.png", "depth_low", "depth_high"
NETWORKS = {"depth_anything": "DepthAnythingForDepthEstimation", "dpt": "DPTForDepthEstimation"}
LARGEST = np.iinfo(np.uint16).max


class DepthOptions(PictureOptions):
    """Options of `depth`."""

    command = "the depth annotator"


OPTIONS = DepthOptions


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> Annotator:
    """Build the annotator.

    Args:
        setup: What it works on; it needs a depth model of transformers.
        **options: The options.
    """
    picture = picture_member(setup.members, OPTIONS(**options).image)
    such_as = "depth-anything/Depth-Anything-V2-Small-hf"
    found = find_vision_model(setup.model, NETWORKS, such_as)
    return Annotator(
        reads=(picture,),
        adds={MEMBER: {**one_channel(setup.members[picture]), "dtype": "uint16"}},
        facts=(LOW, HIGH),
        open=lambda device: _open(found, picture, setup.batch_size, device),
        model=found.model,
        identity=found.identity,
    )


def _open(found: VisionModel, picture: str, batch_size: int, device: torch.device) -> Annotate:
    prepare = read_preparation(found.snapshot, square=True)
    network = found.load(device)

    @torch.no_grad()
    def annotate(samples: Sequence[ParentSample]) -> list[Added | Refused]:
        pictures = padded([prepare(sample.fields[picture]) for sample in samples], batch_size)
        values = torch.from_numpy(np.stack(pictures)).to(device)
        depth = network(pixel_values=values).predicted_depth[:, None]
        size = samples[0].fields[picture].shape[:2]
        # As transformers brings it back to the size of the image.
        depth = F.interpolate(depth, size=size, mode="bicubic", align_corners=False)
        found = depth[:, 0].cpu().numpy()
        return [_stored(found[row]) for row in range(len(samples))]

    return annotate


def _stored(depth: NDArray[np.float32]) -> Added | Refused:
    """Return what is added of a predicted depth [H, W]."""
    if not np.isfinite(depth).all():
        return Refused("the depth is not finite")
    low, high = float(depth.min()), float(depth.max())
    span = high - low or 1.0
    levels = np.rint((depth.astype(np.float64) - low) / span * LARGEST).astype(np.uint16)
    return Added({MEMBER: levels[..., None]}, {LOW: low, HIGH: high})
