"""How much people like an image, as a predictor on CLIP's embedding says: the column `aesthetic`.

The predictor is a file of weights, of one of two published forms, on a normalized embedding of
OpenAI's ViT-L/14: `improved-aesthetic-predictor` (`sac+logos+ava1-l14-linearMSE.pth`), five linear
layers without activations between them, and LAION's `aesthetic-predictor`
(`sa_0_4_vit_l_14_linear.pth`), one. Both rate from about 1 to 10.

Reference:
    Schuhmann 2022, christophschuhmann/improved-aesthetic-predictor, `simple_inference.py`;
    Schuhmann et al. 2022 (LAION-5B), arXiv:2210.08402.
"""

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
import torch.nn.functional as F

from pairgen.annotators._encoding import padded
from pairgen.annotators._options import FilePath, PictureOptions
from pairgen.annotators._transformers.aesthetic_head import read_head
from pairgen.annotators._transformers.clip import embedding_size, find_clip, image_embedding
from pairgen.annotators.base import (
    Added,
    Annotate,
    Annotator,
    ParentSample,
    Refused,
    Setup,
    picture_member,
)
from pairgen.options import Option
from pairgen.signature import takes
from pairgen.vision.model import VisionModel

FACT = "aesthetic"


class AestheticOptions(PictureOptions):
    """Options of `aesthetic`."""

    command = "the aesthetic annotator"

    head: Annotated[
        str,
        FilePath(),
        Option(
            "Weights of the aesthetic predictor: a .safetensors or .pth file.",
            metavar="FILE",
            missing=(
                "must name the weights of a predictor, such as "
                "--set head=sac+logos+ava1-l14-linearMSE.pth."
            ),
        ),
    ]


OPTIONS = AestheticOptions


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> Annotator:
    """Build the annotator.

    Args:
        setup: What it works on; it needs a CLIP of transformers as its model.
        **options: The options.
    """
    chosen = OPTIONS(**options)
    picture = picture_member(setup.members, chosen.image)
    found = find_clip(setup.model)
    path = Path(chosen.head)
    # A few megabytes, so that a wrong file is refused before anything is written.
    read_head(path, embedding_size(found))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return Annotator(
        reads=(picture,),
        facts=(FACT,),
        open=lambda device: _open(found, picture, path, setup.batch_size, device),
        model=found.model,
        identity={**found.identity, "head_sha256": sha256},
        places=("head",),
    )


def _open(
    found: VisionModel, picture: str, path: Path, batch_size: int, device: torch.device
) -> Annotate:
    network = found.load(device)
    embed = image_embedding(found, network, device)
    head = read_head(path, embedding_size(found)).to(device)

    @torch.no_grad()
    def annotate(samples: Sequence[ParentSample]) -> list[Added | Refused]:
        rows = padded([sample.fields[picture] for sample in samples], batch_size)
        scores = head(F.normalize(embed(rows), dim=-1))[:, 0].tolist()
        return [
            Added(facts={FACT: score})
            if math.isfinite(score)
            else Refused("aesthetic is not finite")
            for score in scores[: len(samples)]
        ]

    return annotate
