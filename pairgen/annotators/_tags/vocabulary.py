"""Tags from a list of words: those that CLIP finds nearest to the image, nearest first."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from pairgen.annotators._encoding import padded
from pairgen.annotators._tags import MEMBER
from pairgen.annotators._transformers.clip import (
    EmbedTexts,
    find_clip,
    image_embedding,
    text_embedding,
)
from pairgen.annotators.base import (
    Added,
    Annotate,
    Annotator,
    ParentSample,
    Refused,
    Setup,
    picture_member,
)
from pairgen.errors import ConfigError
from pairgen.sources.texts.tables import as_text
from pairgen.vision.model import VisionModel

HR = "hr"
# Words that are embedded together.
BATCH = 64


@dataclass(frozen=True, kw_only=True)
class Choosing:
    """Which words become tags.

    Attributes:
        template: Text about a word, which stands for `{}` in it.
        best: Largest number of tags.
        above: Smallest cosine of image and text.
    """

    template: str
    best: int
    above: float


def vocabulary_tags(setup: Setup, path: Path, of: str, choosing: Choosing) -> Annotator:
    """Return the annotator that chooses words of a file.

    Args:
        setup: What it works on; it needs a CLIP of transformers as its model.
        path: The words, one a line.
        of: The image to look at: `hr`, or a level such as `lr4`.
        choosing: Which words are chosen.

    Raises:
        ConfigError: The file holds no words, or the set has no such image.
    """
    words = read_words(path)
    picture = picture_member(setup.members, "" if of == HR else f"{of}.png")
    found = find_clip(setup.model)
    return Annotator(
        reads=(picture,),
        adds={MEMBER: {}},
        open=lambda device: _open(found, picture, words, choosing, setup.batch_size, device),
        model=found.model,
        identity={
            **found.identity,
            "vocabulary_sha256": hashlib.sha256("\n".join(words).encode()).hexdigest(),
        },
    )


def read_words(path: Path) -> list[str]:
    """Return the words of a file, one a line, each once; blank lines do not count.

    Raises:
        ConfigError: The file cannot be read, or holds none.
    """
    try:
        lines = as_text(path.read_bytes()).splitlines()
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(f"The vocabulary {path} cannot be read: {reason}.") from None
    words = list(dict.fromkeys(" ".join(line.split()) for line in lines if line.strip()))
    if not words:
        raise ConfigError(f"The vocabulary {path} holds no words: write one a line.")
    return words


def _open(
    found: VisionModel,
    picture: str,
    words: Sequence[str],
    choosing: Choosing,
    batch_size: int,
    device: torch.device,
) -> Annotate:
    network = found.load(device)
    embed = image_embedding(found, network, device)
    with torch.no_grad():
        texts = [choosing.template.replace("{}", word) for word in words]
        known = _embedded(texts, text_embedding(found, network, device))

    @torch.no_grad()
    def annotate(samples: Sequence[ParentSample]) -> list[Added | Refused]:
        rows = padded([sample.fields[picture] for sample in samples], batch_size)
        cosines = (F.normalize(embed(rows), dim=-1) @ known.T).cpu()
        return [_stored(cosines[row], words, choosing) for row in range(len(samples))]

    return annotate


def _embedded(texts: Sequence[str], embed: EmbedTexts) -> Tensor:
    """Return the normalized embeddings of texts, [N, D]."""
    parts = [embed(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)]
    return F.normalize(torch.cat(parts), dim=-1)


def _stored(cosines: Tensor, words: Sequence[str], choosing: Choosing) -> Added | Refused:
    """Return what is added of the cosines of all words, [N]."""
    if not cosines.isfinite().all():
        return Refused("the embedding is not finite")
    # Of equal cosines, the word that stands first in the file comes first.
    order = cosines.sort(descending=True, stable=True).indices[: choosing.best].tolist()
    chosen = [words[number] for number in order if cosines[number] >= choosing.above]
    if not chosen:
        return Refused(f"no word of the vocabulary has a cosine of {choosing.above:g} or more")
    return Added({MEMBER: ", ".join(chosen)})
