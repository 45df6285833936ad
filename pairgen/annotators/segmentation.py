"""The class of every pixel: `seg.png`, one channel, the number of the class in the model.

The plan names the classes in order: `teacher: identity: classes` of `__meta__/plan.yaml`. Numbers
take 8 bits, or 16 for a model of more than 256 classes.

Reference:
    Xie et al. 2021 (SegFormer), arXiv:2105.15203; Xiao et al. 2018 (UPerNet), arXiv:1807.10221.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

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
from pairgen.errors import ConfigError
from pairgen.option_names import option_text
from pairgen.signature import takes
from pairgen.vision.model import VisionModel, find_vision_model
from pairgen.vision.preparation import read_preparation

MEMBER = "seg.png"
NETWORKS = {
    "segformer": "SegformerForSemanticSegmentation",
    "upernet": "UperNetForSemanticSegmentation",
}


class SegmentationOptions(PictureOptions):
    """Options of `segmentation`."""

    command = "the segmentation annotator"


OPTIONS = SegmentationOptions


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> Annotator:
    """Build the annotator.

    Args:
        setup: What it works on; it needs a semantic segmentation model of transformers.
        **options: The options.
    """
    picture = picture_member(setup.members, OPTIONS(**options).image)
    found = find_vision_model(setup.model, NETWORKS, "nvidia/segformer-b0-finetuned-ade-512-512")
    backbone = found.config.get("backbone_config") or {}
    if found.config.get("use_timm_backbone") or backbone.get("model_type") == "timm_backbone":
        raise ConfigError(
            f"{option_text('model', 'pairgen annotate')} must have a backbone of transformers, "
            f"got {found.model.name}, whose backbone is one of timm."
        )
    classes = _classes(found.config)
    dtype = np.dtype(np.uint8 if len(classes) <= 256 else np.uint16)
    return Annotator(
        reads=(picture,),
        adds={MEMBER: {**one_channel(setup.members[picture]), "dtype": str(dtype)}},
        open=lambda device: _open(found, picture, dtype, setup.batch_size, device),
        model=found.model,
        identity={**found.identity, "classes": classes},
    )


def _classes(config: Mapping[str, Any]) -> list[str]:
    """Return the names of the classes, in order.

    Raises:
        ConfigError: The config of the model does not name them.
    """
    # The library leaves out its default: two classes of these names.
    named = config.get("id2label") or {"0": "LABEL_0", "1": "LABEL_1"}
    try:
        return [str(named[str(index)]) for index in range(len(named))]
    except (KeyError, TypeError):
        raise ConfigError(
            "id2label in the config.json of the model must name the classes 0, 1, 2 ..."
        ) from None


def _open(
    found: VisionModel, picture: str, dtype: np.dtype[Any], batch_size: int, device: torch.device
) -> Annotate:
    prepare = read_preparation(found.snapshot, square=True)
    network = found.load(device)

    @torch.no_grad()
    def annotate(samples: Sequence[ParentSample]) -> list[Added | Refused]:
        pictures = padded([prepare(sample.fields[picture]) for sample in samples], batch_size)
        logits = network(pixel_values=torch.from_numpy(np.stack(pictures)).to(device)).logits
        size = samples[0].fields[picture].shape[:2]
        # One after the other: at full size, a batch of 150 classes would not fit into memory.
        return [_stored(logits[row], size, dtype) for row in range(len(samples))]

    return annotate


def _stored(logits: Tensor, size: tuple[int, int], dtype: np.dtype[Any]) -> Added | Refused:
    """Return what is added of logits [C, h, w], brought to the size of the image."""
    # As transformers brings them back to the size of the image.
    full = F.interpolate(logits[None], size=size, mode="bilinear", align_corners=False)[0]
    if not full.isfinite().all():
        return Refused("the segmentation is not finite")
    classes = full.argmax(dim=0).cpu().numpy().astype(dtype)
    return Added({MEMBER: classes[..., None]})
