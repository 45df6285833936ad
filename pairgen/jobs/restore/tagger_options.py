"""Options of a tagger, which writes the prompts of pictures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from pairgen.config import mapping
from pairgen.errors import ConfigError
from pairgen.member_options import MemberOptions
from pairgen.option_names import option_text
from pairgen.options import Option, default_of
from pairgen.rules import Checked, Choice, Place, Text
from pairgen.sources.texts.tables import TABLES

PICTURE, EACH_TILE = TAGGED = ("picture", "tile")


class TaggerOptions(MemberOptions):
    """Who writes a picture's prompt, and what about."""

    held = "tagger_options"

    tagger: Annotated[
        str,
        Text(),
        Option(
            "Annotator that writes the prompt of each picture: tags or caption, or the name or "
            "file of your own module.",
            "Prompts",
            "identity",
            metavar="tags|caption|NAME|FILE",
            default="none",
        ),
    ] = ""
    tagger_model: Annotated[
        str,
        Place(),
        Option(
            "Model of the tagger: a folder or a hub id, such as openai/clip-vit-large-patch14.",
            "Prompts",
            "identity",
            metavar="PATH|HUB_ID",
        ),
    ] = ""
    tagger_revision: Annotated[
        str,
        Text(),
        Option(
            "Branch, tag or commit of the tagger's hub model.", "Prompts", "identity", metavar="REV"
        ),
    ] = ""
    tagger_options: Annotated[
        Mapping[str, Any],
        Checked(mapping, {"type": ["object", "null"]}, "Mapping[str, Any]"),
        Option(
            "Options of the tagger, by name: those of the annotator.",
            "Prompts",
            "identity",
            flag=False,
        ),
    ] = Field(default_factory=dict)
    tag_each: Annotated[
        str,
        Choice(TAGGED),
        Option(
            "What the tagger looks at: the whole picture, for a single prompt, or each tile of "
            "the network, for one prompt per tile.",
            "Prompts",
            "identity",
        ),
    ] = PICTURE

    @model_validator(mode="after")
    def _check_tagger(self) -> "TaggerOptions":
        names = [name for name in TaggerOptions.model_fields if name != "tagger"]
        given = [name for name in names if getattr(self, name) != default_of(type(self), name)]
        if given and not self.tagger:
            raise ConfigError(
                f"{given[0]} is for a tagger: give tagger too, such as tags, or leave it out."
            )
        if Path(self.tagger).suffix in TABLES:
            raise ConfigError(
                f"{option_text('tagger')} must be an annotator that looks at a picture, got "
                f"{self.tagger!r}: give a table as {option_text('captions')}, and the name of its "
                f"column as {option_text('column')}."
            )
        return self
