"""Tags that are the captions of the samples."""

from collections.abc import Sequence

from pairgen.annotators._tags import MEMBER
from pairgen.annotators.base import Added, Annotator, ParentSample, Refused, Setup
from pairgen.errors import ConfigError

CAPTION = "txt"


def caption_tags(setup: Setup) -> Annotator:
    """Return the annotator that takes every caption as it is.

    Raises:
        ConfigError: The set has no captions.
    """
    if CAPTION not in setup.members:
        raise ConfigError(
            f"The set has no {CAPTION}: give tags by table or vocabulary, or let a captioner write "
            f"them: --add caption --set member={MEMBER}."
        )
    return Annotator(reads=(CAPTION,), adds={MEMBER: {}}, open=lambda _: _annotate)


def _annotate(samples: Sequence[ParentSample]) -> list[Added | Refused]:
    captions = [sample.fields[CAPTION].strip() for sample in samples]
    return [Added({MEMBER: each}) if each else Refused("the caption is empty") for each in captions]
