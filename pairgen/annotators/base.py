"""How to write an annotator.

An annotator adds members or columns to the samples of a set that stands. It is a file in this
folder (or a module of your own) that defines

    build(*, setup: Setup, **options) -> Annotator

`build` loads no weights: it says what is read of a sample and what is added, so that a plan can be
made on a machine without a GPU. `Annotator.open` then returns the function that annotates:

    def build(*, setup, level=128):
        picture = picture_member(setup.members)

        def annotate(samples):
            brightness = [float(sample.fields[picture].mean()) for sample in samples]
            return [Added(facts={"brightness": each}) for each in brightness]

        return Annotator(reads=(picture,), facts=("brightness",), open=lambda device: annotate)

An annotator in this folder declares its options as a class of fields, `OPTIONS` (see
`pairgen.options`); a module of your own may name them in the signature of `build` instead.

Everything random of a sample comes from `generator_for(setup.seed, sample.index, Stream...)`. What
is added to a sample depends on that sample, the options and the weights alone; the batch may change
its last bits, so batches are the same in every run. `tests/annotators/test_contract.py` finds new
annotators automatically.

An annotator that reads one image and adds one text is a tagger of `pairgen restore` too. There,
`setup.members` says 1 x 1 px of pictures of any size.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pairgen.asked_model import Model
from pairgen.config import did_you_mean
from pairgen.errors import ConfigError

# A member's dtype and shape, as in `Plan.members`; empty for text.
Spec = Mapping[str, Any]
# Names of the image that a sample of pairgen's sets is about.
PICTURES = ("png", "jpg", "webp")


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What an annotator works on.

    Attributes:
        members: The members of the set, as in `Plan.members`.
        seed: The seed of the set.
        model: The model that the user gave, or the set's teacher; None if there is neither.
        batch_size: Largest number of samples that are annotated together.
    """

    members: Mapping[str, Spec]
    seed: int = 0
    model: Model | None = None
    batch_size: int = 1


@dataclass(frozen=True)
class ParentSample:
    """A sample of the set.

    Attributes:
        index: Its slot.
        fields: The members that the annotator reads, decoded: images as [H, W, C] uint8 (RGB, or
            one channel) or uint16, arrays, texts, and `json` as a mapping.
    """

    index: int
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Added:
    """What is added to a sample.

    Attributes:
        fields: Every added member: an image as pixels [H, W, C], an array, or text.
        facts: Every added column: a float, an integer, a boolean or text, of one type in all
            samples.
    """

    fields: Mapping[str, NDArray[Any] | str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """A sample that cannot be annotated, so that it is left out of the overlay.

    Attributes:
        reason: Why, as part of a sentence.
    """

    reason: str


Annotate = Callable[[Sequence[ParentSample]], Sequence[Added | Refused]]


@dataclass(frozen=True, kw_only=True)
class Annotator:
    """What an annotator reads and adds, and how it is loaded.

    Attributes:
        reads: Members of the set that it reads.
        adds: Members that it adds, with dtype and shape; {} for text.
        facts: Columns that it adds.
        open: Loads what it needs onto a device; returns the function that annotates at most
            `Setup.batch_size` samples, in order.
        model: The model that it uses; None for none. Only with a model is a GPU used.
        identity: Plain data that distinguishes its weights and files.
        places: Options that only say where files lie; `identity` holds what is in them.
        distinct: A member of `reads`, if what is added depends on nothing else. Then each of its
            distinct values is annotated once per shard; if it is `txt` and no column is added, once
            per set, and samples find it by their text (`pairgen.shards.overlays.values`).
    """

    reads: Sequence[str]
    open: Callable[[torch.device], Annotate]
    adds: Mapping[str, Spec] = field(default_factory=dict)
    facts: Sequence[str] = ()
    model: Model | None = None
    identity: Mapping[str, Any] = field(default_factory=dict)
    places: Sequence[str] = ()
    distinct: str = ""


def picture_member(members: Mapping[str, Spec], name: str = "") -> str:
    """Return the name of the RGB image that is annotated.

    Args:
        members: The members of the set.
        name: The member that the user chose; empty for the set's image or HR crop.

    Raises:
        ConfigError: The set has no such image.
    """
    pictures = sorted(each for each in members if each.rpartition(".")[2] in PICTURES)
    if not pictures:
        raise ConfigError(
            "The set has no images to annotate: of a set of pairs, `pairgen collect --from-ode "
            "SET` makes a dataset of its images."
        )
    found = ", ".join(pictures)
    if not name:
        name = next((each for each in PICTURES if each in members), "")
        if not name:
            raise ConfigError(f"The set has no {', '.join(PICTURES)}; its images are {found}.")
    if name not in pictures:
        raise ConfigError(
            f"The set has no image {name!r}{did_you_mean(name, pictures)}; its images are {found}."
        )
    if list(members[name]["shape"][2:]) != [3]:
        raise ConfigError(f"{name} must be an RGB image, got one of one channel.")
    return name


def one_channel(picture: Spec) -> dict[str, Any]:
    """Return the spec of an image of one channel, as large as another one."""
    height, width, _ = picture["shape"]
    return {"dtype": "uint8", "shape": [height, width, 1]}


def gray(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the gray values [H, W] of an RGB image [H, W, 3], by OpenCV's weights."""
    import cv2

    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
