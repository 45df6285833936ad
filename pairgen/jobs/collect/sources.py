"""Open what `pairgen collect` is given: images, pairs, or edits."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pairgen.execution.inputs.images import ImageSource, open_source
from pairgen.execution.say import Say
from pairgen.kinds.collect.acceptance import (
    OneFormat,
    check_fits,
    check_label,
    check_pair,
)
from pairgen.kinds.collect.options import CollectConfig
from pairgen.redaction import url_without_secrets
from pairgen.sources.edits import find_edits
from pairgen.sources.image_file import ImageFile
from pairgen.sources.images import header_size
from pairgen.sources.pairs import PairedFiles, PairFolders, find_pair_folders, find_pairs
from pairgen.sources.passed_over import PassedOver
from pairgen.sources.photographs import ImageSize, UnusableImageError

SizeOf = Callable[[ImageFile], ImageSize]


def open_collected(config: CollectConfig, formats: OneFormat, say: Say) -> ImageSource:
    """Open the source that the options name; its images are judged by everything but pixels.

    Args:
        config: The options.
        formats: Receives the format of images that are kept.
        say: Called with what is read.

    Raises:
        ConfigError: The source cannot be opened.
    """
    if config.layout == "pairs":
        source = _open_pairs(config, say)
    elif config.layout == "edits":
        source = _open_edits(config, say)
    else:
        source = open_source(config, "size", config.size, say, config.label_column)

    def size_of(file: ImageFile) -> ImageSize:
        if config.label_column:
            check_label(file.label)
        size = source.size_of(file)
        # The first image that can be used decides on the format.
        check_fits(config, size)
        if config.format == "keep":
            formats.check(file)
        return size

    return replace(source, size_of=size_of)


def _open_pairs(config: CollectConfig, say: Say) -> ImageSource:
    folders = PairFolders(config.hr, config.lr)
    if config.pairs:
        folders = find_pair_folders(config.pairs, config.scale)
    passed_over = PassedOver()
    found = find_pairs(folders, config.scale, passed_over)
    say(f"Pairs: {folders.hr} and {folders.lr}")
    further = ("partner", "tag") if folders.tags else ("partner",)
    name = Path(config.pairs or config.hr).name
    sizes = _size_of_pair(found, config.scale)
    return ImageSource(name, iter(found.files), sizes, {}, further, passed_over)


def _size_of_pair(found: PairedFiles, scale: int) -> SizeOf:
    def size_of(file: ImageFile) -> ImageSize:
        if file.partner is None:
            raise UnusableImageError(found.reasons[file.container, file.place])
        size = header_size(file)
        check_pair(file, size, scale)
        return size

    return size_of


def _open_edits(config: CollectConfig, say: Say) -> ImageSource:
    say(f"Edits: {url_without_secrets(config.edit_triples)}")
    name = Path(config.edit_triples).name
    files = find_edits(config.edit_triples, say)
    return ImageSource(name, files, _size_of_edit, {}, ("partner",))


def _size_of_edit(file: ImageFile) -> ImageSize:
    if not file.caption:
        raise UnusableImageError("no instruction")
    size = header_size(file)
    check_pair(file, size, 1)
    return size
