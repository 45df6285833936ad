"""CLIP's embeddings of image and text, and their cosine: `clip_image.npy`, `clip_text.npy`.

Embeddings are what CLIP projects, not normalized. The column `clip_score` is the cosine of both,
for `--where "clip_score > 0.25"`.

Reference:
    Radford et al. 2021 (CLIP), arXiv:2103.00020; Hessel et al. 2021 (CLIPScore), arXiv:2104.08718,
    whose score is 2.5 times this cosine, or 0 below it.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import torch
import torch.nn.functional as F

from pairgen.annotators._encoding import padded
from pairgen.annotators._options import PictureOptions
from pairgen.annotators._transformers.clip import (
    EmbedImages,
    EmbedTexts,
    embedding_size,
    find_clip,
    image_embedding,
    text_embedding,
)
from pairgen.annotators.base import (
    Added,
    Annotate,
    Annotator,
    ParentSample,
    Setup,
    picture_member,
)
from pairgen.errors import ConfigError
from pairgen.list_rules import Each
from pairgen.options import Option
from pairgen.rules import Choice
from pairgen.signature import takes
from pairgen.vision.model import VisionModel

IMAGE, TEXT, SCORE = "clip_image.npy", "clip_text.npy", "clip_score"


class ClipOptions(PictureOptions):
    """Options of `clip`."""

    command = "the clip annotator"

    of: Annotated[
        tuple[str, ...],
        Each(Choice(("image", "text"))),
        Option("What to embed; the column clip_score needs both."),
    ] = ("image", "text")


OPTIONS = ClipOptions


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> Annotator:
    """Build the annotator.

    Args:
        setup: What it works on; it needs a CLIP of transformers as its model.
        **options: The options.
    """
    chosen = OPTIONS(**options)
    reads: dict[str, str] = {}
    if "image" in chosen.of:
        reads[IMAGE] = picture_member(setup.members, chosen.image)
    if "text" in chosen.of:
        if "txt" not in setup.members:
            raise ConfigError("The set has no txt to embed: add --set of=image.")
        reads[TEXT] = "txt"
    found = find_clip(setup.model)
    spec = {"dtype": "float16", "shape": [embedding_size(found)]}
    return Annotator(
        reads=tuple(reads.values()),
        adds=dict.fromkeys(reads, spec),
        facts=(SCORE,) if len(reads) == 2 else (),
        open=lambda device: _open(found, reads, setup.batch_size, device),
        model=found.model,
        identity=found.identity,
    )


def _open(
    found: VisionModel, reads: dict[str, str], batch_size: int, device: torch.device
) -> Annotate:
    network = found.load(device)
    embeds: dict[str, EmbedImages | EmbedTexts] = {}
    if IMAGE in reads:
        embeds[IMAGE] = image_embedding(found, network, device)
    if TEXT in reads:
        embeds[TEXT] = text_embedding(found, network, device)

    @torch.no_grad()
    def annotate(samples: Sequence[ParentSample]) -> list[Added]:
        rows = padded(samples, batch_size)
        vectors = {
            name: embed([sample.fields[reads[name]] for sample in rows]).cpu()
            for name, embed in embeds.items()
        }
        scores: list[float] = []
        if len(vectors) == 2:
            scores = F.cosine_similarity(vectors[IMAGE], vectors[TEXT]).tolist()
        stored = {name: each.to(torch.float16).numpy() for name, each in vectors.items()}
        return [
            Added(
                {name: each[row] for name, each in stored.items()},
                {SCORE: scores[row]} if scores else {},
            )
            for row in range(len(samples))
        ]

    return annotate
