"""The tagger of `pairgen restore`: an annotator that looks at a picture and writes its prompt.

It looks at the picture enlarged to the size of the result, as OSEDiff's published test script does:
then the picture, and each tile of it, is to the tagger what it is to the student. A tagger scales
what it is given to a size of its own, so this changes little about a whole picture.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pairgen import plugins
from pairgen.annotators.base import Added, Annotator, ParentSample, Refused, Setup
from pairgen.asked_model import asked_model
from pairgen.errors import ConfigError
from pairgen.jobs.restore.pixels import as_rgb
from pairgen.jobs.restore.tagger_options import TaggerOptions
from pairgen.kinds.overlay.plan import read_options
from pairgen.option_names import option_text

# What a tagger is told of the pictures: RGB, with a name. No size is that of all.
PICTURE = "png"
MEMBERS: Mapping[str, Mapping[str, Any]] = {
    PICTURE: {"dtype": "uint8", "shape": [1, 1, 3]},
    "json": {"keys": ["image"]},
}

# Takes an enlarged image [1, 3, H, W] in [-1, 1] and the number of its picture.
Tag = Callable[[Tensor, int], str | Refused]


@dataclass(frozen=True)
class FoundTagger:
    """A tagger that is not loaded yet.

    Attributes:
        annotator: The annotator.
        member: The text that it adds.
        identity: What its prompts depend on, as plain data.
        filled: The options of the tagger that hold in every worker, by name.
    """

    annotator: Annotator
    member: str
    identity: Mapping[str, Any]
    filled: Mapping[str, Any]


@dataclass(frozen=True)
class Prompts:
    """The prompts of a picture.

    Attributes:
        texts: The prompt; or that of each tile, row by row.
        untagged: Why the tagger had none, so that the student's own is used; empty if it had.
    """

    texts: tuple[str, ...]
    untagged: str = ""


def find_tagger(options: TaggerOptions, seed: int) -> FoundTagger:
    """Find the tagger that options name, without loading it.

    Args:
        options: The options; they name one.
        seed: The seed of the restoration, for a tagger that draws.

    Raises:
        ConfigError: There is no such annotator, or it does not write one text about a picture.
        TeacherLoadError: The files of its model cannot be found.
    """
    name, place = options.tagger, options.tagger_model
    plugins.load("annotators", name)
    try:
        own = read_options(name, options.tagger_options)
        model = asked_model(place).at(options.tagger_revision) if place else None
        setup = Setup(members=MEMBERS, seed=seed, model=model)
        annotator: Annotator = plugins.build("annotators", name, setup=setup, **own)
    except ConfigError as error:
        raise ConfigError(
            f"The tagger {name} (--tagger-model, --set tagger_options.NAME=VALUE): {error}"
        ) from None
    texts = [member for member, spec in annotator.adds.items() if not spec]
    if tuple(annotator.reads) != (PICTURE,) or len(texts) != 1 or len(annotator.adds) > 1:
        raise ConfigError(
            f"{option_text('tagger')} must look at a picture and write one text, but {name} with "
            f"its tagger_options reads {_listed(annotator.reads)} and adds "
            f"{_listed(annotator.adds)}: give texts that you have by captions."
        )
    identity, found = dict(annotator.identity), annotator.model
    # Working directories differ, and branches move: every worker must load the same files.
    filled = {
        "tagger_options": own,
        "tagger_model": place if found is None else found.location,
        "tagger_revision": identity.get("commit", options.tagger_revision),
    }
    return FoundTagger(
        annotator=annotator,
        member=texts[0],
        identity={
            "annotator": name,
            "options": {key: own[key] for key in own if key not in annotator.places},
            "identity": identity,
            "each": options.tag_each,
        },
        filled=filled,
    )


def _listed(names: Sequence[str] | Mapping[str, Any]) -> str:
    return ", ".join(names) or "no member"


def open_tagger(found: FoundTagger, device: torch.device) -> Tag:
    """Load a tagger; return the function that tags one image.

    Args:
        found: The tagger.
        device: Device for its model, if it has one.
    """
    annotator = found.annotator
    annotate = annotator.open(torch.device("cpu") if annotator.model is None else device)

    def tag(image: Tensor, index: int) -> str | Refused:
        (added,) = annotate([ParentSample(index, {PICTURE: as_rgb(image)})])
        return str(added.fields[found.member]) if isinstance(added, Added) else added

    return tag


def prompts_of(tagged: Sequence[str | Refused], otherwise: str) -> Prompts:
    """Return the prompts of a picture.

    Args:
        tagged: What the tagger says about the picture, or about each tile.
        otherwise: The prompt where it refuses.
    """
    texts = tuple(otherwise if isinstance(each, Refused) else each for each in tagged)
    reasons = [each.reason for each in tagged if isinstance(each, Refused)]
    return Prompts(texts, reasons[0] if reasons else "")
