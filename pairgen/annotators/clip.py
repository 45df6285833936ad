"""CLIP's embeddings of image and text, and their cosine: `clip_image.npy`, `clip_text.npy`.

Embeddings are what CLIP projects, not normalized. The column `clip_score` is the cosine of both,
for `--where "clip_score > 0.25"`.

Reference:
    Radford et al. 2021 (CLIP), arXiv:2103.00020; Hessel et al. 2021 (CLIPScore), arXiv:2104.08718,
    whose score is 2.5 times this cosine, or 0 below it.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import CLIPTokenizer

from pairgen.annotators._encoding import padded
from pairgen.annotators._options import PictureOptions
from pairgen.annotators._preparation import read_preparation
from pairgen.annotators._vision import VisionModel, find_vision_model
from pairgen.annotators.base import (
    Added,
    Annotate,
    Annotator,
    ParentSample,
    Setup,
    picture_member,
)
from pairgen.errors import ConfigError, TeacherLoadError
from pairgen.list_rules import Each
from pairgen.options import Option
from pairgen.rules import Choice
from pairgen.signature import takes
from pairgen.teachers._pretrained.quiet import quiet

IMAGE, TEXT, SCORE = "clip_image.npy", "clip_text.npy", "clip_score"
NETWORKS = {"clip": "CLIPModel"}
# Takes the samples of a padded batch; returns their embeddings, [B, D].
Embed = Callable[[Sequence[ParentSample]], Tensor]


class ClipOptions(PictureOptions):
    """Options of `clip`."""

    command = "the clip annotator"

    of: Annotated[
        tuple[str, ...],
        Each(Choice(("image", "text"))),
        Option("What to embed; the score needs both."),
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
    found = find_vision_model(setup.model, NETWORKS, "openai/clip-vit-large-patch14")
    spec = {"dtype": "float16", "shape": [int(found.config.get("projection_dim", 512))]}
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
    embeds: dict[str, Embed] = {}
    if IMAGE in reads:
        embeds[IMAGE] = _image_embedding(found, network, reads[IMAGE], device)
    if TEXT in reads:
        embeds[TEXT] = _text_embedding(found, network, reads[TEXT], device)

    @torch.no_grad()
    def annotate(samples: Sequence[ParentSample]) -> list[Added]:
        rows = padded(samples, batch_size)
        vectors = {name: embed(rows).cpu() for name, embed in embeds.items()}
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


def _image_embedding(found: VisionModel, network: Any, picture: str, device: torch.device) -> Embed:
    prepare = read_preparation(found.snapshot)

    def embed(samples: Sequence[ParentSample]) -> Tensor:
        pixels = np.stack([prepare(sample.fields[picture]) for sample in samples])
        output = network.vision_model(pixel_values=torch.from_numpy(pixels).to(device))
        projected: Tensor = network.visual_projection(output.pooler_output)
        return projected

    return embed


def _text_embedding(found: VisionModel, network: Any, text: str, device: torch.device) -> Embed:
    folder = found.snapshot.folder
    # Without these files, the library would create an empty vocabulary.
    if not any((folder / name).is_file() for name in ("vocab.json", "tokenizer.json")):
        raise TeacherLoadError(f"{found.snapshot.location} lacks vocab.json.")
    with quiet():
        tokenizer = CLIPTokenizer.from_pretrained(str(folder), local_files_only=True)
    length = network.config.text_config.max_position_embeddings

    def embed(samples: Sequence[ParentSample]) -> Tensor:
        ids = tokenizer(
            [sample.fields[text] for sample in samples],
            padding="max_length",
            max_length=length,
            truncation=True,
            return_tensors="pt",
        ).input_ids.to(device)
        projected: Tensor = network.text_projection(network.text_model(ids).pooler_output)
        return projected

    return embed
