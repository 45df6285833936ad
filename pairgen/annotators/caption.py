"""What a captioner says about the image of a sample: `txt`, or `caption.txt` beside one.

Text is generated without chance: the most likely token each time, or by beam search.

Reference:
    Li et al. 2022 (BLIP), arXiv:2201.12086; Wang et al. 2022 (GIT), arXiv:2205.14100.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from transformers import BertTokenizer

from pairgen.annotators._encoding import padded
from pairgen.annotators._options import PictureOptions
from pairgen.annotators._transformers.tokenizer import load_tokenizer
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
from pairgen.option_names import option_text
from pairgen.options import Option
from pairgen.rules import Choice, Integer, Text
from pairgen.signature import takes
from pairgen.teachers._pretrained.quiet import quiet
from pairgen.vision.model import VisionModel, find_vision_model
from pairgen.vision.preparation import read_preparation

TEXT, BESIDE, TAGS = "txt", "caption.txt", "tag.txt"
NETWORKS = {"blip": "BlipForConditionalGeneration", "git": "GitForCausalLM"}


class CaptionOptions(PictureOptions):
    """Options of `caption`."""

    command = "the caption annotator"

    prompt: Annotated[str, Text(), Option("Beginning of every caption, such as 'a photo of'.")] = ""
    max_tokens: Annotated[
        int, Integer(1, 1000), Option("Largest number of tokens after the prompt.")
    ] = 30
    beams: Annotated[
        int, Integer(1, 64), Option("Number of beams of the beam search; 1 for greedy decoding.")
    ] = 1
    member: Annotated[
        str,
        Choice((TEXT, BESIDE, TAGS), or_empty=True),
        Option("Member to add.", default="txt, or caption.txt if the dataset has txt"),
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
        raise ConfigError(
            f"{option_text('model', 'pairgen annotate')} must caption images, got "
            f"{found.model.name}, which takes videos."
        )
    tokenizer = load_tokenizer(BertTokenizer, found.snapshot, "vocab.txt")
    prompt = tokenizer(chosen.prompt).input_ids
    longest = _longest_text(found)
    if len(prompt) + chosen.max_tokens > longest:
        raise ConfigError(
            f"max_tokens must be at most {max(longest - len(prompt), 0)} after this prompt, since "
            f"{found.model.name} knows {longest} positions, got {chosen.max_tokens}."
        )
    # Both begin with [CLS]; BLIP takes the [SEP] of a prompt away itself.
    ids = prompt if _is_blip(found) else prompt[:-1]
    # The captions of a set that has none are its texts.
    member = chosen.member or (BESIDE if TEXT in setup.members else TEXT)
    asked = {"do_sample": False, "num_beams": chosen.beams, "max_new_tokens": chosen.max_tokens}

    def annotate_on(device: torch.device) -> Annotate:
        say = _captioner(found, tokenizer, ids, asked, device)

        def annotate(samples: Sequence[ParentSample]) -> list[Added | Refused]:
            pictures = [sample.fields[picture] for sample in samples]
            texts = say(padded(pictures, setup.batch_size))
            return [_stored(text, member) for text in texts[: len(samples)]]

        return annotate

    return Annotator(
        reads=(picture,),
        adds={member: {}},
        open=annotate_on,
        model=found.model,
        identity=found.identity,
    )


def _is_blip(found: VisionModel) -> bool:
    return bool(found.config["model_type"] == "blip")


def _longest_text(found: VisionModel) -> int:
    """Return the number of positions that a captioner knows; its file leaves a default out."""
    described = getattr(transformers, found.network).config_class.from_dict(dict(found.config))
    return int(described.get_text_config().max_position_embeddings)


def _captioner(
    found: VisionModel,
    tokenizer: Any,
    ids: Sequence[int],
    asked: Mapping[str, Any],
    device: torch.device,
) -> Callable[[Sequence[NDArray[np.uint8]]], list[str]]:
    """Load a captioner; return the function that captions images [H, W, 3]."""
    # Of a size of one number, BLIP takes both sides; GIT, which takes CLIP's class, the shorter.
    prepare = read_preparation(found.snapshot, square=_is_blip(found))
    network = found.load(device)

    @torch.no_grad()
    def say(pictures: Sequence[NDArray[np.uint8]]) -> list[str]:
        values = torch.from_numpy(np.stack([prepare(each) for each in pictures])).to(device)
        # BLIP writes into the prompt, so each batch gets its own.
        prompts = torch.tensor([ids] * len(pictures), device=device)
        with quiet():
            generated = network.generate(
                pixel_values=values,
                input_ids=prompts,
                attention_mask=torch.ones_like(prompts),
                **asked,
            )
        texts = tokenizer.batch_decode(generated, skip_special_tokens=True)
        return [" ".join(text.split()) for text in texts]

    return say


def _stored(text: str, member: str) -> Added | Refused:
    return Added({member: text}) if text else Refused("the caption is empty")
