"""What a captioner says about the image of a sample: `txt`, or `caption.txt` beside one.

Text is generated without chance: the most likely token each time, or by beam search.

Reference:
    Li et al. 2022 (BLIP), arXiv:2201.12086; Wang et al. 2022 (GIT), arXiv:2205.14100.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import torch
from transformers import BertTokenizer

from pairgen.annotators._encoding import padded
from pairgen.annotators._options import PictureOptions
from pairgen.annotators._transformers.model import VisionModel, find_vision_model
from pairgen.annotators._transformers.preparation import read_preparation
from pairgen.annotators._transformers.tokenizer import load_tokenizer
from pairgen.annotators.base import (
    Added,
    Annotate,
    Annotator,
    ParentSample,
    Refused,
    Setup,
    Spec,
    picture_member,
)
from pairgen.errors import ConfigError
from pairgen.options import Option
from pairgen.rules import Choice, Integer, Text
from pairgen.signature import takes
from pairgen.teachers._pretrained.quiet import quiet

TEXT, BESIDE, TAGS = "txt", "caption.txt", "tag.txt"
NETWORKS = {"blip": "BlipForConditionalGeneration", "git": "GitForCausalLM"}


class CaptionOptions(PictureOptions):
    """Options of `caption`."""

    command = "the caption annotator"

    prompt: Annotated[str, Text(), Option("Beginning of every caption, such as 'a photo of'.")] = ""
    max_tokens: Annotated[
        int, Integer(1, 500), Option("Largest number of tokens after the prompt.")
    ] = 30
    beams: Annotated[
        int, Integer(1, 64), Option("Beams of the search; 1 takes the most likely token.")
    ] = 1
    member: Annotated[
        str,
        Choice((TEXT, BESIDE, TAGS), or_empty=True),
        Option("Member to add.", default="txt, or caption.txt if the set has txt"),
    ] = ""


OPTIONS = CaptionOptions


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> Annotator:
    """Build the annotator.

    Args:
        setup: What it works on; it needs a captioner of transformers as its model.
        **options: The options.
    """
    chosen = OPTIONS(**options)
    picture = picture_member(setup.members, chosen.image)
    found = find_vision_model(setup.model, NETWORKS, "Salesforce/blip-image-captioning-base")
    if found.config.get("num_image_with_embedding"):
        raise ConfigError(f"model must caption images, got {found.model.name}, which takes videos.")
    member = chosen.member or _free_member(setup.members)
    return Annotator(
        reads=(picture,),
        adds={member: {}},
        open=lambda device: _open(found, picture, member, chosen, setup.batch_size, device),
        model=found.model,
        identity=found.identity,
    )


def _free_member(members: Mapping[str, Spec]) -> str:
    return BESIDE if TEXT in members else TEXT


def _open(
    found: VisionModel,
    picture: str,
    member: str,
    options: CaptionOptions,
    batch_size: int,
    device: torch.device,
) -> Annotate:
    is_blip = found.config["model_type"] == "blip"
    # Of a size of one number, BLIP takes both sides; GIT, which takes CLIP's class, the shorter.
    prepare = read_preparation(found.snapshot, square=is_blip)
    network = found.load(device)
    tokenizer = load_tokenizer(BertTokenizer, found.snapshot, "vocab.txt")
    asked = {"do_sample": False, "num_beams": options.beams, "max_new_tokens": options.max_tokens}
    # Both begin with [CLS]; BLIP takes the [SEP] of a prompt away itself.
    ids = tokenizer(options.prompt).input_ids[: None if is_blip else -1]

    @torch.no_grad()
    def annotate(samples: Sequence[ParentSample]) -> list[Added | Refused]:
        pictures = padded([prepare(sample.fields[picture]) for sample in samples], batch_size)
        # BLIP writes into the prompt, so each batch gets its own.
        prompts = torch.tensor([ids] * batch_size, device=device)
        with quiet():
            found = network.generate(
                pixel_values=torch.from_numpy(np.stack(pictures)).to(device),
                input_ids=prompts,
                attention_mask=torch.ones_like(prompts),
                **asked,
            )
        texts = tokenizer.batch_decode(found[: len(samples)], skip_special_tokens=True)
        return [_stored(" ".join(text.split()), member) for text in texts]

    return annotate


def _stored(text: str, member: str) -> Added | Refused:
    return Added({member: text}) if text else Refused("the caption is empty")
