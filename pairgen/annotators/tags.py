"""Words about the content: `tag.txt`, such as `dog, grass, ball`.

They come from one source: a table that another program made, a vocabulary of which CLIP chooses,
or the captions of the samples. Which image CLIP looks at is recorded: OSEDiff tags LR in the paper,
HR in the released training code.

Reference:
    Wu et al. 2024 (OSEDiff), arXiv:2406.08177; Radford et al. 2021 (CLIP), arXiv:2103.00020.
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pairgen import config
from pairgen.annotators._options import FilePath
from pairgen.annotators._tags.captions import caption_tags
from pairgen.annotators._tags.table import table_tags
from pairgen.annotators.base import Annotator, Setup
from pairgen.errors import ConfigError
from pairgen.options import Option, Options, default_of
from pairgen.rules import Checked, Integer, Number, Switch, Text
from pairgen.signature import takes

# The sources, each with the options that matter for it.
SOURCES = {
    "table": ("column",),
    "vocabulary": ("of", "template", "best", "above"),
    "captions": ("captions",),
}


def _template(name: str, value: Any) -> str:
    """Return a text with one place for a word."""
    text = config.text(name, value)
    if text.count("{}") != 1:
        raise ConfigError(
            f"{name} must hold {{}} once, where the word goes, got {config.quoted(text)}."
        )
    return text


class TagsOptions(Options):
    """Options of `tags`."""

    command = "the tags annotator"

    table: Annotated[
        str,
        FilePath(),
        Option(
            "Table of tags: csv, tsv, jsonl or Parquet, with a column key, file_name or image "
            "that names the sample."
        ),
    ] = ""
    column: Annotated[str, Text(), Option("Column that holds the tags.", default="tags or tag")] = (
        ""
    )
    captions: Annotated[bool, Switch(), Option("Use the caption of each sample as its tags.")] = (
        False
    )
    vocabulary: Annotated[
        str, FilePath(), Option("File of words, one per line, from which CLIP chooses the tags.")
    ] = ""
    of: Annotated[
        str,
        Text("hr, or a level such as lr4"),
        Option("Image that CLIP looks at: hr, or a level such as lr4."),
    ] = "hr"
    template: Annotated[
        str,
        Checked(_template, {"type": "string"}, "str"),
        Option("Text that CLIP compares with the image; the word replaces {}."),
    ] = "a photo of a {}"
    best: Annotated[
        int, Integer(1, 1000), Option("Largest number of tags, most similar first.")
    ] = 10
    above: Annotated[
        float,
        Number(-1.0, 1.0),
        Option(
            "Smallest cosine similarity between image and text that makes a word a tag, such as "
            "0.2."
        ),
    ] = -1.0


OPTIONS = TagsOptions


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> Annotator:
    """Build the annotator.

    Args:
        setup: What it works on; with a vocabulary, it needs a CLIP of transformers as its model.
        **options: The options.
    """
    chosen = OPTIONS(**options)
    source = _source(chosen)
    annotator = _build(setup, source, chosen)
    # A file may move, and what another source reads has no effect: neither is in the identity.
    places = [name for name in OPTIONS.model_fields if name not in SOURCES[source]]
    return replace(annotator, places=places)


def _source(options: TagsOptions) -> str:
    """Return where the tags come from.

    Raises:
        ConfigError: There is no source, there are several, or an option belongs to another one.
    """
    given = [name for name in SOURCES if getattr(options, name)]
    if len(given) != 1:
        raise ConfigError(
            "tags must have one source: table=FILE, such as table=tags.jsonl, "
            f"vocabulary=FILE, or captions=true; got {' and '.join(given) or 'none'}."
        )
    for source, names in SOURCES.items():
        for name in names:
            if source not in given and getattr(options, name) != default_of(OPTIONS, name):
                raise ConfigError(
                    f"{name} is for tags of a {source}, but they come from {given[0]}: leave it "
                    "out."
                )
    return given[0]


def _build(setup: Setup, source: str, options: TagsOptions) -> Annotator:
    if source == "table":
        return table_tags(setup, Path(options.table), options.column)
    if source == "captions":
        return caption_tags(setup)
    # Only CLIP needs its libraries.
    from pairgen.annotators._tags.vocabulary import Choosing, vocabulary_tags

    choosing = Choosing(template=options.template, best=options.best, above=options.above)
    return vocabulary_tags(setup, Path(options.vocabulary), options.of, choosing)
